/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/instance.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "sandbox/state.h"
#include "support/cmocka_all.h"

static char top[64];

static int setup(void **state)
{
	snprintf(top, sizeof(top), "%s", "/tmp/kata-instance-XXXXXX");
	assert_non_null(mkdtemp(top));
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(file_remove_tree(AT_FDCWD, top, NULL), 0);
	return 0;
}

static void fill(struct state *s)
{
	state_init(s);
	s->id = strdup("c1");
	s->bundle = strdup("/b \"x\"");
	s->status = strdup("running");
	s->created = strdup("2026-01-02T03:04:05.000000000Z");
	s->owner = 7;
}

static void test_state_round_trip(void **state)
{
	_cleanup_fd_ int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct state s, back;
	struct error err = ERROR_INIT;

	fill(&s);
	s.engine = (struct state_process){ 123, UINT64_MAX };
	s.exit_status = 42;
	s.reason = strdup("line\nline");
	s.times.vm_started = 99;
	assert_int_equal(state_write(dir, &s, &err), 0);
	assert_int_equal(state_read(dir, &back, &err), 0);
	assert_string_equal(back.id, "c1");
	assert_string_equal(back.bundle, "/b \"x\"");
	assert_string_equal(back.reason, "line\nline");
	assert_int_equal(back.engine.pid, 123);
	assert_true(back.engine.start == UINT64_MAX);
	assert_int_equal(back.hypervisor.pid, 0);
	assert_int_equal(back.exit_status, 42);
	assert_int_equal(back.owner, 7);
	assert_int_equal(back.times.vm_started, 99);
	assert_int_equal(back.times.agent_ready, 0);
	state_release(&s);
	state_release(&back);
}

static void refused(const char *json, const char *message)
{
	struct error err = ERROR_INIT;
	struct state s;

	assert_int_equal(state_parse(json, strlen(json), &s, &err), -EINVAL);
	assert_string_equal(error_text(&err), message);
	assert_null(s.id);
}

static void test_state_refused(void **state)
{
	refused("{}", "version: missing");
	refused("{\"version\": 2}", "version: expected 1, got 2");
	refused("{\"version\": 1}", "(root): id, bundle or status is missing");
	refused("{\"version\": 1, \"id\": 5}", "id: expected a string, got a number");
	refused("{\"version\": 1, \"engine\": {\"pid\": 1, \"startTime\": 0}}",
		"engine.pid: 1 is no process of ours");
	refused("{\"version\": 1, \"engine\": {\"pid\": -5, \"startTime\": 0}}",
		"engine.pid: -5 is no process of ours");
}

static void test_root(void **state)
{
	struct error err = ERROR_INIT;
	char path[128];
	char *root = NULL;
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", top);
	assert_int_equal(instance_root(path, &root, &err), 0);
	assert_string_equal(root, path);
	free(root);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(instance_root(path, &root, &err), -EPERM);
	assert_non_null(strstr(error_text(&err), "others may write to it (mode 0777)"));
}

static void test_life(void **state)
{
	_cleanup_instance_ struct instance a = INSTANCE_INIT, b = INSTANCE_INIT;
	_cleanup_strv_ struct strv ids = STRV_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(instance_create(&a, top, "../x", &err), -EINVAL);
	instance_release(&a);
	assert_int_equal(instance_open(&a, top, "c1", &err), -ENOENT);
	assert_string_equal(error_text(&err), "container \"c1\" does not exist");
	instance_release(&a);
	assert_int_equal(instance_create(&a, top, "c1", &err), 0);
	assert_int_equal(instance_create(&b, top, "c1", &err), -EEXIST);
	assert_string_equal(error_text(&err), "container \"c1\" exists already");
	instance_release(&b);
	assert_int_equal(instance_open(&b, top, "c1", &err), 0);
	assert_true(instance_alive(&b));
	a.lockfd = fd_close(a.lockfd);
	assert_false(instance_alive(&b));
	assert_int_equal(instance_list(top, &ids, &err), 0);
	assert_int_equal(ids.n, 1);
	assert_string_equal(ids.v[0], "c1");
	assert_int_equal(instance_destroy(&b, &err), 0);
	assert_int_equal(access(b.dir, F_OK), -1);
	/* Again: nothing to do. */
	assert_int_equal(instance_destroy(&a, &err), 0);
}

/* A process that holds the lock, as an engine does. */
static pid_t fake_engine(struct instance *i)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	i->lockfd = fd_close(i->lockfd);
	return pid;
}

static void test_destroy_kills(void **state)
{
	_cleanup_instance_ struct instance a = INSTANCE_INIT, b = INSTANCE_INIT;
	struct error err = ERROR_INIT;
	struct state s;
	int status;
	pid_t pid;

	assert_int_equal(instance_create(&a, top, "c2", &err), 0);
	pid = fake_engine(&a);
	fill(&s);
	s.engine.pid = pid;
	s.engine.start = process_start_time(pid);
	/* A process with this number that started at another time is not ours. */
	s.hypervisor.pid = getpid();
	s.hypervisor.start = 1;
	assert_int_equal(state_write(a.dirfd, &s, &err), 0);
	state_release(&s);
	assert_int_equal(instance_open(&b, top, "c2", &err), 0);
	assert_true(instance_alive(&b));
	assert_int_equal(instance_destroy(&b, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(access(b.dir, F_OK), -1);
}

static void test_half_made(void **state)
{
	_cleanup_instance_ struct instance a = INSTANCE_INIT;
	struct error err = ERROR_INIT;
	char path[128];

	/* A directory and nothing in it; then a damaged state file. */
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/c3", top);
		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(instance_open(&a, top, "c3", &err), 0);
		if (i)
			assert_int_equal(
				file_write_atomic(a.dirfd, STATE_FILE, 0600, "{\"ver", 5, &err), 0);
		assert_int_equal(instance_destroy(&a, &err), 0);
		assert_int_equal(access(path, F_OK), -1);
		instance_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_state_round_trip, setup, teardown),
		cmocka_unit_test(test_state_refused),
		cmocka_unit_test_setup_teardown(test_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroy_kills, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_made, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
