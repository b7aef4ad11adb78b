/* SPDX-License-Identifier: Apache-2.0 */
#include "container/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/strbuf.h"
#include "container/caps.h"
#include "container/identity.h"
#include "container/sync.h"

void launch_init(struct launch *l)
{
	memset(l, 0, sizeof(*l));
	for (int i = 0; i < OCI_NS_MAX; i++)
		l->sp.join[i] = l->opened[i] = -1;
	l->sp.cgroup_fd = -1;
	l->sp.plan = &l->plan;
	child_plan_init(&l->plan);
}

void launch_release(struct launch *l)
{
	for (int i = 0; i < OCI_NS_MAX; i++)
		l->opened[i] = fd_close(l->opened[i]);
	l->plan.rootfd = fd_close(l->plan.rootfd);
}

int launch_check_process(const struct oci_process *p, struct error *err)
{
	struct cap_sets sets;

	if (!p || !p->args.n)
		return error_set(err, -EINVAL, "process.args: empty");
	if (p->cwd && *p->cwd && p->cwd[0] != '/')
		return error_set(err, -EINVAL, "process.cwd: \"%s\" is not absolute", p->cwd);
	if (p->has_capabilities && cap_sets_parse(&p->caps, &sets, err) < 0)
		return err->code;
	for (size_t i = 0; i < p->n_rlimits; i++)
		if (rlimit_parse(p->rlimits[i].type) < 0)
			return error_set(err, -EINVAL, "process.rlimits[%zu]: unknown type \"%s\"",
					 i, p->rlimits[i].type ? p->rlimits[i].type : "");
	/* Neither is in this agent; to ignore them would be to drop a protection that somebody asked for. */
	if (p->apparmor_profile && *p->apparmor_profile)
		return error_set(err, -EOPNOTSUPP, "process.apparmorProfile is not supported");
	if (p->selinux_label && *p->selinux_label)
		return error_set(err, -EOPNOTSUPP, "process.selinuxLabel is not supported");
	return 0;
}

static size_t hook_count(const struct oci_hooks *h)
{
	return h->prestart.n + h->create_runtime.n + h->create_container.n + h->start_container.n +
	       h->poststart.n + h->poststop.n;
}

int launch_check_spec(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = &spec->linux_;
	unsigned int seen = 0;

	if (launch_check_process(spec->process, err) < 0)
		return err->code;
	if (l->seccomp)
		return error_set(
			err, -EOPNOTSUPP,
			"linux.seccomp is not supported by this agent (set disable_guest_seccomp)");
	if (hook_count(&spec->hooks))
		return error_set(err, -EOPNOTSUPP, "hooks are not supported by this agent");
	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *ns = &l->namespaces[i];

		if (ns->type >= OCI_NS_MAX || (seen & (1U << ns->type)))
			return error_set(err, -EINVAL,
					 "linux.namespaces[%zu]: unknown or a duplicate", i);
		seen |= 1U << ns->type;
		if (ns->type == OCI_NS_TIME)
			return error_set(err, -EOPNOTSUPP,
					 "linux.namespaces[%zu]: time is not supported", i);
		if ((ns->type == OCI_NS_MOUNT || ns->type == OCI_NS_USER) && ns->path && *ns->path)
			return error_set(
				err, -EOPNOTSUPP,
				"linux.namespaces[%zu]: joining a %s namespace is not supported", i,
				oci_ns_name(ns->type));
	}
	return 0;
}

/* One namespace of the spec: to be made, or to be joined. */
static int plan_namespace(struct launch *l, const struct oci_namespace *ns, int given,
			  struct error *err)
{
	bool has_path = ns->path && *ns->path;
	bool isnew = given < 0 && !has_path;

