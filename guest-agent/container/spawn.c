/* SPDX-License-Identifier: Apache-2.0 */
#include "container/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"

/* What can be joined without being inside: the names below /proc/self/ns. */
static const struct {
	enum oci_ns_type type;
	const char *own;
} joinable[] = {
	{ OCI_NS_NETWORK, "/proc/self/ns/net" }, { OCI_NS_IPC, "/proc/self/ns/ipc" },
	{ OCI_NS_UTS, "/proc/self/ns/uts" },	 { OCI_NS_CGROUP, "/proc/self/ns/cgroup" },
	{ OCI_NS_PID, "/proc/self/ns/pid" },
};

static void keep_only(const struct child_plan *plan)
{
	int keep[] = { plan->sync,   plan->in,	   plan->out,	  plan->err,
		       plan->rootfd, plan->mnt_ns, plan->user_ns, plan->start_sock };
	unsigned int from = 3 + plan->preserve_fds;

	for (;;) {
		unsigned int next = ~0U;

		for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
			if (keep[i] >= 0 && (unsigned int)keep[i] >= from &&
			    (unsigned int)keep[i] < next)
				next = (unsigned int)keep[i];
		if (next == ~0U)
			break;
		if (next > from)
			syscall(SYS_close_range, from, next - 1, 0);
		from = next + 1;
	}
	syscall(SYS_close_range, from, ~0U, 0);
}

static int clone_now(const struct spawn_params *p, pid_t *ret_pid)
{
	struct clone_args args;
	long pid;

	memset(&args, 0, sizeof(args));
	args.flags = p->clone_flags;
	args.exit_signal = SIGCHLD;
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

int spawn_child(const struct spawn_params *p, pid_t *ret_pid, struct error *err)
{
	int own[ARRAY_SIZE(joinable)];
	size_t joined = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(joinable); i++)
		own[i] = p->join[joinable[i].type] >= 0
				 ? open(joinable[i].own, O_RDONLY | O_CLOEXEC)
				 : -1;
	r = join_all(p, own, &joined, err);
	if (r == 0) {
		r = clone_now(p, ret_pid);
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

static int write_map(pid_t pid, const char *file, const struct oci_id_map *map, size_t n,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, path = STRBUF_INIT;

	for (size_t i = 0; i < n; i++)
		if (strbuf_addf(&text, "%u %u %u\n", map[i].container_id, map[i].host_id,
				map[i].size) < 0)
			return error_oom(err);
	if (strbuf_addf(&path, "/proc/%d/%s", (int)pid, file) < 0)
		return error_oom(err);
	if (file_write_existing(AT_FDCWD, path.buf, text.buf, err) < 0)
		return error_prefix(err, "cannot set the user namespace's maps");
	return 0;
}

int spawn_write_id_maps(pid_t pid, const struct oci_linux *l, struct error *err)
{
	if (!l->n_uid_mappings || !l->n_gid_mappings)
		return error_set(err, -EINVAL,
				 "a user namespace needs linux.uidMappings and linux.gidMappings");
	if (write_map(pid, "uid_map", l->uid_mappings, l->n_uid_mappings, err) < 0 ||
	    write_map(pid, "gid_map", l->gid_mappings, l->n_gid_mappings, err) < 0)
		return err->code;
	return 0;
}
