/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

#define TOOL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

bool tool_have(const char *name)
{
	char *out = NULL;
	int r = tool_run(&out, "command -v %s", name);

	free(out);
	return r == 0;
}

static int run(const char *cmd, char **ret_output)
{
	struct strbuf out = STRBUF_INIT, full = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct process_params p;
	char sh[] = "sh", dash_c[] = "-c";
	char *argv[] = { sh, dash_c, NULL, NULL };
	int status = 0;

	assert_int_equal(strbuf_addf(&full, "PATH=" TOOL_PATH "; { %s; } 2>&1", cmd), 0);
	argv[2] = full.buf;
	process_params_preset(&p);
	p.path = "/bin/sh";
	p.argv = argv;
	if (process_run(&p, &out, NULL, &status, &err) < 0)
		fail_msg("%s: %s", cmd, err.msg);
	strbuf_release(&full);
	*ret_output = strbuf_detach(&out, NULL);
	return process_exit_code(status);
}

int tool_run(char **ret_output, const char *fmt, ...)
{
	struct strbuf cmd = STRBUF_INIT;
	va_list ap;
	int r;

	va_start(ap, fmt);
	assert_int_equal(strbuf_vaddf(&cmd, fmt, ap), 0);
	va_end(ap);
	r = run(cmd.buf, ret_output);
	strbuf_release(&cmd);
	return r;
}

char *tool_ok(const char *fmt, ...)
{
	struct strbuf cmd = STRBUF_INIT;
	char *out = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	assert_int_equal(strbuf_vaddf(&cmd, fmt, ap), 0);
	va_end(ap);
	r = run(cmd.buf, &out);
	if (r != 0)
		print_error("%s: exit code %d\n%s\n", cmd.buf, r, out);
	assert_int_equal(r, 0);
	strbuf_release(&cmd);
	return out;
}

uint64_t tool_number(const char *fmt, ...)
{
	struct strbuf cmd = STRBUF_INIT, text = STRBUF_INIT;
	uint64_t n = 0;
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(strbuf_vaddf(&cmd, fmt, ap), 0);
	va_end(ap);
	assert_int_equal(run(cmd.buf, &out), 0);
	assert_int_equal(strbuf_addstr(&text, out), 0);
	strbuf_trim_end(&text);
	if (parse_u64(text.buf, 10, &n) < 0)
		fail_msg("%s: not a number: %s", cmd.buf, out);
	strbuf_release(&cmd);
	strbuf_release(&text);
	free(out);
	return n;
}

char *tool_tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char *t = str_printf("%s/kata-test-XXXXXX", base && *base ? base : "/tmp");

	assert_non_null(t);
	assert_non_null(mkdtemp(t));
	return t;
}

void tool_rmdir(char *dir)
{
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, NULL), 0);
	free(dir);
}