	if (given >= 0) {
		l->sp.join[ns->type] = given;
	} else if (has_path) {
		l->opened[ns->type] = open(ns->path, O_RDONLY | O_CLOEXEC);
		if (l->opened[ns->type] < 0)
			return error_set(err, -EINVAL, "%s namespace \"%s\": %s",
					 oci_ns_name(ns->type), ns->path, strerror(errno));
		l->sp.join[ns->type] = l->opened[ns->type];
	}
	if (isnew && ns->type == OCI_NS_CGROUP)
		l->plan.new_cgroup = true; /* by the child, once it is in its cgroup */
	else if (isnew)
		l->sp.clone_flags |= (uint64_t)oci_ns_clone_flag(ns->type);
	l->plan.new_user |= isnew && ns->type == OCI_NS_USER;
	l->plan.new_net |= isnew && ns->type == OCI_NS_NETWORK;
	/* A shared name is the sandbox's; the spec's still is set, as it is the same or nobody's. */
	l->plan.new_uts |= ns->type == OCI_NS_UTS;
	return 0;
}

int launch_prepare_init(struct launch *l, const struct oci_spec *spec, const char *rootfs,
			const int join[OCI_NS_MAX], struct error *err)
{
	const struct oci_linux *lx = &spec->linux_;

	l->spec = spec;
	l->plan.spec = spec;
	l->plan.process = spec->process;
	l->plan.rootfs = rootfs;
	l->sp.child = child_main_init;
	/* Always, whatever the spec says: the root is going to change. */
	l->sp.clone_flags = CLONE_NEWNS;
	for (size_t i = 0; i < lx->n_namespaces; i++) {
		const struct oci_namespace *ns = &lx->namespaces[i];

		if (plan_namespace(l, ns, join ? join[ns->type] : -1, err) < 0)
			return err->code;
	}
	return 0;
}

int launch_prepare_join(struct launch *l, const struct oci_spec *spec, pid_t init,
			const struct oci_process *process, struct error *err)
{
	/* Those that are the caller's own come out the same and do no harm. */
	static const struct {
		enum oci_ns_type type;
		const char *name;
	} table[] = {
		{ OCI_NS_PID, "pid" },	     { OCI_NS_NETWORK, "net" }, { OCI_NS_MOUNT, "mnt" },
		{ OCI_NS_IPC, "ipc" },	     { OCI_NS_UTS, "uts" },	{ OCI_NS_USER, "user" },
		{ OCI_NS_CGROUP, "cgroup" },
	};
	char path[64];

	l->spec = spec;
	l->plan.process = process;
	l->sp.child = child_main_join;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum oci_ns_type t = table[i].type;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)init, table[i].name);
		l->sp.join[t] = l->opened[t] = open(path, O_RDONLY | O_CLOEXEC);
		if (l->opened[t] < 0)
			return error_sys(err, -errno, "cannot open the %s namespace",
					 table[i].name);
	}
	l->plan.mnt_ns = l->opened[OCI_NS_MOUNT];
	for (size_t i = 0; i < spec->linux_.n_namespaces; i++)
		if (spec->linux_.namespaces[i].type == OCI_NS_USER)
			l->plan.user_ns = l->opened[OCI_NS_USER];
	snprintf(path, sizeof(path), "/proc/%d/root", (int)init);
	l->plan.rootfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return l->plan.rootfd < 0 ? error_sys(err, -errno, "cannot open the container's root") : 0;
}

int launch_spawn(struct launch *l, pid_t *ret_pid, struct error *err)
{
	l->sp.cgroup_fd = l->cgroup ? cgroup_fd(l->cgroup) : -1;
	return spawn_child(&l->sp, ret_pid, err);
}

int launch_go(struct launch *l, pid_t pid, int sock, struct error *err)
{
	int r;

	/* Where the clone alone could not put it. */
	if (l->cgroup && !cgroup_born(l->cgroup) && cgroup_add(l->cgroup, pid, err) < 0)
		return err->code;
	if ((l->sp.clone_flags & CLONE_NEWUSER) &&
	    spawn_write_id_maps(pid, &l->spec->linux_, err) < 0)
		return err->code;
	r = sync_send(sock, SYNC_GO, -1);
	return r < 0 ? error_sys(err, r, "cannot talk to the new process") : 0;
}
