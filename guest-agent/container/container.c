/* SPDX-License-Identifier: Apache-2.0 */
#include "container/container.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "container/caps.h"
#include "container/identity.h"
#include "container/spawn.h"

static int check_process(const struct oci_process *p, struct error *err)
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

static int check_spec(const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = &spec->linux_;
	unsigned int seen = 0;

	if (check_process(spec->process, err) < 0)
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

int container_new(struct container_env *env, const struct container_params *params,
		  struct container **ret, struct error *err)
{
	struct container *c;
	int r = check_spec(params->spec, err);

	if (r < 0)
		return error_prefix(err, "container \"%s\"", params->id);
	c = new0(struct container);
	if (!c)
		return error_oom(err);
	c->env = env;
	list_init(&c->link);
	list_init(&c->processes);
	c->id = strdup(params->id);
	c->rootfs = strdup(params->rootfs);
	r = c->id && c->rootfs ? 0 : error_oom(err);
	if (r == 0 && env->cgroups)
		r = cgroup_create(env->cgroups, params->spec->linux_.cgroups_path, params->id,
				  params->spec->linux_.resources, &c->cgroup, err);
	if (r < 0) {
		container_free(c);
		return error_prefix(err, "container \"%s\"", params->id);
	}
	c->spec = params->spec;
	*ret = c;
	return 0;
}

struct container *container_free(struct container *c)
{
	if (!c)
		return NULL;
	while (!list_empty(&c->processes))
		process_free(list_entry(c->processes.next, struct process, link));
	list_del(&c->link);
	cgroup_remove(c->cgroup);
	oci_spec_free(c->spec);
	free(c->rootfs);
	free(c->id);
	free(c);
	return NULL;
}

struct process *container_process(struct container *c, const char *exec_id)
{
	struct list *pos;

	if (!exec_id || !*exec_id)
		return c->init;
	list_for_each(pos, &c->processes) {
		struct process *p = list_entry(pos, struct process, link);

		if (str_eq(p->exec_id, exec_id))
			return p;
	}
	/* The first process may be named by its container, too. */
	return str_eq(exec_id, c->id) ? c->init : NULL;
}

bool container_running(const struct container *c)
{
	return c->init && c->init->state != PROCESS_EXITED;
}

int container_kill_all(struct container *c, struct error *err)
{
	struct list *pos;
	int r = c->cgroup ? cgroup_kill(c->cgroup) : -ENOSYS;

	if (r == 0)
		return 0;
	/* Without the cgroup's help: the first process takes its pid namespace along; the others are known one by one. */
	list_for_each(pos, &c->processes) {
		struct process *p = list_entry(pos, struct process, link);

		if (p->state != PROCESS_EXITED && kill(p->pid, SIGKILL) < 0 && errno != ESRCH)
			return error_sys(err, -errno, "container \"%s\": SIGKILL", c->id);
	}
	return 0;
}

/* Turns the spec's namespaces into clone flags and descriptors; *opened are those to close afterwards. */
static int plan_namespaces(const struct oci_linux *l, const struct container_params *params,
			   struct spawn_params *sp, struct child_plan *plan, int opened[OCI_NS_MAX],
			   struct error *err)
{
	/* Always, whatever the spec says: the root is going to change. */
	sp->clone_flags = CLONE_NEWNS;
	for (size_t i = 0; i < l->n_namespaces; i++) {
		const struct oci_namespace *ns = &l->namespaces[i];
		bool isnew = params->join[ns->type] < 0 && !(ns->path && *ns->path);

		if (ns->path && *ns->path && params->join[ns->type] < 0) {
			opened[ns->type] = open(ns->path, O_RDONLY | O_CLOEXEC);
			if (opened[ns->type] < 0)
				return error_set(err, -EINVAL, "%s namespace \"%s\": %s",
						 oci_ns_name(ns->type), ns->path, strerror(errno));
			sp->join[ns->type] = opened[ns->type];
		} else if (params->join[ns->type] >= 0) {
			sp->join[ns->type] = params->join[ns->type];
		}
		if (isnew && ns->type == OCI_NS_CGROUP)
			plan->new_cgroup = true; /* by the child, once it is in its cgroup */
		else if (isnew)
			sp->clone_flags |= (uint64_t)oci_ns_clone_flag(ns->type);
		plan->new_user |= isnew && ns->type == OCI_NS_USER;
		plan->new_net |= isnew && ns->type == OCI_NS_NETWORK;
		/* A shared name is the sandbox's; the spec's still is set, as it is the same or nobody's. */
		plan->new_uts |= ns->type == OCI_NS_UTS;
	}
	return 0;
}

int container_create_init(struct container *c, const struct container_params *params,
			  const char *exec_id, process_done_fn done, void *data, struct error *err)
{
	struct child_plan plan = { .spec = c->spec,
				   .process = c->spec->process,
				   .rootfs = c->rootfs,
				   .cgroup_path = c->cgroup ? cgroup_path(c->cgroup) : NULL,
				   .rootfd = -1,
				   .mnt_ns = -1,
				   .user_ns = -1 };
	struct spawn_params sp = { .child = child_main_init, .plan = &plan };
	int opened[OCI_NS_MAX];
	int r;

	for (int i = 0; i < OCI_NS_MAX; i++)
		sp.join[i] = opened[i] = -1;
	sp.cgroup_fd = c->cgroup ? cgroup_fd(c->cgroup) : -1;
	r = process_new(c, exec_id, true, c->spec->process->terminal, &c->init, err);
	if (r == 0)
		r = plan_namespaces(&c->spec->linux_, params, &sp, &plan, opened, err);
	if (r == 0)
		r = process_launch(c->init, &sp, done, data, err);
	if (r < 0)
		c->init = process_free(c->init);
	for (int i = 0; i < OCI_NS_MAX; i++)
		fd_close(opened[i]);
	return r;
}

/* The namespaces that the first process is in; those that are the agent's own come out the same and do no harm. */
static int open_namespaces(const struct container *c, struct spawn_params *sp,
			   struct child_plan *plan, struct error *err)
{
	static const struct {
		enum oci_ns_type type;
		const char *name;
	} table[] = {
		{ OCI_NS_PID, "pid" },	     { OCI_NS_NETWORK, "net" }, { OCI_NS_MOUNT, "mnt" },
		{ OCI_NS_IPC, "ipc" },	     { OCI_NS_UTS, "uts" },	{ OCI_NS_USER, "user" },
		{ OCI_NS_CGROUP, "cgroup" },
	};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)c->init->pid, table[i].name);
		sp->join[table[i].type] = open(path, O_RDONLY | O_CLOEXEC);
		if (sp->join[table[i].type] < 0)
			return error_sys(err, -errno, "cannot open the %s namespace",
					 table[i].name);
	}
	plan->mnt_ns = sp->join[OCI_NS_MOUNT];
	for (size_t i = 0; i < c->spec->linux_.n_namespaces; i++)
		if (c->spec->linux_.namespaces[i].type == OCI_NS_USER)
			plan->user_ns = sp->join[OCI_NS_USER];
	snprintf(path, sizeof(path), "/proc/%d/root", (int)c->init->pid);
	plan->rootfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return plan->rootfd < 0 ? error_sys(err, -errno, "cannot open the container's root") : 0;
}

