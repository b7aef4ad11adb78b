/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/strbuf.h"
#include "hypervisor/qemu_console.h"

struct fixture {
	struct loop *loop;
	struct console *c;
	int fd;
	struct strbuf lines;
};
static struct fixture fix;

static void on_line(const char *line, void *data)
{
	strbuf_addf(&((struct fixture *)data)->lines, "<%s>", line);
}

static int setup(void **state)
{
	int fds[2];

	fix = (struct fixture){ 0 };
	strbuf_init(&fix.lines);
	*state = &fix;
	if (loop_new(&fix.loop) < 0 || fd_pipe(fds, 0) < 0)
		return -1;
	fix.fd = fds[1];
	return console_new(fix.loop, fds[0], on_line, &fix, &fix.c);
}

static int teardown(void **state)
{
	console_free(fix.c);
	fd_close(fix.fd);
	loop_free(fix.loop);
	strbuf_release(&fix.lines);
	return 0;
}

static void say(const char *s)
{
	assert_int_equal(fd_write_full(fix.fd, s, strlen(s)), 0);
	while (loop_step(fix.loop, 0) > 0)
		;
}

static void test_lines(void **state)
{
	assert_string_equal(console_tail(fix.c), "");
	say("one\r\n\x1b[1;31mtw\x1b[0mo\x07\n");
	say("thr");
	assert_string_equal(console_tail(fix.c), "one\ntwo\nthr");
	say("ee\n");
	assert_string_equal(console_tail(fix.c), "one\ntwo\nthree");
	assert_string_equal(fix.lines.buf, "<one><two><three>");
	assert_null(console_panic(fix.c));
	say("[    1.2] Kernel panic - not syncing: VFS: no root\n");
	assert_string_equal(console_panic(fix.c), "VFS: no root");
	assert_string_equal(console_tail(NULL), "");
}

static void test_keeps_the_end(void **state)
{
	char line[64];
	const char *tail;

	for (int i = 0; i < 2000; i++) {
		snprintf(line, sizeof(line), "line %d of a long text\n", i);
		say(line);
	}
	tail = console_tail(fix.c);
	assert_true(strlen(tail) <= CONSOLE_TAIL_MAX);
	assert_true(strlen(tail) > CONSOLE_TAIL_MAX / 2);
	assert_true(str_ends(tail, "line 1998 of a long text\nline 1999 of a long text"));
}

static void test_no_newline(void **state)
{
	static char x[10001];

	memset(x, 'x', 10000);
	say(x);
	assert_true(strlen(console_tail(fix.c)) <= CONSOLE_TAIL_MAX);
	assert_true(strlen(console_tail(fix.c)) > CONSOLE_TAIL_MAX - CONSOLE_LINE_MAX);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lines),
		T(test_keeps_the_end),
		T(test_no_newline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
