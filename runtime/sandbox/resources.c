/* SPDX-License-Identifier: Apache-2.0 */
/* Pausing, limits and accounting of containers, by the agent. */
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "sandbox/sandbox_internal.h"

/* An answer that the agent owes; the container is looked up again, as it may be gone by then. */
struct asked {
	struct sandbox *sb;
	sandbox_done_fn fn;
	sandbox_stats_fn stats;
	void *data;
	bool paused;
	char cid[];
};

static int ask(struct container *c, struct asked **ret, struct error *err)
{
	struct sandbox *sb = c->sandbox;
	struct asked *a;

	if (sb->phase != SANDBOX_RUNNING || !sb->agent)
		return error_set(err, -ENOTCONN, "sandbox \"%s\" is not running%s%s", sb->id,
				 sb->state.reason ? ": " : "",
				 sb->state.reason ? sb->state.reason : "");
	a = calloc(1, sizeof(*a) + strlen(c->id) + 1);
	if (!a)
		return error_oom(err);
	a->sb = sb;
	memcpy(a->cid, c->id, strlen(c->id) + 1);
	*ret = a;
	return 0;
}

static int asked_result(struct asked *a, int r, struct error *err)
{
	if (r == 0)
		return 0;
	free(a);
	return error_sys(err, r, "cannot reach the agent");
}

static void on_done(const struct error *err, void *data)
{
	struct asked *a = data;

	a->fn(err, a->data);
	free(a);
}

/* ---- pause --------------------------------------------------------------------------------------------------------- */

static void on_paused(const struct error *err, void *data)
{
	struct asked *a = data;
	struct process *p = err ? NULL : sandbox_find(a->sb, a->cid, "", NULL);

	if (p) {
		p->container->paused = a->paused;
		sandbox_save(a->sb);
	}
	on_done(err, a);
}

int container_pause(struct container *c, bool paused, sandbox_done_fn fn, void *data,
		    struct error *err)
{
	struct process *init = container_init_process(c);
	struct asked *a = NULL;
	int r;

	if (!init || init->status != PROCESS_RUNNING)
		return error_set(err, -EBUSY, "container \"%s\" is not running", c->id);
	if (ask(c, &a, err) < 0)
		return err->code;
	a->fn = fn;
	a->data = data;
	a->paused = paused;
	if (paused)
		r = agent_pause_container(c->sandbox->agent, c->id, on_paused, a);
	else
		r = agent_resume_container(c->sandbox->agent, c->id, on_paused, a);
	return asked_result(a, r, err);
}

/* ---- limits and accounting ----------------------------------------------------------------------------------------- */

int container_update(struct container *c, const struct oci_resources *resources, sandbox_done_fn fn,
		     void *data, struct error *err)
{
	struct asked *a = NULL;

	if (ask(c, &a, err) < 0)
		return err->code;
	a->fn = fn;
	a->data = data;
	return asked_result(
		a, agent_update_container(c->sandbox->agent, c->id, resources, on_done, a), err);
}

static void on_stats(const Grpc__StatsContainerResponse *stats, const struct error *err, void *data)
{
	struct asked *a = data;

	a->stats(stats, err, a->data);
	free(a);
}

int container_stats(struct container *c, sandbox_stats_fn fn, void *data, struct error *err)
{
	struct asked *a = NULL;

	if (ask(c, &a, err) < 0)
		return err->code;
	a->stats = fn;
	a->data = data;
	return asked_result(a, agent_stats_container(c->sandbox->agent, c->id, on_stats, a), err);
}

/* ---- out of memory ------------------------------------------------------------------------------------------------- */

static void on_oom(const char *cid, const struct error *err, void *data)
{
	struct sandbox *sb = data;

	if (err) {
		/* An old agent, or a lost one: neither tells any more. */
		if (err->code != -ENOSYS && err->code != -EOPNOTSUPP &&
		    sb->phase == SANDBOX_RUNNING)
			log_debug("no more OOM events: %s", error_text(err));
		return;
	}
	log_warn("container %s: the guest killed a process for lack of memory", cid);
	if (sb->on_oom && sandbox_find(sb, cid, "", NULL))
		sb->on_oom(cid, sb->on_oom_data);
	if (sb->phase == SANDBOX_RUNNING && sb->agent)
		sandbox_watch_oom(sb);
}

void sandbox_watch_oom(struct sandbox *sb)
{
	if (agent_get_oom_event(sb->agent, on_oom, sb) < 0)
		log_warn("cannot ask for OOM events");
}