/* Room for one more: a dead one that everybody knows about may go. */
static void drop_known_dead(struct container *c)
{
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &c->processes) {
		struct process *p = list_entry(pos, struct process, link);

		if (!p->init && p->state == PROCESS_EXITED && p->waited && !p->done &&
		    (!p->out || stream_out_finished(p->out)) &&
		    (!p->err || stream_out_finished(p->err)))
			process_free(p);
	}
}

int container_exec(struct container *c, const char *exec_id, const struct oci_process *proc,
		   process_done_fn done, void *data, struct error *err)
{
	struct child_plan plan = { .process = proc, .rootfd = -1, .mnt_ns = -1, .user_ns = -1 };
	struct spawn_params sp = { .child = child_main_join, .plan = &plan };
	struct process *p = NULL;
	int r;

	drop_known_dead(c);
	if (!c->init || c->init->state != PROCESS_RUNNING)
		return error_set(err, -EBUSY, "container \"%s\" is not running", c->id);
	if (container_process(c, exec_id))
		return error_set(err, -EEXIST, "container \"%s\": process \"%s\" exists", c->id,
				 exec_id);
	if (c->n_processes >= CONTAINER_MAX_PROCESSES)
		return error_set(err, -ENOSPC, "container \"%s\": more than %d processes", c->id,
				 CONTAINER_MAX_PROCESSES);
	if (check_process(proc, err) < 0)
		return error_prefix(err, "container \"%s\"", c->id);
	for (int i = 0; i < OCI_NS_MAX; i++)
		sp.join[i] = -1;
	sp.cgroup_fd = c->cgroup ? cgroup_fd(c->cgroup) : -1;
	r = open_namespaces(c, &sp, &plan, err);
	if (r == 0)
		r = process_new(c, exec_id, false, proc->terminal, &p, err);
	if (r == 0)
		r = process_launch(p, &sp, done, data, err);
	if (r < 0)
		process_free(p);
	for (int i = 0; i < OCI_NS_MAX; i++)
		fd_close(sp.join[i]);
	fd_close(plan.rootfd);
	return r;
}
