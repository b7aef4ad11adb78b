/* SPDX-License-Identifier: Apache-2.0 */
#include "container/launch.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "container/caps.h"
#include "container/hooks.h"
#include "container/identity.h"
#include "container/idmap.h"
#include "container/mount.h"
#include "container/mountopt.h"
#include "container/schedule.h"
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
	for (size_t i = 0; i < l->plan.n_trees; i++)
		fd_close(l->trees[i]);
	l->plan.n_trees = 0;
	free(l->trees);
	l->trees = NULL;
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
	return schedule_check(p, NULL, err);
}

/* What would be left out silently is refused. */
static int check_unsupported(const struct oci_linux *l, struct error *err)
{
	if (l->has_intel_rdt)
		return error_set(err, -EOPNOTSUPP, "linux.intelRdt is not supported");
	if (l->has_net_devices)
		return error_set(err, -EOPNOTSUPP, "linux.netDevices is not supported");
	if (l->has_memory_policy)
		return error_set(err, -EOPNOTSUPP, "linux.memoryPolicy is not supported");
	return 0;
}

static bool has_namespace(const struct oci_linux *l, enum oci_ns_type t)
{
	for (size_t i = 0; i < l->n_namespaces; i++)
		if (l->namespaces[i].type == t)
			return true;
	return false;
}

/* Those that belong to a namespace, by the namespace (Documentation/admin-guide/sysctl; namespaces(7)). */
static bool sysctl_is_in(const char *key, enum oci_ns_type t)
{
	static const char *const ipc[] = { "kernel/msgmax", "kernel/msgmnb",
					   "kernel/msgmni", "kernel/sem",
					   "kernel/shmall", "kernel/shmmax",
					   "kernel/shmmni", "kernel/shm_rmid_forced" };

	switch (t) {
	case OCI_NS_NETWORK:
		return str_after(key, "net/");
	case OCI_NS_UTS:
		return str_eq(key, "kernel/domainname");
	case OCI_NS_IPC:
		for (size_t i = 0; i < ARRAY_SIZE(ipc); i++)
			if (str_eq(key, ipc[i]))
				return true;
		return str_after(key, "fs/mqueue/");
	default:
		return false;
	}
}

int launch_check_sysctl(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = &spec->linux_;

	for (size_t i = 0; i < l->n_sysctl; i++) {
		_cleanup_free_ char *key = strdup(l->sysctl[i].key);
		bool inside = false;

		if (!key)
			return error_oom(err);
		for (char *p = strchr(key, '/') ? NULL : key; p && *p; p++)
			if (*p == '.')
				*p = '/';
		for (size_t k = 0; k < l->n_namespaces; k++)
			inside |= sysctl_is_in(key, l->namespaces[k].type);
		if (!inside)
			return error_set(err, -EINVAL,
					 "linux.sysctl: \"%s\" is not in a namespace of the "
					 "container's own",
					 l->sysctl[i].key);
	}
	return 0;
}

int launch_check_spec(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = &spec->linux_;
	unsigned int seen = 0;

	if (launch_check_process(spec->process, err) < 0 ||
	    schedule_check(spec->process, l, err) < 0 || check_unsupported(l, err) < 0)
		return err->code;
	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *ns = &l->namespaces[i];

		if (ns->type >= OCI_NS_MAX || (seen & (1U << ns->type)))
			return error_set(err, -EINVAL,
					 "linux.namespaces[%zu]: unknown or a duplicate", i);
		seen |= 1U << ns->type;
	}
	if ((l->monotonic.has || l->boottime.has) && !has_namespace(l, OCI_NS_TIME))
		return error_set(err, -EINVAL, "linux.timeOffsets: needs a time namespace");
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
	else if (isnew && ns->type == OCI_NS_TIME)
		l->plan.new_time = true; /* by the child, which sets its clocks */
	else if (isnew)
		l->sp.clone_flags |= (uint64_t)oci_ns_clone_flag(ns->type);
	l->plan.mapped |= ns->type == OCI_NS_USER;
	l->sp.via_user |= !isnew && ns->type == OCI_NS_USER;
	if (!isnew && ns->type == OCI_NS_TIME)
		l->plan.time_ns = l->sp.join[ns->type];
	if (!isnew && ns->type == OCI_NS_MOUNT)
		l->plan.mnt_ns = l->sp.join[ns->type];
	l->plan.new_net |= isnew && ns->type == OCI_NS_NETWORK;
	/* A shared name is the sandbox's; the spec's still is set, as it is the same or nobody's. */
	l->plan.new_uts |= ns->type == OCI_NS_UTS;
	return 0;
}

/* The ids that an idmapped mount maps by: its own, else the container's. */
static struct id_maps mount_maps(const struct oci_spec *spec, const struct oci_mount *m)
{
	const struct oci_linux *lx = &spec->linux_;

	if (m->n_uid_mappings || m->n_gid_mappings)
		return (struct id_maps){ m->uid_mappings, m->gid_mappings, m->n_uid_mappings,
					 m->n_gid_mappings };
	return (struct id_maps){ lx->uid_mappings, lx->gid_mappings, lx->n_uid_mappings,
				 lx->n_gid_mappings };
}

