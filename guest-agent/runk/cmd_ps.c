/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/options.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "codec/json.h"
#include "runk/cgroups.h"
#include "runk/runk.h"
#include "runk/state.h"

static int print_json(const pid_t *pids, size_t n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &sb, NULL);
	json_out_array(&o, NULL);
	for (size_t i = 0; i < n; i++)
		json_out_i64(&o, NULL, pids[i]);
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return error_oom(err);
	puts(sb.buf);
	return 0;
}

/* The index of the word "PID" in the heading of ps. */
static int pid_column(const char *heading)
{
	_cleanup_free_ char *copy = strdup(heading);
	char *save = NULL;
	int n = 0;

	for (char *w = copy ? strtok_r(copy, " ", &save) : NULL; w;
	     w = strtok_r(NULL, " ", &save)) {
		if (str_eq(w, "PID"))
			return n;
		n++;
	}
	return -1;
}

static bool line_is_of(const char *line, int column, const pid_t *pids, size_t n)
{
	_cleanup_free_ char *copy = strdup(line);
	char *save = NULL, *w = copy ? strtok_r(copy, " ", &save) : NULL;
	uint32_t pid;

	while (w && column-- > 0)
		w = strtok_r(NULL, " ", &save);
	if (!w || parse_u32(w, 10, &pid) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == (pid_t)pid)
			return true;
	return false;
}

/* The host's ps(1) with the caller's options, and of its lines those of the container. */
static int print_table(const pid_t *pids, size_t n, char **options, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, said = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT;
	struct process_params p;
	char *save = NULL, *line;
	int status = 0, column, r = strv_add(&argv, "ps");

	for (char **o = options; r == 0 && *o; o++)
		r = strv_add(&argv, *o);
	if (r == 0 && !*options)
		r = strv_add(&argv, "-ef");
	if (r < 0)
		return error_oom(err);
	process_params_preset(&p);
	p.path = "ps";
	p.argv = argv.v;
	if (process_run(&p, &out, &said, &status, err) < 0)
		return err->code;
	if (status != 0)
		return error_set(err, -EIO, "ps: %s", said.buf);
	line = strtok_r(out.buf, "\n", &save);
	column = line ? pid_column(line) : -1;
	if (column < 0)
		return error_set(err, -EINVAL, "ps: its output has no column PID");
	puts(line);
	while ((line = strtok_r(NULL, "\n", &save)))
		if (line_is_of(line, column, pids, n))
			puts(line);
	return 0;
}

int cmd_ps(const struct runk *rk, int argc, char **argv, struct error *err)
{
	const char *format = "table";
	const struct option_def defs[] = {
		{ "format", "f", OPTION_STRING, &format, "table|json", "how to print (table)" },
	};
	_cleanup_cgroups_ struct cgroups c = CGROUPS_INIT;
	_cleanup_state_ struct state s = STATE_INIT;
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int next;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0)
		return 1;
	if (next >= argc) {
		error_set(err, -EINVAL, "ps: a container's id is required");
		return 1;
	}
	if (!str_eq(format, "json") && !str_eq(format, "table")) {
		error_set(err, -EINVAL, "invalid format option \"%s\"", format);
		return 1;
	}
	if (state_load(rk->root, argv[next], &s, err) < 0 || cgroups_open(s.cgroup, &c, err) < 0)
		return 1;
	if (c.cg && cgroup_procs(c.cg, &pids, &n, err) < 0)
		return 1;
	if (str_eq(format, "json"))
		print_json(pids, n, err);
	else
		print_table(pids, n, argv + next + 1, err);
	return 0;
}
