/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <signal.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "oci/spec_pb.h"
#include "wire/agent.pb-c.h"

/* ---- ExecProcess ---------------------------------------------------------------------------------------------------- */

static void on_exec_done(struct process *p, const struct error *err, void *data)
{
	agent_reply_empty(data, err ? err->code : 0, err);
	if (err) /* the reply has copied the text, which may be the process's */
		process_free(p);
}

void svc_exec_process(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__ExecProcessRequest *req = (const Grpc__ExecProcessRequest *)msg;
	struct oci_process_doc *doc = NULL;
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	int r = agent_find_container(data, req->container_id, &ac, &err);

	if (r == 0)
		r = agent_check_id("exec id", req->exec_id, &err);
	if (r == 0 && !req->process)
		r = error_set(&err, -EINVAL, "process: missing");
	if (r == 0 && (req->stdin_port || req->stdout_port || req->stderr_port))
		r = error_set(&err, -EOPNOTSUPP,
			      "streams over ports of their own are not supported");
	if (r == 0)
		r = oci_process_from_pb(req->process, &doc, &err);
	/* It would be born frozen and never answer. */
	if (r == 0 && ac->ct->cgroup && cgroup_frozen(ac->ct->cgroup) == 1)
		r = error_set(&err, -EBUSY, "container \"%s\" is paused", req->container_id);
	/* The child copies what it needs by being a copy of this process, so the document may go at once. */
	if (r == 0)
		r = container_exec(ac->ct, req->exec_id, &doc->process, on_exec_done, call, &err);
	oci_process_free(doc);
	if (r < 0)
		ttrpc_call_error(call, &err);
}

/* ---- SignalProcess -------------------------------------------------------------------------------------------------- */

void svc_signal_process(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__SignalProcessRequest *req = (const Grpc__SignalProcessRequest *)msg;
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	struct process *p = NULL;
	int r = agent_find_process(data, req->container_id, req->exec_id, &p, &err);

	if (r == 0 && req->signal > 64)
		r = error_set(&err, -EINVAL, "signal %u is not one", req->signal);
	if (r == 0 && !*req->exec_id && req->signal == SIGKILL) {
		r = agent_find_container(data, req->container_id, &ac, &err);
		if (r == 0)
			r = container_kill_all(ac->ct, &err);
	} else if (r == 0) {
		r = process_signal(p, (int)req->signal, &err);
	}
	agent_reply_empty(call, r, &err);
}

/* ---- WaitProcess ---------------------------------------------------------------------------------------------------- */

struct wait {
	struct process_waiter w;
	struct ttrpc_call *call;
};

static void on_exited(struct process_waiter *w, int exit_code)
{
	struct wait *wait = container_of(w, struct wait, w);
	Grpc__WaitProcessResponse resp = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	resp.status = exit_code;
	ttrpc_call_reply(wait->call, &resp.base);
	free(wait);
}

static void on_wait_cancel(struct ttrpc_call *call, void *data)
{
	struct wait *wait = data;

	list_del(&wait->w.link);
	free(wait);
}

void svc_wait_process(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__WaitProcessRequest *req = (const Grpc__WaitProcessRequest *)msg;
	struct error err = ERROR_INIT;
	struct process *p = NULL;
	struct wait *wait;

	if (agent_find_process(data, req->container_id, req->exec_id, &p, &err) < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	wait = new0(struct wait);
	if (!wait) {
		error_oom(&err);
		ttrpc_call_error(call, &err);
		return;
	}
	wait->call = call;
	wait->w.fn = on_exited;
	if (p->state != PROCESS_EXITED)
		ttrpc_call_on_cancel(call, on_wait_cancel, wait);
	process_wait(p, &wait->w);
}