static int prepare_tree(const struct oci_spec *spec, const struct oci_mount *m,
			const struct mount_opts *o, int *ret, struct error *err)
{
	const struct id_maps maps = mount_maps(spec, m);
	_cleanup_fd_ int tree = mount_open_source(m->source, o->recursive, err), ns = -1;

	if (tree < 0)
		return tree;
	if (o->idmap || m->n_uid_mappings || m->n_gid_mappings) {
		ns = idmap_namespace(&maps, err);
		if (ns < 0 || idmap_mount(tree, ns, o->idmap_recursive, err) < 0)
			return err->code;
	}
	*ret = fd_steal(&tree);
	return 0;
}

/* See child_plan.trees. With a user namespace the child may not reach sources, which the maker may. */
static int prepare_trees(struct launch *l, struct error *err)
{
	const struct oci_spec *spec = l->spec;

	l->plan.trees = l->trees = new0_array(int, spec->n_mounts);
	if (!l->trees)
		return error_oom(err);
	for (size_t i = 0; i < spec->n_mounts; i++, l->plan.n_trees++) {
		const struct oci_mount *m = &spec->mounts[i];
		struct mount_opts o;
		int r = mount_opts_parse(m->options.v, m->options.n, &o, err);
		bool bind = r == 0 && (o.bind || str_eq(m->type, "bind"));

		l->trees[i] = -1;
		/* An ordinary user's child has more rights than its maker. */
		if (bind && ((l->plan.mapped && geteuid() == 0) || o.idmap || m->n_uid_mappings ||
			     m->n_gid_mappings))
			r = prepare_tree(spec, m, &o, &l->trees[i], err);
		if (r < 0)
			error_prefix(err, "mount \"%s\"", m->destination ? m->destination : "");
		else
			mount_opts_release(&o);
		if (r < 0)
			return r;
	}
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
	/* Always, whatever the spec says: the root is going to change. One to be joined is copied, for the same reason. */
	l->sp.clone_flags = CLONE_NEWNS;
	for (size_t i = 0; i < lx->n_namespaces; i++) {
		const struct oci_namespace *ns = &lx->namespaces[i];

		if (plan_namespace(l, ns, join ? join[ns->type] : -1, err) < 0)
			return err->code;
	}
	/* The queues' directory belongs to who makes the namespace, which is to be the container's root. */
	if (l->sp.clone_flags & CLONE_NEWUSER) {
		l->plan.late_flags = (int)(l->sp.clone_flags & CLONE_NEWIPC);
		l->sp.clone_flags &= ~(uint64_t)CLONE_NEWIPC;
	}
	return prepare_trees(l, err);
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
	l->plan.spec = spec;
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
	if (has_namespace(&spec->linux_, OCI_NS_USER)) {
		l->plan.mapped = true;
		/* Root may join the others first; to anybody else only the user namespace gives the right. */
		if (geteuid() != 0)
			l->sp.via_user = true;
		else
			l->plan.user_ns = l->opened[OCI_NS_USER];
	}
	if (has_namespace(&spec->linux_, OCI_NS_TIME)) {
		snprintf(path, sizeof(path), "/proc/%d/ns/time", (int)init);
		l->opened[OCI_NS_TIME] = open(path, O_RDONLY | O_CLOEXEC);
		if (l->opened[OCI_NS_TIME] < 0)
			return error_sys(err, -errno, "cannot open the time namespace");
		l->plan.time_ns = l->opened[OCI_NS_TIME];
	}
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
	const struct oci_linux *lx = &l->spec->linux_;
	const struct id_maps maps = { lx->uid_mappings, lx->gid_mappings, lx->n_uid_mappings,
				      lx->n_gid_mappings };
	int r;

	/* Where the clone alone could not put it. */
	if (l->cgroup && !cgroup_born(l->cgroup) && cgroup_add(l->cgroup, pid, err) < 0)
		return err->code;
	if ((l->sp.clone_flags & CLONE_NEWUSER) && idmap_write(pid, &maps, err) < 0)
		return err->code;
	r = sync_send_code(sock, SYNC_GO, (int)pid);
	return r < 0 ? error_sys(err, r, "cannot talk to the new process") : 0;
}

int launch_run_hooks(const struct launch_hooks *h, int sock, struct error *err)
{
	_cleanup_free_ char *state = hooks_state(h->spec, h->id, "creating", h->pid, h->bundle);
	struct error why = ERROR_INIT;
	int r;

	if (!state)
		error_oom(&why);
	else if (hooks_run(&h->spec->hooks.prestart, "prestart", state, &why) == 0)
		hooks_run(&h->spec->hooks.create_runtime, "createRuntime", state, &why);
	/* The process says it again as its own failure, so that there is one way for errors. */
	r = why.code ? sync_send_error(sock, SYNC_STAGE_SETUP, &why)
		     : sync_send_code(sock, SYNC_GO, (int)h->pid);
	return r < 0 ? error_sys(err, r, "cannot talk to the new process") : 0;
}
