/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/process.h"

static int run(const char *script, struct strbuf *out, struct strbuf *errout)
{
	struct process_params p;
	struct error err = ERROR_INIT;
	int status = -1;

	process_params_preset(&p);
	p.path = "/bin/sh";
	p.argv = (char *[]){ (char *)"sh", (char *)"-c", (char *)script, NULL };
	assert_int_equal(process_run(&p, out, errout, &status, &err), 0);
	return status;
}

static void output_and_codes_arrive(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, errout = STRBUF_INIT;

	assert_int_equal(process_exit_code(run("echo a; echo b >&2; exit 42", &out, &errout)), 42);
	assert_string_equal(out.buf, "a\n");
	assert_string_equal(errout.buf, "b\n");
	assert_int_equal(process_exit_code(run("kill -9 $$", NULL, NULL)), 137);
	/* No descriptor but stdio and the one that ls opens itself. */
	strbuf_reset(&out);
	assert_int_equal(run("ls /proc/self/fd", &out, NULL), 0);
	assert_string_equal(out.buf, "0\n1\n2\n3\n");
}

static void exec_failure_is_the_spawns_failure(void **state)
{
	struct process_params p;
	struct error err = ERROR_INIT;
	pid_t pid = 0;

	process_params_preset(&p);
	p.path = "/nonexistent/program";
	p.argv = (char *[]){ (char *)"x", NULL };
	assert_int_equal(process_spawn(&p, &pid, &err), -ENOENT);
	assert_string_equal(err.msg, "/nonexistent/program: No such file or directory");
	assert_int_equal(pid, 0);
	p.path = "/bin/true";
	p.cwd = "/nonexistent";
	assert_int_equal(process_spawn(&p, &pid, &err), -ENOENT);
	assert_string_equal(err.msg, "/nonexistent: No such file or directory");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int refuse(void *data)
{
	return *(int *)data;
}

static void kept_descriptors_and_child_functions(void **state)
{
	struct process_params p;
	struct error err = ERROR_INIT;
	int pipefd[2], code = -EXDEV, status;
	char buf[3] = "";
	char script[64];
	pid_t pid;

	assert_int_equal(fd_pipe(pipefd, 0), 0);
	process_params_preset(&p);
	p.path = "sh";
	snprintf(script, sizeof(script), "echo hi >&%d", pipefd[1]);
	p.argv = (char *[]){ (char *)"sh", (char *)"-c", script, NULL };
	p.keep_fds = &pipefd[1];
	p.n_keep_fds = 1;
	p.new_session = true;
	p.death_signal = SIGKILL;
	assert_int_equal(process_spawn(&p, &pid, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(process_exit_code(status), 0);
	assert_int_equal(read(pipefd[0], buf, 2), 2);
	assert_string_equal(buf, "hi");
	p.child_fn = refuse;
	p.child_data = &code;
	assert_int_equal(process_spawn(&p, &pid, &err), -EXDEV);
	assert_string_equal(err.msg, "prepare: Invalid cross-device link");
	close(pipefd[0]);
	close(pipefd[1]);
}

static void kill_hits_only_the_same_process(void **state)
{
	struct process_params p;
	struct error err = ERROR_INIT;
	uint64_t start;
	int status;
	pid_t pid;

	process_params_preset(&p);
	p.path = "sleep";
	p.argv = (char *[]){ (char *)"sleep", (char *)"100", NULL };
	assert_int_equal(process_spawn(&p, &pid, &err), 0);
	start = process_start_time(pid);
	assert_true(start > 0);
	assert_int_equal(process_kill_exact(pid, start + 1, SIGKILL), -ESRCH);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(process_kill_exact(pid, start, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(process_exit_code(status), 137);
	assert_int_equal(process_start_time(pid), 0);
	assert_int_equal(process_kill_exact(pid, start, 0), -ESRCH);
	assert_int_equal(process_kill_exact(-1, start, 0), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_codes_arrive),
		cmocka_unit_test(exec_failure_is_the_spawns_failure),
		cmocka_unit_test(kept_descriptors_and_child_functions),
		cmocka_unit_test(kill_hits_only_the_same_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
