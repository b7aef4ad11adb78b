/* SPDX-License-Identifier: Apache-2.0 */
#include "container/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"

/* What can be joined without being inside: the names below /proc/self/ns. */
static const struct {
	enum oci_ns_type type;
	const char *own;
} joinable[] = {
	{ OCI_NS_NETWORK, "/proc/self/ns/net" }, { OCI_NS_IPC, "/proc/self/ns/ipc" },
	{ OCI_NS_UTS, "/proc/self/ns/uts" },	 { OCI_NS_CGROUP, "/proc/self/ns/cgroup" },
	{ OCI_NS_PID, "/proc/self/ns/pid" },
};

/* The lowest descriptor that the child keeps, from `from` on; ~0: none. */
static unsigned int next_kept(const struct child_plan *plan, unsigned int from)
{
	const int keep[] = { plan->sync,    plan->in,	   plan->out,
			     plan->err,	    plan->rootfd,  plan->mnt_ns,
			     plan->user_ns, plan->time_ns, plan->start_sock };
	unsigned int next = ~0U;

	for (size_t i = 0; i < ARRAY_SIZE(keep) + plan->n_trees; i++) {
		int fd = i < ARRAY_SIZE(keep) ? keep[i] : plan->trees[i - ARRAY_SIZE(keep)];

		if (fd >= 0 && (unsigned int)fd >= from && (unsigned int)fd < next)
			next = (unsigned int)fd;
	}
	return next;
}

static void keep_only(const struct child_plan *plan)
{
	unsigned int from = 3 + plan->preserve_fds, next;

	while ((next = next_kept(plan, from)) != ~0U) {
		if (next > from)
			syscall(SYS_close_range, from, next - 1, 0);
		from = next + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
}

static int clone_now(const struct spawn_params *p, uint64_t extra, pid_t *ret_pid)
{
	struct clone_args args;
	long pid;

	memset(&args, 0, sizeof(args));
	args.flags = p->clone_flags | extra;
	args.exit_signal = extra & CLONE_PARENT ? 0 : SIGCHLD;
	if (p->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)p->cgroup_fd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		keep_only(p->plan);
		p->child(p->plan);
		_exit(1);
	}
	*ret_pid = (pid_t)pid;
	return 0;
}

static int join_all(const struct spawn_params *p, const int *own, size_t *joined, struct error *err)
{
	for (; *joined < ARRAY_SIZE(joinable); (*joined)++) {
		enum oci_ns_type t = joinable[*joined].type;

		if (p->join[t] < 0)
			continue;
		if (own[*joined] < 0)
			return error_set(err, -EIO, "cannot open %s", joinable[*joined].own);
		if (setns(p->join[t], oci_ns_clone_flag(t)) < 0)
			return error_sys(err, -errno, "cannot join the %s namespace",
					 oci_ns_name(t));
	}
	return 0;
}

/* What the helper tells. */
struct helped {
	pid_t pid;
	int code;	     /* 0, or -errno */
	enum oci_ns_type ns; /* that could not be joined; OCI_NS_MAX: the clone failed */
};

static bool same_namespace(int fd, const char *own)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(own, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Those that are the caller's need no joining, which only their owner may do. */
static void drop_own(struct spawn_params *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(joinable); i++) {
		enum oci_ns_type t = joinable[i].type;

		if (p->join[t] >= 0 && same_namespace(p->join[t], joinable[i].own))
			p->join[t] = -1;
	}
	if (p->join[OCI_NS_USER] >= 0 && same_namespace(p->join[OCI_NS_USER], "/proc/self/ns/user"))
		p->join[OCI_NS_USER] = -1;
}

static int helper_join(struct spawn_params *p, bool last, enum oci_ns_type *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(joinable); i++) {
		enum oci_ns_type t = joinable[i].type;

		if (p->join[t] < 0)
			continue;
		if (setns(p->join[t], oci_ns_clone_flag(t)) == 0) {
			p->join[t] = -1;
		} else if (last) {
			*ret = t;
			return -errno;
		}
	}
	return 0;
}

_noreturn_ static void helper_main(const struct spawn_params *params, int out)
{
	struct spawn_params p = *params;
	struct helped h = { 0, 0, OCI_NS_MAX };

	drop_own(&p);
	helper_join(&p, false, &h.ns);
	if (p.join[OCI_NS_USER] >= 0 && setns(p.join[OCI_NS_USER], CLONE_NEWUSER) < 0) {
		h.code = -errno;
		h.ns = OCI_NS_USER;
	}
	if (h.code == 0)
		h.code = helper_join(&p, true, &h.ns);
	if (h.code == 0)
		h.code = clone_now(&p, CLONE_PARENT, &h.pid);
	_exit(write(out, &h, sizeof(h)) == (ssize_t)sizeof(h) ? 0 : 1);
}

static int spawn_via_helper(const struct spawn_params *p, pid_t *ret_pid, struct error *err)
{
	struct helped h = { 0, -EIO, OCI_NS_MAX };
	int pipe_fds[2];
	pid_t helper;
	int r = fd_pipe(pipe_fds, 0);

	if (r < 0)
		return error_sys(err, r, "cannot make a pipe");
	helper = fork();
	if (helper == 0)
		helper_main(p, pipe_fds[1]);
	r = helper < 0 ? -errno : 0;
	close(pipe_fds[1]);
	if (r == 0 && fd_read_full(pipe_fds[0], &h, sizeof(h)) < 0)
		h.code = -EIO;
	close(pipe_fds[0]);
	if (r < 0)
		return error_sys(err, r, "cannot make a helper process");
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	if (h.code < 0 && h.ns != OCI_NS_MAX)
		return error_sys(err, h.code, "cannot join the %s namespace", oci_ns_name(h.ns));
	if (h.code < 0)
		return error_sys(err, h.code, "cannot make the process");
	*ret_pid = h.pid;
	return 0;
}

int spawn_child(const struct spawn_params *p, pid_t *ret_pid, struct error *err)
{
	int own[ARRAY_SIZE(joinable)];
	size_t joined = 0;
	int r;

	if (p->via_user)
		return spawn_via_helper(p, ret_pid, err);
	for (size_t i = 0; i < ARRAY_SIZE(joinable); i++)
		own[i] = p->join[joinable[i].type] >= 0
				 ? open(joinable[i].own, O_RDONLY | O_CLOEXEC)
				 : -1;
	r = join_all(p, own, &joined, err);
	if (r == 0) {
		r = clone_now(p, 0, ret_pid);
		if (r < 0)
			error_sys(err, r, "cannot make the process");
	}
	for (size_t i = 0; i < ARRAY_SIZE(joinable); i++) {
		/* An agent that stays in a container's namespace would be part of the container: better none. */
		if (i < joined && own[i] >= 0 &&
		    setns(own[i], oci_ns_clone_flag(joinable[i].type)) < 0)
			abort();
		fd_close(own[i]);
	}
	return r;
}
