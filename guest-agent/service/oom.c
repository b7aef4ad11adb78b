/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/log.h"
#include "wire/agent.pb-c.h"

/*
 * GetOOMEvent: a call that waits for the next container in which the kernel killed. Each event goes to one caller, the one that has waited
 * longest; events that nobody waits for are kept, the latest OOM_QUEUE_MAX of them.
 */
#define OOM_QUEUE_MAX 256

struct oom_caller {
	struct list link;
	struct ttrpc_call *call;
};

struct oom_event {
	struct list link;
	char *cid;
};

static void reply(struct ttrpc_call *call, const char *cid)
{
	Grpc__OOMEvent resp = GRPC__OOMEVENT__INIT;

	resp.container_id = (char *)cid;
	ttrpc_call_reply(call, &resp.base);
}

static void event_free(struct agent *a, struct oom_event *e)
{
	list_del(&e->link);
	a->n_oom_events--;
	free(e->cid);
	free(e);
}

static void on_oom(void *data)
{
	const struct agent_container *ac = data;
	struct agent *a = ac->agent;
	struct oom_event *e;

	log_info("container \"%s\": the kernel killed a process for lack of memory", ac->id);
	if (!list_empty(&a->oom_callers)) {
		struct oom_caller *c = list_entry(a->oom_callers.next, struct oom_caller, link);

		list_del(&c->link);
		reply(c->call, ac->id);
		free(c);
		return;
	}
	e = new0(struct oom_event);
	if (!e || !(e->cid = strdup(ac->id))) {
		free(e);
		return;
	}
	list_add_tail(&a->oom_events, &e->link);
	if (++a->n_oom_events > OOM_QUEUE_MAX)
		event_free(a, list_entry(a->oom_events.next, struct oom_event, link));
}

void agent_oom_watch(struct agent_container *ac)
{
	struct error err = ERROR_INIT;

	if (ac->ct->cgroup && cgroup_oom_watch(ac->ct->cgroup, on_oom, ac, &err) < 0 &&
	    err.code != -ENOENT)
		log_warn("container \"%s\": no OOM events: %s", ac->id, err.msg);
}

void agent_oom_release(struct agent *a)
{
	/* Callers that still wait are cancelled with the server. */
	while (!list_empty(&a->oom_events))
		event_free(a, list_entry(a->oom_events.next, struct oom_event, link));
}

static void on_cancel(struct ttrpc_call *call, void *data)
{
	struct oom_caller *c = data;

	list_del(&c->link);
	free(c);
}

void svc_get_oom_event(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct agent *a = data;
	struct oom_caller *c;

	if (!list_empty(&a->oom_events)) {
		struct oom_event *e = list_entry(a->oom_events.next, struct oom_event, link);

		reply(call, e->cid);
		event_free(a, e);
		return;
	}
	c = new0(struct oom_caller);
	if (!c) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "Out of memory");
		return;
	}
	c->call = call;
	list_add_tail(&a->oom_callers, &c->link);
	ttrpc_call_on_cancel(call, on_cancel, c);
}
