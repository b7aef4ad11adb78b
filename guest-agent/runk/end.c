/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/end.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/process.h"
#include "container/hooks.h"
#include "runk/cgroups.h"

#define KILL_WAIT_MSEC 10000

/* The process is somebody else's child: its descriptor says when it has ended, collected or not (pidfd_open(2)). */
static int wait_gone(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, KILL_WAIT_MSEC);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

int kill_container(const struct state *s, struct error *err)
{
	_cleanup_fd_ int pidfd = -1;
	_cleanup_cgroups_ struct cgroups c = CGROUPS_INIT;
	int r;

	if (s->pid <= 0)
		return 0;
	if (cgroups_open(s->cgroup, &c, err) < 0)
		return err->code;
	if (!s->own_pidns && c.cg)
		cgroup_kill(c.cg);
	pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (pidfd < 0 && errno == ESRCH)
		return 0;
	if (pidfd < 0)
		return error_sys(err, -errno, "container \"%s\"", s->id);
	if (process_start_time(s->pid) != s->start_time)
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return error_sys(err, -errno, "container \"%s\": SIGKILL", s->id);
	/* A frozen process dies when it is thawed. */
	if (c.cg)
		cgroup_freeze(c.cg, false, NULL);
	r = wait_gone(pidfd);
	return r < 0 ? error_sys(err, r, "container \"%s\" does not end", s->id) : 0;
}

static void run_poststop(const struct state *s)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *state = NULL;
	struct error err = ERROR_INIT;

	if (state_load_spec(s, &spec, &err) == 0) {
		state = hooks_state(spec, s->id, "stopped", 0, s->bundle);
		if (!state)
			error_oom(&err);
		else
			hooks_run(&spec->hooks.poststop, "poststop", state, &err);
	}
	if (err.code)
		runk_warn("container \"%s\": %s", s->id, error_text(&err));
}

int remove_container(const struct runk *rk, const struct state *s, struct error *err)
{
	struct cgroups c = CGROUPS_INIT;

	if (cgroups_open(s->cgroup, &c, err) < 0)
		return err->code;
	if (c.cg) {
		cgroup_remove_wait(c.cg, CGROUPS_REMOVE_USEC, NULL);
		c.cg = NULL;
	}
	cgroups_close(&c);
	if (s->hooks)
		run_poststop(s);
	return state_remove(rk->root, s->id, err);
}
