/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
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
	struct strbuf out = STRBUF_INIT;
	struct strbuf full = STRBUF_INIT;
	char buf[4096];
	size_t n;
	FILE *f;
	int st;

	assert_int_equal(strbuf_addf(&full, "PATH=" TOOL_PATH "; { %s; } 2>&1", cmd), 0);
	f = popen(full.buf, "r");
	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		assert_int_equal(strbuf_add(&out, buf, n), 0);
	st = pclose(f);
	strbuf_release(&full);
	*ret_output = strbuf_detach(&out, NULL);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
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
