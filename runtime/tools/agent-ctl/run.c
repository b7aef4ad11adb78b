/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines, one after another. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "tools/agent-ctl/ctl.h"

static int print_answer(const struct ctl *c, const struct strbuf *json, struct error *err)
{
	if (c->quiet)
		return 0;
	if (printf("%s\n", json->buf) < 0 || fflush(stdout) == EOF)
		return error_sys(err, -errno, "standard output");
	return 0;
}

static int run_call(struct ctl *c, const struct ctl_line *line, struct error *err)
{
	_cleanup_ctl_request_ struct ctl_request req = CTL_REQUEST_INIT;
	_cleanup_strbuf_ struct strbuf json = STRBUF_INIT;
	enum ttrpc_code code = TTRPC_OK;
	int r = ctl_request_build(&c->values, line->name, line, &req, err);

	if (r < 0)
		return r;
	r = ctl_call(c, &req, &json, &code, err);
	if (r < 0)
		return error_prefix(err, "%s: %s", req.method->name, ttrpc_code_name(code));
	return print_answer(c, &json, err);
}

static const struct ctl_builtin *find_builtin(const char *name)
{
	for (const struct ctl_builtin *b = ctl_builtins; b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

static int run_once(struct ctl *c, const char *text, const struct ctl_line *line, struct error *err)
{
	const struct ctl_builtin *b = find_builtin(line->name);
	int r;

	if (!b)
		return run_call(c, line, err);
	r = b->fn(c, ctl_line_rest(text), line, err);
	return r < 0 ? error_prefix(err, "%s", b->name) : 0;
}

/* An error that is passed over is counted and shown. */
static int pass_over(struct ctl *c, int r, const struct error *err)
{
	if (r == 0 || !c->ignore_errors)
		return r;
	c->failed++;
	log_warn("ignoring: %s", error_text(err));
	return 0;
}

int ctl_run_line(struct ctl *c, const char *text, struct error *err)
{
	_cleanup_ctl_line_ struct ctl_line line = CTL_LINE_INIT;
	uint64_t times = c->repeat;
	int r = ctl_line_parse(text, &line, err);

	if (r < 0)
		return pass_over(c, error_prefix(err, "\"%.32s\"", text), err);
	if (!line.name)
		return 0;
	c->repeat = 1;
	for (uint64_t i = 0; i < times && r == 0 && !c->quit; i += times != CTL_REPEAT_EVER)
		r = pass_over(c, run_once(c, text, &line, err), err);
	return r;
}

/* ---- scripts ---- */

static int run_lines(struct ctl *c, FILE *f, const char *name, struct error *err)
{
	_cleanup_free_ char *line = NULL;
	unsigned int number = 0;
	size_t cap = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && !c->quit && (errno = 0, n = getline(&line, &cap, f)) >= 0) {
		number++;
		if (memchr(line, '\0', (size_t)n))
			r = error_set(err, -EINVAL, "holds a NUL byte");
		else
			r = ctl_run_line(c, line, err);
	}
	if (r < 0)
		return error_prefix(err, "%s:%u", name, number);
	return errno ? error_sys(err, -errno, "%s", name) : 0;
}

int ctl_run_script(struct ctl *c, const char *path, struct error *err)
{
	bool in = strcmp(path, "-") == 0;
	FILE *f = in ? stdin : fopen(path, "re");
	int r;

	if (!f)
		return error_sys(err, -errno, "%s", path);
	if (c->depth == CTL_SOURCE_MAX) {
		r = error_set(err, -ELOOP, "%s: more than %d scripts inside each other", path,
			      CTL_SOURCE_MAX);
	} else {
		c->depth++;
		c->stdin_taken |= in;
		r = run_lines(c, f, in ? "standard input" : path, err);
		c->depth--;
	}
	if (!in && fclose(f) == EOF && r == 0)
		r = error_sys(err, -errno, "%s", path);
	return r;
}

int ctl_run_interactive(struct ctl *c, struct error *err)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int r;

	c->stdin_taken = true;
	while (!c->quit) {
		if (fputs("Enter command: ", stdout) == EOF || fflush(stdout) == EOF)
			return error_sys(err, -errno, "standard output");
		if (getline(&line, &cap, stdin) < 0)
			break;
		r = ctl_run_line(c, line, err);
		if (r < 0) {
			fprintf(stderr, "kata-agent-ctl: %s\n", error_text(err));
			c->failed++;
			error_clear(err);
		}
	}
	return 0;
}
