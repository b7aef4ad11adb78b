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
#include "container/launch.h"

int container_new(struct container_env *env, const struct container_params *params,
		  struct container **ret, struct error *err)
{
	struct container *c;
	int r = launch_check_spec(params->spec, err);

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
	if (c->spec)
		process_hooks_after(c, &c->spec->hooks.poststop, "poststop", "stopped", 0);
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

char *container_bundle(const struct container *c)
{
	const char *slash = strrchr(c->rootfs, '/');

	return slash && slash > c->rootfs ? strndup(c->rootfs, (size_t)(slash - c->rootfs))
					  : strdup("/");
}

int container_create_init(struct container *c, const struct container_params *params,
			  const char *exec_id, process_done_fn done, void *data, struct error *err)
{
	_cleanup_free_ char *bundle = container_bundle(c);
	struct launch l;
	int r;

	launch_init(&l);
	l.plan.id = c->id;
	l.plan.bundle = bundle;
	l.plan.cgroup_path = c->cgroup ? cgroup_path(c->cgroup) : NULL;
	l.cgroup = c->cgroup;
	r = process_new(c, exec_id, true, c->spec->process->terminal, &c->init, err);
	if (r == 0)
		r = launch_prepare_init(&l, c->spec, c->rootfs, params->join, err);
	if (r == 0)
		r = process_launch(c->init, &l, done, data, err);
	if (r < 0)
		c->init = process_free(c->init);
	launch_release(&l);
	return r;
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
	struct launch l;
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
	if (launch_check_process(proc, err) < 0)
		return error_prefix(err, "container \"%s\"", c->id);
	launch_init(&l);
	l.cgroup = c->cgroup;
	r = launch_prepare_join(&l, c->spec, c->init->pid, proc, err);
	if (r == 0)
		r = process_new(c, exec_id, false, proc->terminal, &p, err);
	if (r == 0)
		r = process_launch(p, &l, done, data, err);
	if (r < 0)
		process_free(p);
	launch_release(&l);
	return r;
}
