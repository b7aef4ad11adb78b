/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/time.h"
#include "codec/json.h"

#define REPORT_FORMAT	1 /* of the JSON: see the header */
#define LIVE_INTERVAL	(USEC_PER_SEC / 10)
#define JSON_INTERVAL	(USEC_PER_SEC / 5)
#define PLAIN_INTERVAL	(10 * USEC_PER_SEC)
#define COLUMNS_DEFAULT 80
/* ECMA-48: back to the first column, and "erase in line" from there. */
#define ERASE_LINE "\r\033[K"

const struct cli_option cli_report_options[] = {
	{ "quiet", NULL, "say nothing but warnings and errors",
	  CLI_FLAG(struct report_args, quiet) },
	{ "json", NULL, "tell progress and results as JSON on standard output, one object a line",
	  CLI_FLAG(struct report_args, json) },
	{ "json-file", "FILE", "the same, into a file (/dev/fd/N for an open descriptor)",
	  CLI_STRING(struct report_args, json_file) },
	{ NULL },
};

/* Signals that end the program, from a terminal mostly. */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
/* The live line is on the terminal: a handler has nothing else to know it by. */
static volatile sig_atomic_t line_is_drawn;

/* The line goes away, then the signal does what it always does (SA_RESETHAND), as soon as this returns. */
static void on_ending(int signo)
{
	static const char erase[] = ERASE_LINE;

	if (line_is_drawn && write(STDERR_FILENO, erase, sizeof(erase) - 1) < 0)
		line_is_drawn = 0; /* nobody can be told */
	raise(signo);
}

/* `from` is replaced by `to`; what is ignored (nohup) stays ignored. */
static void handle_ending(void (*from)(int), void (*to)(int))
{
	struct sigaction old, act = { .sa_handler = to, .sa_flags = SA_RESTART | SA_RESETHAND };

	sigemptyset(&act.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler == from)
			sigaction(ending[i], &act, NULL);
}

/* All of r->line in one write, so that lines of several programs do not mix. */
static void put_line(struct report *r)
{
	int code = fd_write_full(r->fd, r->line.buf, r->line.len);

	if (code < 0 && !r->failed)
		r->failed = code;
}

/* What is on the terminal goes away. */
static int begin_line(struct report *r)
{
	bool drawn = r->drawn;

	strbuf_reset(&r->line);
	r->drawn = false;
	line_is_drawn = 0;
	return drawn ? strbuf_addstr(&r->line, ERASE_LINE) : 0;
}

static size_t columns(int fd)
{
	struct winsize w;

	return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : COLUMNS_DEFAULT;
}

/* The last column stays free: some terminals go to the next line when it is written to. */
static void draw(struct report *r, const struct progress_state *s)
{
	if (begin_line(r) < 0 || (!r->line.len && strbuf_addstr(&r->line, ERASE_LINE) < 0) ||
	    report_live_line(s, columns(r->fd) - 1, &r->line) < 0)
		return;
	line_is_drawn = 1;
	put_line(r);
	r->drawn = true;
}

static void on_stage(void *data, enum progress_event e, const struct progress_state *s)
{
	struct report *r = data;

	if (r->style == REPORT_LIVE && e != PROGRESS_END) {
		draw(r, s);
	} else if (r->style == REPORT_PLAIN && e != PROGRESS_BEGIN) {
		strbuf_reset(&r->line);
		if (strbuf_addstr(&r->line, "osbuilder: ") == 0 &&
		    report_plain_line(e, s, &r->line) == 0 && strbuf_addch(&r->line, '\n') == 0)
			put_line(r);
	} else if (r->style == REPORT_JSON) {
		strbuf_reset(&r->line);
		if (report_json_line(e, s, &r->line) == 0 && strbuf_addch(&r->line, '\n') == 0)
			put_line(r);
	}
}

static int json_warning(struct report *r, const char *text)
{
	_cleanup_strbuf_ struct strbuf safe = STRBUF_INIT;
	struct json_out o;
	int code = escape_utf8(&safe, text);

	json_out_init(&o, &r->line, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "event", "warning");
	json_out_string(&o, "message", safe.buf);
	json_out_end(&o);
	return code < 0 ? code : json_out_finish(&o);
}

static void on_warn(void *data, const char *text)
{
	struct report *r = data;
	int code = begin_line(r);

	if (r->style == REPORT_JSON)
		code |= json_warning(r, text);
	else
		code |= strbuf_addstr(&r->line, "osbuilder: warning: ") |
			escape_text(&r->line, text);
	if (code == 0 && strbuf_addch(&r->line, '\n') == 0)
		put_line(r);
}

/* An object of the result's list. */
static int json_output(struct report *r, const struct progress_output *p)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	struct json_out o;
	int code = escape_utf8(&path, p->path);

	if (r->outputs.len)
		code |= strbuf_addch(&r->outputs, ',');
	json_out_init(&o, &r->outputs, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "kind", p->kind);
	json_out_string(&o, "path", path.buf);
	if (p->size)
		json_out_u64(&o, "size", p->size);
	else
		json_out_null(&o, "size");
	json_out_string(&o, "sha512", p->sha512);
	if (p->sha512)
		json_out_u64(&o, "sha512_size", p->sha512_size);
	else
		json_out_null(&o, "sha512_size");
	json_out_string(&o, "root_hash", p->root_hash);
	if (p->unchanged)
		json_out_bool(&o, "unchanged", true);
	json_out_end(&o);
	return code | json_out_finish(&o);
}

