/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/arena.h"
#include "base/time.h"
#include "service/watch.h"
#include "service/work.h"
#include "storage/group.h"
#include "storage/layers.h"
#include "wire/agent.pb-c.h"

#define GROUP_USEC (600 * USEC_PER_SEC) /* of a volume with millions of files */

struct storage_job {
	struct agent *agent;
	struct arena mem;	  /* of reqs */
	struct storage_req *reqs; /* as they are mounted */
	struct error bad;	  /* with the requests themselves */
	hotplug_try_fn ready;	  /* NULL once it was */
	size_t n, next;
	char *cid;
	struct strv *mounts;
	struct hotplug_wait *wait;
	struct work *work; /* giving trees to their groups */
	storage_job_fn fn;
	void *data;
	struct storage_job **slot;
};

static void finish(const struct error *err, void *data)
{
	struct storage_job *j = data;
	storage_job_fn fn = j->fn;
	struct error own = ERROR_INIT;

	if (err)
		own = *err; /* it may be the job's */
	data = j->data;
	*j->slot = NULL;
	arena_release(&j->mem);
	free(j->cid);
	free(j);
	fn(err ? &own : NULL, data);
}

void storage_job_cancel(struct storage_job *j)
{
	struct error err = ERROR_INIT;

	hotplug_cancel(j->wait);
	work_cancel(j->work);
	error_set(&err, -ECANCELED, "the sandbox was destroyed");
	finish(&err, j);
}

static int step(struct storage_job *j, struct error *err)
{
	const struct storage_req *req = &j->reqs[j->next];
	int r = str_eq(req->driver, WATCH_DRIVER)
			? watch_add(j->agent, req, j->cid, err)
			: storage_add(&j->agent->storages, req, j->cid, err);

	if (r < 0)
		return r;
	j->next++;
	/* A shared one belongs to the sandbox: whoever asked first does not take it along. */
	r = strv_add(req->shared ? &j->agent->sandbox_mounts : j->mounts, req->mount_point);
	if (r < 0) {
		agent_storage_drop(j->agent, req->mount_point);
		return error_oom(err);
	}
	return 0;
}

static int steps(void *data, struct error *err)
{
	struct storage_job *j = data;
	int r = j->bad.code;

	if (r < 0) {
		*err = j->bad;
		return r;
	}
	if (j->ready)
		r = j->ready(j->data, err);
	if (r == 0)
		j->ready = NULL;
	while (r == 0 && j->next < j->n)
		r = step(j, err);
	return r;
}

/* In a process of its own. */
static int own_trees(void *data, struct error *err)
{
	const struct storage_job *j = data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->n; i++) {
		const struct storage_req *req = &j->reqs[i];
		bool ro = false;

		for (size_t k = 0; k < req->n_options; k++)
			ro |= str_eq(req->options[k], "ro");
		if (req->has_fs_group)
			r = storage_own_tree(req->mount_point, req->fs_group, ro,
					     req->fs_group_on_mismatch, err);
	}
	return r;
}

static void on_owned(const struct error *err, const struct strbuf *out, void *data)
{
	finish(err, data);
}

static void on_mounted(const struct error *err, void *data)
{
	struct storage_job *j = data;
	struct work_params p = {
		.name = "fs_group", .fn = own_trees, .data = j, .timeout_usec = GROUP_USEC
	};
	struct error own = ERROR_INIT;
	bool groups = false;

	for (size_t i = 0; i < j->n; i++)
		groups |= j->reqs[i].has_fs_group;
	if (err || !groups)
		finish(err, j);
	else if (work_start(j->agent, &p, on_owned, j, &j->work, &own) < 0)
		finish(&own, j);
}

int storage_job_start(struct agent *a, struct storage_req *reqs, size_t n, const char *cid,
		      struct strv *mounts, hotplug_try_fn ready, storage_job_fn fn, void *data,
		      struct storage_job **slot)
{
	struct storage_job *j = new0(struct storage_job);
	int r;

	if (!j || !(j->cid = strdup(cid))) {
		free(j);
		return -ENOMEM;
	}
	j->agent = a;
	storage_expand_layers(&j->mem, reqs, n, cid, &j->reqs, &j->n, &j->bad);
	j->ready = ready;
	j->mounts = mounts;
	j->fn = fn;
	j->data = data;
	j->slot = slot;
	*slot = j;
	r = hotplug_wait(a->hotplug, a->config->hotplug_usec, steps, on_mounted, j, &j->wait);
	if (r < 0) {
		*slot = NULL;
		arena_release(&j->mem);
		free(j->cid);
		free(j);
	}
	return r;
}

struct storage_req *svc_storages(struct Grpc__Storage *const *msgs, size_t n)
{
	struct storage_req *reqs = new0_array(struct storage_req, n);

	for (size_t i = 0; reqs && i < n; i++) {
		const Grpc__Storage *m = msgs[i];

		reqs[i] = (struct storage_req){
			.driver = m->driver,
			.source = m->source,
			.fstype = m->fstype,
			.mount_point = m->mount_point,
			.options = m->options,
			.n_options = m->n_options,
			.driver_options = m->driver_options,
			.n_driver_options = m->n_driver_options,
			.shared = m->shared,
		};
		if (m->fs_group) {
			reqs[i].has_fs_group = true;
			reqs[i].fs_group = m->fs_group->group_id;
			reqs[i].fs_group_on_mismatch = m->fs_group->group_change_policy ==
						       TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch;
		}
	}
	return reqs;
}
