/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/standin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "support/cmocka_all.h"

static struct {
	char path[64];
	int fd;
} dir;

static int set_up(void **state)
{
	snprintf(dir.path, sizeof(dir.path), "/tmp/standin-XXXXXX");
	if (!mkdtemp(dir.path))
		return -1;
	dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Stand-ins outlive who made them; here they come back. */
	return dir.fd < 0 ? -1 : prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static int tear_down(void **state)
{
	fd_close(dir.fd);
	return file_remove_tree(AT_FDCWD, dir.path, NULL);
}

static const char *in_dir(char buf[96], const char *name)
{
	snprintf(buf, 96, "%s/%s", dir.path, name);
	return buf;
}

static void put(const char *text)
{
	assert_int_equal(file_write_atomic(dir.fd, "stand-in", 0600, text, strlen(text), NULL), 0);
}

static void test_record(void **state)
{
	struct instance i = { .dirfd = dir.fd, .lockfd = -1 };
	struct error err = ERROR_INIT;
	struct state_process p;
	char text[64];

	assert_int_equal(standin_find(&i).pid, 0);
	assert_int_equal(standin_record(&i, &err), 0);
	p = standin_find(&i);
	assert_int_equal(p.pid, getpid());
	assert_true(p.start == process_start_time(getpid()));
	/* The same pid, another process. */
	snprintf(text, sizeof(text), "%d %llu\n", (int)getpid(), (unsigned long long)p.start + 1);
	put(text);
	assert_int_equal(standin_find(&i).pid, 0);
}

static void test_record_reject(void **state)
{
	static const char *const bad[] = { "",
					   "1",
					   "x 1",
					   "1 x",
					   "-1 1",
					   "4294967297 1",
					   "4294967295 1",
					   "2147483648 1",
					   "1 99999999999999999999",
					   "1 1 1",
					   " 1 1",
					   "0 0" };
	struct instance i = { .dirfd = dir.fd, .lockfd = -1 };
	char big[256];

	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		put(bad[k]);
		assert_int_equal(standin_find(&i).pid, 0);
	}
	memset(big, '1', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	put(big);
	assert_int_equal(standin_find(&i).pid, 0);
}

static void test_check(void **state)
{
	struct standin s = { .terminal = true };
	struct error err = ERROR_INIT;

	assert_int_equal(standin_check(&s, "created", &err), -EINVAL);
	assert_string_equal(err.msg,
			    "a process with a terminal needs --console-socket to be created");
	s.console_socket = "/x";
	assert_int_equal(standin_check(&s, "created", &err), 0);
	s.terminal = false;
	assert_int_equal(standin_check(&s, "created", &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"--console-socket is for a process with a terminal, and this one has none");
}

/* ---- the process ---- */

struct job {
	int begin; /* what begin() returns */
	int end;
	bool is_tty;
	int inherited; /* a descriptor that begin() must find closed; -1: none */
};

static int begin(void *data, struct error *err)
{
	struct job *j = data;

	if (j->is_tty && !(isatty(0) && isatty(1) && isatty(2)))
		return error_set(err, -ENOTTY, "no terminal");
	if (j->inherited >= 0 && fcntl(j->inherited, F_GETFD) >= 0)
		return error_set(err, -EBADF, "descriptor %d is open", j->inherited);
	if (getsid(0) != getpid())
		return error_set(err, -EPERM, "no session of its own");
	if (j->begin)
		error_set(err, -ENOENT, "it cannot begin");
	return j->begin;
}

static int end(void *data, struct error *err)
{
	const struct job *j = data;

	if (j->is_tty && write(1, "hello", 5) != 5)
		return 99;
	return j->end;
}

static pid_t read_pid(const char *path)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	assert_int_equal(file_read(AT_FDCWD, path, 32, &text, NULL), 0);
	return (pid_t)strtol(text.buf, NULL, 10);
}

static int code_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return process_exit_code(status);
}

static void test_exit_codes(void **state)
{
	static const struct {
		int end, want;
	} cases[] = { { 0, 0 }, { 7, 7 }, { 143, 143 }, { -EIO, 255 } };
	char pid_file[96];

	in_dir(pid_file, "pid");
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		struct job j = { .end = cases[k].end, .inherited = open("/dev/null", O_RDONLY) };
		struct standin s = { .pid_file = pid_file, .begin = begin, .end = end, .data = &j };
		struct error err = ERROR_INIT;

		assert_true(j.inherited > 2);
		assert_int_equal(standin_run(&s, &err), 0);
		assert_int_equal(code_of(read_pid(pid_file)), cases[k].want);
		close(j.inherited);
		assert_int_equal(unlink(pid_file), 0);
	}
}

static void test_cannot_begin(void **state)
{
	static const int statuses[] = { -ENOENT, 127 };
	char pid_file[96];

	in_dir(pid_file, "pid");
	for (size_t k = 0; k < ARRAY_SIZE(statuses); k++) {
		struct job j = { .begin = statuses[k], .inherited = -1 };
		struct standin s = { .pid_file = pid_file, .begin = begin, .end = end, .data = &j };
		struct error err = ERROR_INIT;

		assert_int_equal(standin_run(&s, &err), statuses[k]);
		assert_int_equal(err.code, -ENOENT);
		assert_string_equal(err.msg, "it cannot begin");
		assert_int_equal(access(pid_file, F_OK), -1);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it is reaped */
	}
}

static void test_terminal(void **state)
{
	_cleanup_fd_ int listener = -1, conn = -1, master = -1;
	char sock[96], pid_file[96], text[16];
	struct job j = { .is_tty = true, .inherited = -1, .end = 3 };
	struct standin s = { .terminal = true, .begin = begin, .end = end, .data = &j };
	struct error err = ERROR_INIT;
	ssize_t n;

	s.console_socket = in_dir(sock, "console");
	s.pid_file = in_dir(pid_file, "pid");
	assert_true(standin_run(&s, &err) < 0);
	assert_non_null(strstr(err.msg, "--console-socket: "));
	assert_int_equal(fd_unix_listen(sock, 1, &listener, &err), 0);
	assert_int_equal(standin_run(&s, &err), 0);
	conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(conn >= 0);
	assert_int_equal(fd_recv(conn, &master), 0);
	n = read(master, text, sizeof(text));
	assert_int_equal(n, 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(code_of(read_pid(pid_file)), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),	     cmocka_unit_test(test_record_reject),
		cmocka_unit_test(test_check),	     cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_cannot_begin), cmocka_unit_test(test_terminal),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
