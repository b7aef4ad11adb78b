/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"

static void full_reads_know_an_early_end(void **state)
{
	char buf[8];
	int p[2];

	assert_int_equal(fd_pipe(p, 0), 0);
	assert_true(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_write_full(p[1], "abcdef", 6), 0);
	assert_int_equal(fd_read_full(p[0], buf, 4), 0);
	p[1] = fd_close(p[1]);
	assert_int_equal(fd_read_full(p[0], buf, 4), -ENODATA);
	p[0] = fd_close(p[0]);
	assert_int_equal(p[0], -1);
	assert_int_equal(fd_read_full(-1, buf, 1), -EBADF);
}

static void positioned_io(void **state)
{
	_cleanup_fd_ int fd = -1;
	char buf[4];

	assert_int_equal(fd_memfd("t", &fd), 0);
	assert_int_equal(fd_pwrite_full(fd, "wxyz", 4, 100), 0);
	assert_int_equal(fd_pread_full(fd, buf, 4, 100), 0);
	assert_memory_equal(buf, "wxyz", 4);
	assert_int_equal(fd_pread_full(fd, buf, 4, 102), -ENODATA);
}

static void close_keeps_errno_and_steal_empties(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), was = fd;

	errno = EPROTO;
	assert_int_equal(fd_steal(&fd), was);
	assert_int_equal(fd, -1);
	assert_int_equal(fd_close(was), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(fd_close(-1), -1);
}

static void flags(void **state)
{
	_cleanup_fd_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fd, false), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_cloexec(fd, false), 0);
	assert_false(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void descriptors_travel(void **state)
{
	_cleanup_fd_ int a = -1, b = -1, got = -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct stat x, y;
	char text[8];
	int s[2];

	assert_int_equal(fd_socketpair(s, 0), 0);
	a = s[0];
	b = s[1];
	assert_int_equal(fd_send(a, null), 0);
	assert_int_equal(fd_recv(b, &got), 0);
	assert_int_equal(fstat(null, &x), 0);
	assert_int_equal(fstat(got, &y), 0);
	assert_int_equal(x.st_rdev, y.st_rdev);
	got = fd_close(got);
	assert_int_equal(fd_write_full(a, "x", 1), 0);
	assert_int_equal(fd_recv(b, &got), -EPROTO);
	assert_int_equal(fd_send_message(a, "hello", 5, null), 0);
	assert_int_equal(fd_recv_message(b, text, sizeof(text), &got), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(fstat(got, &y), 0);
	assert_int_equal(x.st_rdev, y.st_rdev);
	got = fd_close(got);
	assert_int_equal(fd_send_message(a, "none", 4, -1), 0);
	assert_int_equal(fd_recv_message(b, text, sizeof(text), &got), 4);
	assert_int_equal(got, -1);
	a = fd_close(a);
	assert_int_equal(fd_recv_message(b, text, sizeof(text), &got), 0);
	assert_int_equal(fd_recv(b, &got), -ENODATA);
}

/* sun_path holds 108 bytes; sandbox directories may be longer. */
static void unix_sockets_of_any_path_length(void **state)
{
	char top[] = "/tmp/test_fd-XXXXXX", dir[300], path[400], name[150];
	struct error err = ERROR_INIT;
	_cleanup_fd_ int l = -1, c = -1, second = -1;

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/%s", top, name);
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/task.sock", dir);
	assert_int_equal(fd_unix_connect(path, &c, &err), -ENOENT);
	assert_int_equal(fd_unix_listen(path, 4, &l, &err), 0);
	assert_int_equal(fd_unix_connect(path, &c, &err), 0);
	assert_int_equal(fd_unix_listen(path, 4, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "Address already in use"));
	unlink(path);
	rmdir(dir);
	rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_reads_know_an_early_end),
		cmocka_unit_test(positioned_io),
		cmocka_unit_test(close_keeps_errno_and_steal_empties),
		cmocka_unit_test(flags),
		cmocka_unit_test(descriptors_travel),
		cmocka_unit_test(unix_sockets_of_any_path_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
