/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/hybrid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "support/cmocka_all.h"

/* A guest with one port, 1024; what connects to it is held by the test. */
static struct {
	struct loop *loop;
	struct hybrid *hybrid;
	char dir[64], path[96];
	int guest;	     /* the guest's end of the last stream */
	hybrid_done_fn held; /* a connect that is not answered yet */
	void *held_data;
	bool hold;
} t;

static void answer(void)
{
	hybrid_done_fn fn = t.held;
	int fds[2];

	t.held = NULL;
	assert_int_equal(fd_socketpair(fds, SOCK_NONBLOCK), 0);
	t.guest = fds[1];
	fn(fds[0], NULL, t.held_data);
}

static void on_later(struct loop_source *s, void *data)
{
	if (t.held)
		answer();
}

static int connect_guest(void *data, uint32_t port, uint64_t timeout_ms, hybrid_done_fn fn,
			 void *fn_data)
{
	assert_ptr_equal(data, &t);
	if (port != 1024)
		return -ECONNREFUSED;
	t.held = fn;
	t.held_data = fn_data;
	return t.hold ? 0 : loop_add_defer(t.loop, on_later, NULL, NULL);
}

static int set_up(void **state)
{
	struct error err = ERROR_INIT;

	memset(&t, 0, sizeof(t));
	t.guest = -1;
	snprintf(t.dir, sizeof(t.dir), "/tmp/hybrid-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/vsock.sock", t.dir);
	assert_int_equal(loop_new(&t.loop), 0);
	assert_int_equal(hybrid_new(t.loop, t.path, connect_guest, &t, &t.hybrid, &err), 0);
	return 0;
}

static int tear_down(void **state)
{
	t.guest = fd_close(t.guest);
	t.hybrid = hybrid_free(t.hybrid);
	t.loop = loop_free(t.loop);
	assert_int_equal(access(t.path, F_OK), -1);
	return rmdir(t.dir);
}

static int dial(void)
{
	struct error err = ERROR_INIT;
	int fd = -1;

	assert_int_equal(fd_unix_connect(t.path, &fd, &err), 0);
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	return fd;
}

static void step(void)
{
	for (int i = 0; i < 8; i++)
		assert_true(loop_step(t.loop, 0) >= 0);
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	step();
}

static void assert_hears(int fd, const char *want)
{
	char buf[256] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	assert_int_equal(n, strlen(want));
	assert_string_equal(buf, want);
}

static void assert_closed(int fd)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 0);
	close(fd);
}

static void test_joined(void **state)
{
	int fd = dial();

	/* In pieces, and with the first bytes of the stream behind the line. */
	say(fd, "CONN");
	say(fd, "ECT 1024\nhello");
	assert_hears(fd, "OK 1024\n");
	assert_hears(t.guest, "hello");
	say(t.guest, "answer");
	assert_hears(fd, "answer");
	/* One side ends, the other goes on. */
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	step();
	assert_hears(t.guest, "");
	say(t.guest, "last words");
	assert_hears(fd, "last words");
	t.guest = fd_close(t.guest);
	step();
	assert_closed(fd);
}

static void test_guest_hangs_up(void **state)
{
	int fd = dial();

	say(fd, "CONNECT 1024\n");
	assert_hears(fd, "OK 1024\n");
	t.guest = fd_close(t.guest);
	step();
	assert_hears(fd, "");
	close(fd);
	step();
}

static void test_refused(void **state)
{
	static const char *const lines[] = {
		"CONNECT 1025\n",
		"CONNECT 0\n",
		"CONNECT 4294967295\n",
		"CONNECT 4294967296\n",
		"CONNECT -1\n",
		"CONNECT\n",
		"CONNECT \n",
		"\n",
		"connect 1024\n",
		"CONNECT 1024 1024\n",
		"CONNECT 1024\r\n",
		"GET / HTTP/1.1\n",
		"CONNECT 000000000000000000000000000000001024\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int fd = dial();

		say(fd, lines[i]);
		if (strlen(lines[i]) < HYBRID_LINE_MAX) {
			assert_closed(fd);
		} else { /* bytes are left unread: a reset, not an end */
			char c;

			assert_true(read(fd, &c, 1) <= 0);
			close(fd);
		}
	}
}

static void test_half_line(void **state)
{
	int fd = dial();

	say(fd, "CONNECT 10");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	step();
	assert_closed(fd);
}

static void test_too_many(void **state)
{
	int fds[HYBRID_MAX_CLIENTS + 1];

	for (int i = 0; i <= HYBRID_MAX_CLIENTS; i++) {
		fds[i] = dial();
		step();
	}
	assert_closed(fds[HYBRID_MAX_CLIENTS]);
	/* One goes, another may come. */
	close(fds[0]);
	step();
	fds[0] = dial();
	say(fds[0], "CONNECT 1024\n");
	assert_hears(fds[0], "OK 1024\n");
	for (int i = 0; i < HYBRID_MAX_CLIENTS; i++)
		close(fds[i]);
	step();
}

/* The sandbox ends while a connect is under way, which is answered afterwards. */
static void test_freed_meanwhile(void **state)
{
	int fd = dial();

	t.hold = true;
	say(fd, "CONNECT 1024\n");
	assert_non_null(t.held);
	t.hybrid = hybrid_free(t.hybrid);
	assert_closed(fd);
	answer();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_joined, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_guest_hangs_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_freed_meanwhile, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