/* "osbuilder: image kata.img: 128.0 MiB, root hash HEX" */
static int text_output(struct report *r, const struct progress_output *p)
{
	int code = begin_line(r);

	code |= strbuf_addf(&r->line, "osbuilder: %s ", p->kind) | escape_text(&r->line, p->path);
	if (p->size)
		code |= strbuf_addstr(&r->line, ": ") | report_size(p->size, &r->line);
	if (p->root_hash)
		code |= strbuf_addf(&r->line, ", root hash %s", p->root_hash);
	if (p->unchanged)
		code |= strbuf_addstr(&r->line, ", nothing has changed");
	return code | strbuf_addch(&r->line, '\n');
}

static void on_output(void *data, const struct progress_output *p)
{
	struct report *r = data;

	if (r->style == REPORT_JSON) {
		if (json_output(r, p) != 0 && !r->failed)
			r->failed = -ENOMEM;
	} else if (r->style != REPORT_QUIET && text_output(r, p) == 0) {
		put_line(r);
	}
}

static const struct progress_ops report_ops = { on_stage, on_warn, on_output };

static int choose_style(struct report *r, const struct report_args *a, struct error *err)
{
	const char *wish = getenv("OSBUILDER_PROGRESS"), *term = getenv("TERM");

	r->fd = STDERR_FILENO;
	if (a->json && a->json_file)
		return error_set(err, -EINVAL, "--json and --json-file exclude each other");
	if (a->json || a->json_file) {
		r->style = REPORT_JSON;
		r->fd = STDOUT_FILENO;
		r->where = "standard output";
	} else if (a->quiet || str_eq(wish, "quiet")) {
		r->style = REPORT_QUIET;
	} else if (str_eq(wish, "plain")) {
		r->style = REPORT_PLAIN;
	} else if (str_eq(wish, "live")) {
		r->style = REPORT_LIVE;
	} else if (wish && *wish) {
		return error_set(err, -EINVAL,
				 "OSBUILDER_PROGRESS: '%s' is none of live, plain, quiet", wish);
	} else {
		const bool live = isatty(r->fd) && term && *term && !str_eq(term, "dumb");

		r->style = live ? REPORT_LIVE : a->only_live ? REPORT_QUIET : REPORT_PLAIN;
	}
	if (!a->json_file)
		return 0;
	r->fd = open(a->json_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	r->fd_owned = true;
	r->where = a->json_file;
	return r->fd < 0 ? error_sys(err, -errno, "cannot open '%s'", a->json_file) : 0;
}

static int json_start(struct report *r, const struct cli_command *c)
{
	struct json_out o;

	json_out_init(&o, &r->line, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "event", "start");
	json_out_u64(&o, "format", REPORT_FORMAT);
	json_out_string(&o, "program", "osbuilder");
	json_out_string(&o, "version", KATA_VERSION);
	json_out_string(&o, "command", c->name);
	json_out_end(&o);
	return json_out_finish(&o) | strbuf_addch(&r->line, '\n');
}

int report_open(struct report *r, const struct report_args *a, const struct cli_command *c,
		struct error *err)
{
	static const uint64_t intervals[] = { [REPORT_QUIET] = UINT64_MAX / 2,
					      [REPORT_PLAIN] = PLAIN_INTERVAL,
					      [REPORT_LIVE] = LIVE_INTERVAL,
					      [REPORT_JSON] = JSON_INTERVAL };
	int code = choose_style(r, a, err);

	if (code < 0)
		return error_wrap(err, code, "%s", c->name);
	progress_init(&r->progress, &report_ops, r, intervals[r->style]);
	r->open = true;
	if (r->style == REPORT_LIVE)
		handle_ending(SIG_DFL, on_ending);
	if (r->style != REPORT_JSON)
		return 0;
	if (json_start(r, c) != 0)
		return error_oom(err);
	put_line(r);
	return 0;
}

static int json_result(struct report *r, const struct cli_command *c, int code,
		       const struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_out o;
	int bad = code < 0 ? escape_utf8(&text, error_text(err)) : 0;

	strbuf_reset(&r->line);
	json_out_init(&o, &r->line, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "event", "result");
	json_out_i64(&o, "status", cli_status(c, code));
	json_out_string(&o, "error", code < 0 ? text.buf : NULL);
	json_out_string(&o, "hint", code < 0 ? cli_hint(err) : NULL);
	json_out_end(&o);
	bad |= json_out_finish(&o);
	if (bad || r->line.buf[r->line.len - 1] != '}')
		return -ENOMEM;
	strbuf_setlen(&r->line, r->line.len - 1); /* the list was written object by object */
	return strbuf_addf(&r->line, ",\"outputs\":[%s]}\n", code < 0 ? "" : r->outputs.buf);
}

int report_finish(struct report *r, const struct cli_command *c, int code, struct error *err)
{
	if (!r->open || r->style != REPORT_JSON)
		return code;
	if (json_result(r, c, code, err) < 0)
		return code < 0 ? code : error_oom(err);
	put_line(r);
	if (r->failed && code >= 0)
		return error_sys(err, r->failed, "cannot write to %s", r->where);
	return code;
}

void report_clear(struct report *r)
{
	if (r->open && begin_line(r) == 0 && r->line.len)
		put_line(r);
}

void report_close(struct report *r)
{
	report_clear(r);
	if (r->open)
		progress_release(&r->progress);
	if (r->open && r->style == REPORT_LIVE)
		handle_ending(on_ending, SIG_DFL);
	if (r->fd_owned)
		fd_close(r->fd);
	r->fd = -1;
	r->open = r->fd_owned = false;
	strbuf_release(&r->line);
	strbuf_release(&r->outputs);
}
