/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/strbuf.h"
#include "stdio/stream.h"

struct result {
	int calls, code;
	size_t n;
	struct strbuf data;
};

static void on_read(int code, const void *buf, size_t n, void *data)
{
	struct result *r = data;

	r->calls++;
	r->code = code;
	r->n = n;
	strbuf_add(&r->data, buf, n);
}

static void on_write(int code, size_t n, void *data)
{
	struct result *r = data;

	r->calls++;
	r->code = code;
	r->n = n;
}

static void test_read(void **state)
{
	struct result r = { .data = STRBUF_INIT }, r2 = { .data = STRBUF_INIT };
	struct stream_out *s = NULL;
	struct stream_op *op = NULL;
	struct loop *l = NULL;
	int fds[2];

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(stream_out_new(l, fds[0], &s), 0);
	/* Nothing there: waits, in order. */
	assert_int_equal(stream_out_read(s, 3, on_read, &r, &op), 0);
	assert_non_null(op);
	assert_int_equal(stream_out_read(s, 100, on_read, &r2, &op), 0);
	assert_non_null(op);
	assert_int_equal(write(fds[1], "abcdef", 6), 6);
	loop_step(l, 1000);
	assert_int_equal(r.calls, 1);
	assert_string_equal(r.data.buf, "abc");
	assert_int_equal(r2.calls, 1);
	assert_string_equal(r2.data.buf, "def");
	/* Something there: at once. */
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(stream_out_read(s, 3, on_read, &r, &op), 0);
	assert_null(op);
	assert_int_equal(r.calls, 2);
	assert_false(stream_out_finished(s));
	/* Cancelled: its bytes stay for the next. */
	assert_int_equal(stream_out_read(s, 3, on_read, &r, &op), 0);
	stream_op_cancel(op);
	assert_int_equal(write(fds[1], "y", 1), 1);
	loop_step(l, 10);
	assert_int_equal(r.calls, 2);
	close(fds[1]);
	assert_int_equal(stream_out_read(s, 3, on_read, &r, &op), 0);
	assert_string_equal(r.data.buf, "abcxy");
	for (int i = 0; i < 2; i++) { /* the end can be asked for again */
		assert_int_equal(stream_out_read(s, 3, on_read, &r, &op), 0);
		assert_null(op);
		assert_int_equal(r.n, 0);
		assert_int_equal(r.code, 0);
	}
	assert_true(stream_out_finished(s));
	stream_out_free(s);
	strbuf_release(&r.data);
	strbuf_release(&r2.data);
	loop_free(l);
}

static void test_end_with_open_writer(void **state)
{
	struct result r = { .data = STRBUF_INIT };
	struct stream_out *s = NULL;
	struct stream_op *op = NULL;
	struct loop *l = NULL;
	int fds[2];

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(stream_out_new(l, fds[0], &s), 0);
	assert_int_equal(write(fds[1], "rest", 4), 4);
	stream_out_end(s);
	assert_int_equal(stream_out_read(s, 10, on_read, &r, &op), 0);
	assert_string_equal(r.data.buf, "rest");
	assert_int_equal(stream_out_read(s, 10, on_read, &r, &op), 0);
	assert_null(op);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.calls, 2);
	stream_out_free(s);
	/* A reader that waits is told, too. */
	close(fds[1]);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(stream_out_new(l, fds[0], &s), 0);
	assert_int_equal(stream_out_read(s, 10, on_read, &r, &op), 0);
	assert_non_null(op);
	stream_out_end(s);
	assert_int_equal(r.calls, 3);
	assert_int_equal(r.n, 0);
	/* And freeing answers what is left. */
	stream_out_free(s);
	close(fds[1]);
	strbuf_release(&r.data);
	loop_free(l);
}

static void test_limits(void **state)
{
	struct result r = { .data = STRBUF_INIT };
	struct stream_out *s = NULL;
	struct stream_op *op = NULL;
	struct loop *l = NULL;
	int fds[2];

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(stream_out_new(l, fds[0], &s), 0);
	for (int i = 0; i < STREAM_MAX_OPS; i++)
		assert_int_equal(stream_out_read(s, 1, on_read, &r, &op), 0);
	assert_int_equal(stream_out_read(s, 1, on_read, &r, &op), -EAGAIN);
	stream_out_free(s);
	assert_int_equal(r.calls, STREAM_MAX_OPS);
	assert_int_equal(r.code, -ECANCELED);
	close(fds[1]);
	strbuf_release(&r.data);
	loop_free(l);
}

static void test_write(void **state)
{
	enum { BIG = 300000 };
	struct result r = { .data = STRBUF_INIT };
	char *big = malloc(BIG), *got = malloc(BIG);
	struct stream_in *s = NULL;
	struct stream_op *op = NULL;
	struct loop *l = NULL;
	size_t n = 0;
	int fds[2];

	memset(big, 'z', BIG);
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(stream_in_new(l, fds[1], &s), 0);
	/* More than the pipe holds: answered only when all of it is through. */
	assert_int_equal(stream_in_write(s, big, BIG, on_write, &r, &op), 0);
	assert_non_null(op);
	stream_in_close(s); /* closes after it */
	assert_int_equal(r.calls, 0);
	while (n < BIG) {
		ssize_t k = read(fds[0], got + n, BIG - n);

		assert_true(k > 0);
		n += (size_t)k;
		loop_step(l, 10);
	}
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.n, BIG);
	assert_memory_equal(got, big, BIG);
	assert_int_equal(read(fds[0], got, 1), 0); /* the end */
	assert_int_equal(stream_in_write(s, big, 1, on_write, &r, &op), -EPIPE);
	stream_in_free(s);
	close(fds[0]);
	free(big);
	free(got);
	loop_free(l);
}

static void test_write_without_reader(void **state)
{
	struct result r = { .data = STRBUF_INIT };
	struct stream_in *s = NULL;
	struct stream_op *op = NULL;
	struct loop *l = NULL;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(fd_pipe(fds, 0), 0);
	assert_int_equal(stream_in_new(l, fds[1], &s), 0);
	close(fds[0]);
	assert_int_equal(stream_in_write(s, "a", 1, on_write, &r, &op), 0);
	assert_null(op);
	assert_int_equal(r.code, -EPIPE);
	stream_in_free(s);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_end_with_open_writer),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_without_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
