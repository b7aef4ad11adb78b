/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pslist.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/time.h"

#define STAT_MAX    4096
#define CMDLINE_MAX 4096 /* bytes of a command line that are shown */

struct ps {
	uid_t uid;
	char name[32];
	int ppid;
	unsigned long long utime, stime, start; /* clock ticks */
	long tty;
};

/* Behind the name, proc(5): state, parent, group, session, terminal; 11 and 12 user and system time, 19 the start. */
static int parse_fields(const char *s, struct ps *p)
{
	unsigned long long v[20];
	size_t n = 0;

	for (; n < ARRAY_SIZE(v); n++) {
		char *end;

		s += strspn(s, " ");
		v[n] = strtoull(s, &end, 10);
		/* The state is a letter. */
		s = n ? end : s + strcspn(s, " ");
		if (n && *s != ' ')
			return -EIO;
	}
	p->ppid = (int)v[1];
	p->tty = (long)v[4];
	p->utime = v[11];
	p->stime = v[12];
	p->start = v[19];
	return 0;
}

static int read_stat(pid_t pid, struct ps *p)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *open, *close;
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) < 0)
		return -errno;
	p->uid = st.st_uid;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(AT_FDCWD, path, STAT_MAX, &text, NULL) < 0)
		return -ESRCH;
	open = strchr(text.buf, '(');
	close = strrchr(text.buf, ')');
	if (!open || !close || close < open)
		return -EIO;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)(close - open - 1), open + 1);
	return parse_fields(close + 1, p);
}

static void terminal_name(long tty, char out[16])
{
	unsigned int major = (unsigned int)(tty >> 8) & 0xfff;
	unsigned int minor = ((unsigned int)tty & 0xff) | (((unsigned int)tty >> 12) & 0xfff00);

	if (!tty)
		snprintf(out, 16, "?");
	else if (major >= 136 && major <= 143) /* UNIX98_PTY_SLAVE_MAJOR */
		snprintf(out, 16, "pts/%u", minor);
	else
		snprintf(out, 16, "tty%u", minor);
}

static int add_command(struct strbuf *out, pid_t pid, const struct ps *p)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (file_read(AT_FDCWD, path, 1u << 20, &text, NULL) < 0 || !text.len)
		return strbuf_addf(out, "[%s]\n", p->name); /* a zombie */
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.buf[i] < ' ')
			text.buf[i] = ' ';
	strbuf_trim_end(&text);
	return strbuf_addf(out, "%.*s\n", CMDLINE_MAX, text.buf);
}

static int add_row(struct strbuf *out, pid_t pid)
{
	unsigned long long tick = (unsigned long long)sysconf(_SC_CLK_TCK), cpu, age;
	uint64_t now = time_boot_usec() / USEC_PER_SEC;
	char tty[16];
	struct ps p = { 0 };
	uint64_t began;

	if (read_stat(pid, &p) < 0)
		return 0; /* it has ended */
	terminal_name(p.tty, tty);
	cpu = (p.utime + p.stime) / tick;
	age = now > p.start / tick ? now - p.start / tick : 1;
	began = (time_wall_nsec() / NSEC_PER_SEC - age) % 86400; /* UTC */
	if (strbuf_addf(out, "%-8u %7d %7d %2llu %02u:%02u %-8s %02llu:%02llu:%02llu ", p.uid,
			(int)pid, p.ppid, cpu * 100 / age > 99 ? 99 : cpu * 100 / age,
			(unsigned int)(began / 3600), (unsigned int)(began / 60 % 60), tty,
			cpu / 3600, cpu / 60 % 60, cpu % 60) < 0)
		return -ENOMEM;
	return add_command(out, pid, &p);
}

static int check_args(char *const *args, size_t n, struct error *err)
{
	static const char *const known[] = { "-ef", "-e", "-f", "-A", "-Af", "-fe", "aux" };

	for (size_t i = 0; i < n; i++) {
		bool ok = false;

		for (size_t j = 0; j < ARRAY_SIZE(known); j++)
			ok |= str_eq(args[i], known[j]);
		if (!ok)
			return error_set(err, -EOPNOTSUPP, "ps option \"%.64s\" is not supported",
					 args[i]);
	}
	return 0;
}

int pslist_write(struct strbuf *out, const char *format, char *const *args, size_t n_args,
		 const pid_t *pids, size_t n, struct error *err)
{
	int r;

	if (str_eq(format, "json")) {
		r = strbuf_addch(out, '[');
		for (size_t i = 0; r == 0 && i < n; i++)
			r = strbuf_addf(out, "%s%d", i ? "," : "", (int)pids[i]);
		if (r == 0)
			r = strbuf_addch(out, ']');
		return r < 0 ? error_oom(err) : 0;
	}
	if (*format && !str_eq(format, "table"))
		return error_set(err, -EINVAL, "format: \"%.32s\" is neither json nor table",
				 format);
	if (check_args(args, n_args, err) < 0)
		return err->code;
	r = strbuf_addstr(out, "UID          PID    PPID  C STIME TTY          TIME CMD\n");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_row(out, pids[i]);
	return r < 0 ? error_oom(err) : 0;
}
