/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/time.h"
#include "oci/spec_pb.h"
#include "service/pslist.h"
#include "wire/agent.pb-c.h"

static int find(struct agent *a, const char *cid, struct agent_container **ret, struct error *err)
{
	int r = agent_find_container(a, cid, ret, err);

	if (r == 0 && !(*ret)->ct->cgroup)
		r = error_set(err, -EOPNOTSUPP, "container \"%s\" has no cgroup", cid);
	return r;
}

/* ---- UpdateContainer ----------------------------------------------------------------------------------------------- */

void svc_update_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__UpdateContainerRequest *req = (const Grpc__UpdateContainerRequest *)msg;
	struct agent_container *ac = NULL;
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__Linux linux_ = GRPC__LINUX__INIT;
	struct oci_spec *conv = NULL;
	struct error err = ERROR_INIT;
	int r = find(data, req->container_id, &ac, &err);

	spec.linux_ = &linux_;
	linux_.resources = req->resources;
	if (r == 0 && req->resources)
		r = oci_spec_from_pb(&spec, &conv, &err);
	if (r == 0 && conv && conv->linux_.resources)
		r = cgroup_update(ac->ct->cgroup, conv->linux_.resources, &err);
	oci_spec_free(conv);
	agent_reply_empty(call, r, &err);
}

/* ---- PauseContainer, ResumeContainer ------------------------------------------------------------------------------- */

#define FREEZE_WAIT_USEC 2000000 /* for all processes to stand */
#define FREEZE_TICK_USEC 2000

struct freeze {
	struct agent *agent;
	struct ttrpc_call *call;
	struct loop_source *timer;
	uint64_t deadline;
	bool frozen; /* what is wanted */
	char cid[];
};

static void freeze_end(struct freeze *f, int code, const struct error *err)
{
	agent_reply_empty(f->call, code, err);
	loop_source_free(f->timer);
	free(f);
}

/* The container is looked up each time: it may have been removed. */
static void on_freeze_tick(struct loop_source *s, void *data)
{
	struct freeze *f = data;
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	int r = find(f->agent, f->cid, &ac, &err);

	if (r == 0)
		r = cgroup_frozen(ac->ct->cgroup);
	if (r == f->frozen) {
		freeze_end(f, 0, NULL);
	} else if (r < 0 && r != -EINPROGRESS) {
		freeze_end(f, r, err.code ? &err : (error_sys(&err, r, "freezer"), &err));
	} else if (time_mono_usec() > f->deadline) {
		if (f->frozen)
			cgroup_freeze(ac->ct->cgroup, false, NULL);
		error_set(&err, -ETIME, "container \"%s\": not all processes could be %s", f->cid,
			  f->frozen ? "paused" : "resumed");
		freeze_end(f, err.code, &err);
	} else {
		loop_timer_set(f->timer, FREEZE_TICK_USEC);
	}
}

static struct freeze *freeze_new(struct agent *a, struct ttrpc_call *call, const char *cid,
				 bool frozen)
{
	struct freeze *f = calloc(1, sizeof(*f) + strlen(cid) + 1);

	if (!f)
		return NULL;
	if (loop_add_timer(a->loop, on_freeze_tick, f, &f->timer) < 0) {
		free(f);
		return NULL;
	}
	f->agent = a;
	f->call = call;
	f->frozen = frozen;
	f->deadline = time_mono_usec() + FREEZE_WAIT_USEC;
	memcpy(f->cid, cid, strlen(cid) + 1);
	return f;
}

static void freeze(struct ttrpc_call *call, struct agent *a, const char *cid, bool frozen)
{
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	struct freeze *f;
	int r = find(a, cid, &ac, &err);

	if (r == 0 && !container_running(ac->ct))
		r = error_set(&err, -EBUSY, "container \"%s\" is not running", cid);
	if (r == 0)
		r = cgroup_freeze(ac->ct->cgroup, frozen, &err);
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	f = freeze_new(a, call, cid, frozen);
	if (f) {
		on_freeze_tick(f->timer, f);
		return;
	}
	error_oom(&err);
	ttrpc_call_error(call, &err);
}

void svc_pause_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	freeze(call, data, ((const Grpc__PauseContainerRequest *)msg)->container_id, true);
}

void svc_resume_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	freeze(call, data, ((const Grpc__ResumeContainerRequest *)msg)->container_id, false);
}

/* ---- ListProcesses, of 1.x ----------------------------------------------------------------------------------------- */

void svc_list_processes(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__ListProcessesRequest *req = (const Grpc__ListProcessesRequest *)msg;
	Grpc__ListProcessesResponse resp = GRPC__LIST_PROCESSES_RESPONSE__INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ pid_t *pids = NULL;
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	size_t n = 0;
	int r = find(data, req->container_id, &ac, &err);

	if (r == 0 && !container_running(ac->ct))
		r = error_set(&err, -EBUSY, "container \"%s\" is not running", req->container_id);
	if (r == 0)
		r = cgroup_procs(ac->ct->cgroup, &pids, &n, &err);
	if (r == 0)
		r = pslist_write(&text, req->format, req->args, req->n_args, pids, n, &err);
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	resp.process_list.data = (uint8_t *)text.buf;
	resp.process_list.len = text.len;
	ttrpc_call_reply(call, &resp.base);
}
