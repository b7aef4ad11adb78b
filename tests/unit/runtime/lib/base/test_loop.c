/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/loop.h"
#include "base/time.h"

struct seen {
	struct loop *loop;
	struct loop_source *other;
	int count;
	int status;
	char order[16];
};

static int setup(void **state)
{
	struct loop *l;

	if (loop_new(&l) < 0)
		return -1;
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	loop_free(*state);
	return 0;
}

static void on_io(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct seen *seen = data;
	char c;

	if (read(fd, &c, 1) == 1) {
		seen->count++;
		if (c == 'q')
			loop_exit(seen->loop, 7);
	}
	if (seen->other)
		seen->other = loop_source_free(seen->other);
}

static void io_and_exit_code(void **state)
{
	struct seen seen = { .loop = *state };
	struct loop_source *src;
	int p[2];

	assert_int_equal(fd_pipe(p, O_NONBLOCK), 0);
	assert_int_equal(loop_add_io(seen.loop, p[0], EPOLLIN, on_io, &seen, &src), 0);
	assert_int_equal(loop_step(seen.loop, 0), 0);
	assert_int_equal(fd_write_full(p[1], "aaq", 3), 0);
	assert_int_equal(loop_run(seen.loop), 7);
	assert_int_equal(seen.count, 3);
	assert_int_equal(loop_io_set(src, 0), 0);
	assert_int_equal(fd_write_full(p[1], "a", 1), 0);
	assert_int_equal(loop_step(seen.loop, 0), 0);
	loop_source_free(src);
	close(p[0]);
	close(p[1]);
	assert_int_equal(loop_add_io(seen.loop, -1, EPOLLIN, on_io, &seen, NULL), -EBADF);
}

/* Both descriptors are ready in one round, and the first callback frees the second source. */
static void a_freed_source_is_not_called(void **state)
{
	struct seen first = { .loop = *state }, second = { .loop = *state };
	struct loop_source *a, *b;
	int p[2], q[2];

	assert_int_equal(fd_pipe(p, O_NONBLOCK), 0);
	assert_int_equal(fd_pipe(q, O_NONBLOCK), 0);
	assert_int_equal(loop_add_io(*state, p[0], EPOLLIN, on_io, &first, &a), 0);
	assert_int_equal(loop_add_io(*state, q[0], EPOLLIN, on_io, &second, &b), 0);
	first.other = b;
	second.other = a;
	assert_int_equal(fd_write_full(p[1], "a", 1), 0);
	assert_int_equal(fd_write_full(q[1], "a", 1), 0);
	assert_true(loop_step(*state, 0) > 0);
	assert_int_equal(first.count + second.count, 1);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
}

static void on_timer(struct loop_source *s, void *data)
{
	struct seen *seen = data;

	seen->order[seen->count++] = 't';
	if (seen->count < 3)
		loop_timer_set(s, 1000);
	else
		loop_exit(seen->loop, 0);
}

static void on_defer(struct loop_source *s, void *data)
{
	struct seen *seen = data;

	seen->order[seen->count++] = 'd';
	/* Must wait for the next round, or a busy defer would starve everything else. */
	if (seen->count < 10)
		assert_int_equal(loop_add_defer(seen->loop, on_defer, data, NULL), 0);
}

static void timers_fire_in_time(void **state)
{
	struct seen seen = { .loop = *state };
	struct loop_source *t;
	uint64_t start = time_mono_usec();

	assert_int_equal(loop_add_timer(seen.loop, on_timer, &seen, &t), 0);
	assert_int_equal(loop_step(seen.loop, 0), 0);
	loop_timer_set(t, 2000);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_true(time_mono_usec() - start >= 4000);
	assert_string_equal(seen.order, "ttt");
	loop_timer_set(t, 0);
	loop_timer_stop(t);
	assert_int_equal(loop_step(seen.loop, 5), 0);
}

static void a_defer_runs_once_a_round(void **state)
{
	struct seen seen = { .loop = *state };

	assert_int_equal(loop_add_defer(seen.loop, on_defer, &seen, NULL), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(loop_step(seen.loop, -1), 1);
	assert_int_equal(seen.count, 1);
	assert_int_equal(loop_step(seen.loop, -1), 1);
	assert_int_equal(seen.count, 2);
}

static void on_signal(struct loop_source *s, const siginfo_t *si, void *data)
{
	struct seen *seen = data;

	assert_int_equal(si->si_signo, SIGUSR1);
	assert_int_equal(si->si_pid, getpid());
	seen->count++;
}

static void signals_come_by_the_loop(void **state)
{
	struct seen seen = { .loop = *state };
	struct loop_source *s;
	sigset_t mask;

	assert_int_equal(loop_add_signal(seen.loop, SIGUSR1, on_signal, &seen, &s), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_true(loop_step(seen.loop, 1000) > 0);
	assert_int_equal(seen.count, 1);
	loop_source_free(s);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGUSR1), 0);
}

static void on_child(struct loop_source *s, pid_t pid, int status, void *data)
{
	struct seen *seen = data;

	seen->count++;
	seen->status = status;
	loop_exit(seen->loop, 0);
}

static void children_are_reaped(void **state)
{
	struct seen seen = { .loop = *state };

	for (int sig = 0; sig < 2; sig++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			if (sig)
				raise(SIGKILL);
			_exit(3);
		}
		assert_int_equal(loop_add_child(seen.loop, pid, on_child, &seen, NULL), 0);
		assert_int_equal(loop_run(seen.loop), 0);
		assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
		assert_true(sig ? WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == SIGKILL
				: WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == 3);
	}
	assert_int_equal(seen.count, 2);
	assert_int_equal(loop_add_child(seen.loop, 0x3fffffff, on_child, &seen, NULL), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(io_and_exit_code, setup, teardown),
		cmocka_unit_test_setup_teardown(a_freed_source_is_not_called, setup, teardown),
		cmocka_unit_test_setup_teardown(timers_fire_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_defer_runs_once_a_round, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_come_by_the_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(children_are_reaped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
