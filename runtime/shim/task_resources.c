/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/task_resources.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include "base/alloc.h"
#include "shim/events.h"
#include "shim/task_metrics.h"
#include "wire/google.pb-c.h"
#include "wire/task.pb-c.h"
#include "wire/task_events.pb-c.h"

/* A call that the agent's answer ends. */
struct asked {
	struct ttrpc_call *call;
	struct task_service *service;
	bool paused;
	char cid[];
};

static struct asked *ask(struct ttrpc_call *call, struct task_service *t, const char *cid,
			 struct container **ret)
{
	struct error err = ERROR_INIT;
	struct process *p = sandbox_find(t->sandbox, cid, "", &err);
	struct asked *a;

	if (!p) {
		ttrpc_call_error(call, &err);
		return NULL;
	}
	a = calloc(1, sizeof(*a) + strlen(cid) + 1);
	if (!a) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "Out of memory");
		return NULL;
	}
	a->call = call;
	a->service = t;
	memcpy(a->cid, cid, strlen(cid) + 1);
	*ret = p->container;
	return a;
}

static void on_done(const struct error *err, void *data)
{
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct asked *a = data;

	if (err)
		ttrpc_call_error(a->call, err);
	else
		ttrpc_call_reply(a->call, &empty.base);
	free(a);
}

/* ---- pause --------------------------------------------------------------------------------------------------------- */

static void on_paused(const struct error *err, void *data)
{
	Containerd__Events__TaskPaused paused = CONTAINERD__EVENTS__TASK_PAUSED__INIT;
	Containerd__Events__TaskResumed resumed = CONTAINERD__EVENTS__TASK_RESUMED__INIT;
	struct asked *a = data;

	paused.container_id = resumed.container_id = a->cid;
	if (!err && a->paused)
		events_publish(a->service->events, "/tasks/paused", &paused.base);
	else if (!err)
		events_publish(a->service->events, "/tasks/resumed", &resumed.base);
	on_done(err, a);
}

static void pause_resume(struct ttrpc_call *call, struct task_service *t, const char *cid,
			 bool paused)
{
	struct container *c = NULL;
	struct asked *a = ask(call, t, cid, &c);
	struct error err = ERROR_INIT;

	if (!a)
		return;
	a->paused = paused;
	if (container_pause(c, paused, on_paused, a, &err) < 0)
		on_done(&err, a);
}

void task_pause(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	pause_resume(call, data, ((const Containerd__Task__V2__PauseRequest *)msg)->id, true);
}

void task_resume(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	pause_resume(call, data, ((const Containerd__Task__V2__ResumeRequest *)msg)->id, false);
}

/* ---- update -------------------------------------------------------------------------------------------------------- */

void task_update(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__UpdateTaskRequest *req =
		(const Containerd__Task__V2__UpdateTaskRequest *)msg;
	struct oci_resources_doc *doc = NULL;
	struct container *c = NULL;
	struct error err = ERROR_INIT;
	struct asked *a = ask(call, data, req->id, &c);
	int r;

	if (!a)
		return;
	if (!req->resources)
		r = error_set(&err, -EINVAL, "resources: missing");
	else
		r = oci_resources_parse((const char *)req->resources->value.data,
					req->resources->value.len, &doc, &err);
	if (r < 0)
		error_prefix(&err, "resources");
	else
		r = container_update(c, &doc->resources, on_done, a, &err);
	oci_resources_free(doc);
	if (r < 0)
		on_done(&err, a);
}

/* ---- stats --------------------------------------------------------------------------------------------------------- */

/* containerd reads what fits the host's cgroups, whatever the guest has. */
static bool host_has_v2(void)
{
	struct statfs st;

	return statfs("/sys/fs/cgroup", &st) == 0 && (uint32_t)st.f_type == CGROUP2_SUPER_MAGIC;
}

static void on_stats(const Grpc__StatsContainerResponse *stats, const struct error *err, void *data)
{
	Containerd__Task__V2__StatsResponse resp = CONTAINERD__TASK__V2__STATS_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct error own = ERROR_INIT;
	struct asked *a = data;

	if (err) {
		on_done(err, a);
		return;
	}
	if (task_metrics_pack(stats, host_has_v2(), &any, &own) < 0) {
		on_done(&own, a);
		return;
	}
	resp.stats = &any;
	ttrpc_call_reply(a->call, &resp.base);
	free(any.value.data);
	free(a);
}

void task_stats(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__StatsRequest *req =
		(const Containerd__Task__V2__StatsRequest *)msg;
	struct container *c = NULL;
	struct error err = ERROR_INIT;
	struct asked *a = ask(call, data, req->id, &c);

	if (a && container_stats(c, on_stats, a, &err) < 0)
		on_done(&err, a);
}

void task_on_oom(const char *cid, void *data)
{
	Containerd__Events__TaskOOM oom = CONTAINERD__EVENTS__TASK_OOM__INIT;
	struct task_service *t = data;

	oom.container_id = (char *)cid;
	events_publish(t->events, "/tasks/oom", &oom.base);
}
