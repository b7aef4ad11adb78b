/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/strbuf.h"
#include "base/time.h"

#define MAX_FIELDS  4
#define MAX_VALUE   128
#define MAX_MESSAGE 2048

struct field {
	char key[32];
	char value[MAX_VALUE];
};

static struct {
	struct log_config cfg;
	struct field fields[MAX_FIELDS];
	int syslog_fd;
} state = {
	.cfg = { .name = "kata",
		 .source = "kata",
		 .level = LOG_L_WARN,
		 .format = LOG_F_PLAIN,
		 .fd = 2 },
	.syslog_fd = -1,
};

static const char *const level_names[] = { "error", "warning", "info", "debug", "trace" };

void log_init(const struct log_config *cfg)
{
	state.cfg = *cfg;
	state.syslog_fd = fd_close(state.syslog_fd);
}

void log_set_level(enum log_level level)
{
	state.cfg.level = level;
}

int log_level_parse(const char *word, enum log_level *ret)
{
	static const struct {
		const char *word;
		enum log_level level;
	} words[] = {
		{ "critical", LOG_L_ERROR }, { "fatal", LOG_L_ERROR }, { "panic", LOG_L_ERROR },
		{ "error", LOG_L_ERROR },    { "warn", LOG_L_WARN },   { "warning", LOG_L_WARN },
		{ "info", LOG_L_INFO },	     { "debug", LOG_L_DEBUG }, { "trace", LOG_L_TRACE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(word, words[i].word)) {
			*ret = words[i].level;
			return 0;
		}
	return -EINVAL;
}

int log_set_field(const char *key, const char *value)
{
	struct field *slot = NULL;

	for (int i = 0; i < MAX_FIELDS; i++) {
		struct field *f = &state.fields[i];

		if (!strncmp(f->key, key, sizeof(f->key))) {
			slot = f;
			break;
		}
		if (!f->key[0] && !slot)
			slot = f;
	}
	if (!slot)
		return value ? -ENOSPC : 0;
	if (!value) {
		slot->key[0] = '\0';
		return 0;
	}
	snprintf(slot->key, sizeof(slot->key), "%s", key);
	snprintf(slot->value, sizeof(slot->value), "%s", value);
	return 0;
}

static int add_json(struct strbuf *sb, const char *key, const char *value)
{
	int r = strbuf_addf(sb, "%s\"%s\":\"", sb->len > 1 ? "," : "", key);

	if (r == 0)
		r = strbuf_add_json(sb, value);
	return r < 0 ? r : strbuf_addch(sb, '"');
}

static int add_logfmt(struct strbuf *sb, const char *key, const char *value, bool quote)
{
	int r = strbuf_addf(sb, "%s%s=%s", sb->len ? " " : "", key, quote ? "\"" : "");

	if (r == 0)
		r = strbuf_add_json(sb, value);
	return r < 0 || !quote ? r : strbuf_addch(sb, '"');
}

/* The keys of upstream's agent: its log parser unpacks these. */
static int format_json(struct strbuf *sb, const char *level, const char *msg, const char *when)
{
	char pid[16];
	int r = strbuf_addch(sb, '{');

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (r == 0)
		r = add_json(sb, "msg", msg);
	if (r == 0)
		r = add_json(sb, "level", level);
	if (r == 0)
		r = add_json(sb, "ts", when);
	if (r == 0)
		r = add_json(sb, "name", state.cfg.name);
	if (r == 0)
		r = add_json(sb, "source", state.cfg.source);
	if (r == 0)
		r = add_json(sb, "subsystem", state.cfg.name);
	if (r == 0)
		r = add_json(sb, "pid", pid);
	if (r == 0)
		r = add_json(sb, "version", KATA_VERSION);
	for (int i = 0; i < MAX_FIELDS && r == 0; i++)
		if (state.fields[i].key[0])
			r = add_json(sb, state.fields[i].key, state.fields[i].value);
	return r < 0 ? r : strbuf_addstr(sb, "}\n");
}

static int format_logfmt(struct strbuf *sb, const char *level, const char *msg, const char *when)
{
	int r = add_logfmt(sb, "time", when, true);

	if (r == 0)
		r = add_logfmt(sb, "level", level, false);
	if (r == 0)
		r = add_logfmt(sb, "msg", msg, true);
	if (r == 0)
		r = add_logfmt(sb, "name", state.cfg.name, false);
	if (r == 0)
		r = strbuf_addf(sb, " pid=%d", (int)getpid());
	if (r == 0)
		r = add_logfmt(sb, "source", state.cfg.source, false);
	for (int i = 0; i < MAX_FIELDS && r == 0; i++)
		if (state.fields[i].key[0])
			r = add_logfmt(sb, state.fields[i].key, state.fields[i].value, false);
	return r < 0 ? r : strbuf_addch(sb, '\n');
}

static void to_fd(const char *level, const char *msg)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	char when[TIME_RFC3339_MAX];
	int r;

	if (state.cfg.fd < 0)
		return;
	time_rfc3339(when, time_wall_nsec());
	if (state.cfg.format == LOG_F_JSON)
		r = format_json(&sb, level, msg, when);
	else if (state.cfg.format == LOG_F_TEXT)
		r = format_logfmt(&sb, level, msg, when);
	else
		r = strbuf_addf(&sb, "%s: %s\n", state.cfg.name, msg);
	if (r == 0 && write(state.cfg.fd, sb.buf, sb.len) < 0) {
		/* Nobody is left to tell. */
	}
}

/* RFC 3164 to the local daemon: <facility|severity>tag[pid]: text. Facility 3 (daemon). */
static void to_syslog(enum log_level level, const char *msg)
{
	static const int severity[] = { 3, 4, 6, 7, 7 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	char line[MAX_MESSAGE + 128];
	int n;

	if (state.syslog_fd < 0) {
		state.syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (state.syslog_fd >= 0 &&
		    connect(state.syslog_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
			state.syslog_fd = fd_close(state.syslog_fd);
		if (state.syslog_fd < 0)
			return;
	}
	n = snprintf(line, sizeof(line), "<%d>%s[%d]: %s", 3 << 3 | severity[level], state.cfg.name,
		     (int)getpid(), msg);
	if (n > 0 &&
	    send(state.syslog_fd, line, MIN((size_t)n, sizeof(line) - 1), MSG_NOSIGNAL) < 0 &&
	    errno != EAGAIN)
		state.syslog_fd = fd_close(state.syslog_fd);
}

void log_vwrite(enum log_level level, const char *fmt, va_list ap)
{
	char msg[MAX_MESSAGE];
	int saved = errno;

	if (level > state.cfg.level)
		return;
	vsnprintf(msg, sizeof(msg), fmt, ap);
	to_fd(level_names[level], msg);
	if (state.cfg.syslog)
		to_syslog(level, msg);
	errno = saved;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, fmt, ap);
	va_end(ap);
}
