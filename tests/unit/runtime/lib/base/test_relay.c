/* SPDX-License-Identifier: Apache-2.0 */
#include "base/relay.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

#define BIG (3u << 20)

struct ending {
	struct loop *loop;
	enum relay_end how;
	int times;
};

static void on_end(struct relay *r, enum relay_end how, void *data)
{
	struct ending *e = data;

	e->how = how;
	e->times++;
	loop_exit(e->loop, 0);
}

static struct relay *start(struct ending *e, int in, int out, bool own)
{
	struct relay_params p = { .loop = e->loop,
				  .in = in,
				  .out = out,
				  .own_in = own,
				  .own_out = own,
				  .fn = on_end,
				  .data = e };
	struct relay *r = NULL;

	assert_int_equal(relay_new(&p, &r, NULL), 0);
	return r;
}

/* A child that writes (or reads and checks) BIG bytes of a pattern through blocking calls. */
static pid_t child(int fd, int other, bool writes)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *buf = malloc(BIG);

		close(other);
		for (size_t i = 0; buf && i < BIG; i++)
			buf[i] = (char)(i * 7 + (i >> 11));
		if (writes)
			_exit(fd_write_full(fd, buf, BIG) == 0 ? 0 : 1);
		char *got = malloc(BIG + 1);
		size_t n = 0;
		ssize_t k;

		while ((k = read(fd, got + n, BIG + 1 - n)) > 0)
			n += (size_t)k;
		_exit(n == BIG && memcmp(buf, got, BIG) == 0 ? 0 : 1);
	}
	assert_true(pid > 0);
	return pid;
}

static void copy_big(bool own)
{
	struct ending e = { 0 };
	int in[2], out[2], status;
	struct relay *r;
	pid_t writer, reader;

	assert_int_equal(loop_new(&e.loop), 0);
	assert_int_equal(fd_pipe(in, 0), 0);
	assert_int_equal(fd_pipe(out, 0), 0);
	writer = child(in[1], in[0], true);
	fd_close(in[1]);
	reader = child(out[0], out[1], false);
	fd_close(out[0]);
	if (own) {
		fd_set_nonblock(in[0], true);
		fd_set_nonblock(out[1], true);
	}
	r = start(&e, in[0], out[1], own);
	assert_int_equal(loop_run(e.loop), 0);
	assert_int_equal(e.how, RELAY_EOF);
	assert_int_equal(e.times, 1);
	/* What was inherited is as it was. */
	if (!own)
		assert_int_equal(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
	relay_free(r);
	fd_close(in[0]);
	fd_close(out[1]);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	loop_free(e.loop);
}

static void test_big_own(void **state)
{
	copy_big(true);
}

static void test_big_inherited(void **state)
{
	copy_big(false);
}

static void test_files(void **state)
{
	struct ending e = { 0 };
	_cleanup_fd_ int in = -1, out = -1;
	char buf[16] = "";
	struct relay *r;

	assert_int_equal(loop_new(&e.loop), 0);
	assert_int_equal(fd_memfd("in", &in), 0);
	assert_int_equal(fd_memfd("out", &out), 0);
	assert_int_equal(fd_pwrite_full(in, "abcdef", 6, 0), 0);
	/* From the position where the caller left it. */
	assert_int_equal(lseek(in, 2, SEEK_SET), 2);
	r = start(&e, in, out, false);
	assert_int_equal(loop_run(e.loop), 0);
	assert_int_equal(e.how, RELAY_EOF);
	assert_int_equal(pread(out, buf, sizeof(buf), 0), 4);
	assert_string_equal(buf, "cdef");
	relay_free(r);
	loop_free(e.loop);
}

static void test_broken(void **state)
{
	struct ending e = { 0 };
	int in[2], out[2];
	struct relay *r;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_new(&e.loop), 0);
	assert_int_equal(fd_pipe(in, O_NONBLOCK), 0);
	assert_int_equal(fd_pipe(out, O_NONBLOCK), 0);
	fd_close(out[0]);
	assert_int_equal(write(in[1], "x", 1), 1);
	r = start(&e, in[0], out[1], true);
	assert_int_equal(loop_run(e.loop), 0);
	assert_int_equal(e.how, RELAY_BROKEN);
	relay_free(r);
	fd_close(in[0]);
	fd_close(in[1]);
	fd_close(out[1]);
	loop_free(e.loop);
}

static void test_drain(void **state)
{
	struct ending e = { 0 };
	int in[2], out[2];
	struct relay *r;
	char buf[16] = "";

	assert_int_equal(loop_new(&e.loop), 0);
	assert_int_equal(fd_pipe(in, O_NONBLOCK), 0);
	assert_int_equal(fd_pipe(out, O_NONBLOCK), 0);
	assert_int_equal(write(in[1], "last", 4), 4);
	r = start(&e, in[0], out[1], true);
	/* The writing end stays open, as the engine's does. */
	relay_drain(r);
	assert_int_equal(e.how, RELAY_DRAINED);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 4);
	assert_string_equal(buf, "last");
	relay_free(r);
	for (int i = 0; i < 2; i++) {
		fd_close(in[i]);
		fd_close(out[i]);
	}
	loop_free(e.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_big_own), cmocka_unit_test(test_big_inherited),
		cmocka_unit_test(test_files),	cmocka_unit_test(test_broken),
		cmocka_unit_test(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
