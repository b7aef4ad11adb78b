/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/task_service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/path.h"
#include "base/time.h"
#include "shim/task_resources.h"
#include "wire/google.pb-c.h"
#include "wire/task.pb-c.h"

#define TASK_API_VERSION "2"

/* What an answer needs when it comes later: Start, Kill and their like need the call alone. */
struct later {
	struct ttrpc_call *call;
	struct task_service *service;
	/* Delete: taken before the process is gone. */
	uint32_t pid, exit_status;
	uint64_t exited_at;
};

static struct later *later_new(struct ttrpc_call *call, struct task_service *t)
{
	struct later *l = new0(struct later);

	if (!l) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "Out of memory");
		return NULL;
	}
	l->call = call;
	l->service = t;
	return l;
}

static void reply_empty(struct ttrpc_call *call)
{
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	ttrpc_call_reply(call, &empty.base);
}

/* The answer that was owed. */
static void later_end(struct later *l, const struct error *err, const ProtobufCMessage *resp)
{
	if (err)
		ttrpc_call_error(l->call, err);
	else
		ttrpc_call_reply(l->call, resp);
	free(l);
}

static void done_empty(const struct error *err, void *data)
{
	Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	later_end(data, err, &empty.base);
}

static Google__Protobuf__Timestamp timestamp(uint64_t wall_nsec)
{
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	t.seconds = (int64_t)(wall_nsec / NSEC_PER_SEC);
	t.nanos = (int32_t)(wall_nsec % NSEC_PER_SEC);
	return t;
}

/* The process that a request names, or NULL when the call was answered with the error. */
static struct process *find(struct task_service *t, struct ttrpc_call *call, const char *id,
			    const char *exec_id)
{
	struct error err = ERROR_INIT;
	struct process *p = sandbox_find(t->sandbox, id, exec_id, &err);

	if (!p)
		ttrpc_call_error(call, &err);
	return p;
}

/* ---- create, start, delete ------------------------------------------------------------------------------------ */

static void created(const struct error *err, void *data)
{
	Containerd__Task__V2__CreateTaskResponse resp =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	struct later *l = data;

	resp.pid = (uint32_t)sandbox_pid(l->service->sandbox);
	later_end(l, err, &resp.base);
}

static void task_create(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__CreateTaskRequest *req =
		(const Containerd__Task__V2__CreateTaskRequest *)msg;
	struct task_service *t = data;
	struct container_params p = { .id = req->id,
				      .bundle = req->bundle,
				      .in = req->stdin,
				      .out = req->stdout,
				      .err = req->stderr,
				      .terminal = req->terminal };
	struct error err = ERROR_INIT;
	struct later *l;

	if (*req->checkpoint || *req->parent_checkpoint) {
		ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED, "checkpoints are not supported");
		return;
	}
	if (req->n_rootfs) {
		ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED,
				"root file systems given as mounts are not supported yet");
		return;
	}
	l = later_new(call, t);
	if (l && sandbox_create_container(t->sandbox, &p, created, l, &err) < 0)
		later_end(l, &err, NULL);
}

static void started(const struct error *err, void *data)
{
	Containerd__Task__V2__StartResponse resp = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	struct later *l = data;

	resp.pid = (uint32_t)sandbox_pid(l->service->sandbox);
	later_end(l, err, &resp.base);
}

static void task_start(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__StartRequest *req =
		(const Containerd__Task__V2__StartRequest *)msg;
	struct process *p = find(data, call, req->id, req->exec_id);
	struct error err = ERROR_INIT;
	struct later *l = p ? later_new(call, data) : NULL;

	if (l && process_start(p, started, l, &err) < 0)
		later_end(l, &err, NULL);
}

static void deleted(const struct error *err, void *data)
{
	Containerd__Task__V2__DeleteResponse resp = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	struct later *l = data;
	Google__Protobuf__Timestamp at = timestamp(l->exited_at);

	resp.pid = l->pid;
	resp.exit_status = l->exit_status;
	resp.exited_at = &at;
	later_end(l, err, &resp.base);
}

static void task_delete(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__DeleteRequest *req =
		(const Containerd__Task__V2__DeleteRequest *)msg;
	struct process *p = find(data, call, req->id, req->exec_id);
	struct error err = ERROR_INIT;
	struct later *l = p ? later_new(call, data) : NULL;

	if (!l)
		return;
	l->pid = (uint32_t)sandbox_pid(l->service->sandbox);
	l->exit_status = (uint32_t)p->exit_code;
	l->exited_at = p->exited_at;
	if (process_delete(p, deleted, l, &err) < 0)
		later_end(l, &err, NULL);
}

static void task_exec(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__ExecProcessRequest *req =
		(const Containerd__Task__V2__ExecProcessRequest *)msg;
	struct container_params io = {
		.in = req->stdin, .out = req->stdout, .err = req->stderr, .terminal = req->terminal
	};
	struct task_service *t = data;
	struct process *init = find(t, call, req->id, ""), *p = NULL;
	struct oci_process_doc *spec = NULL;
	struct error err = ERROR_INIT;
	int r = 0;

	if (!init)
		return;
	if (!path_valid_id(req->exec_id))
		r = error_set(&err, -EINVAL, "invalid exec id \"%.64s\"", req->exec_id);
	else if (sandbox_find(t->sandbox, req->id, req->exec_id, NULL))
		r = error_set(&err, -EEXIST, "process \"%s\" exists already", req->exec_id);
	else if (init->status != PROCESS_RUNNING)
		r = error_set(&err, -EBUSY, "container \"%s\" is not running", req->id);
	else if (!req->spec)
		r = error_set(&err, -EINVAL, "no process given");
	if (r == 0)
		r = oci_process_parse((const char *)req->spec->value.data, req->spec->value.len,
				      &spec, &err);
	if (r >= 0)
		r = process_new(init->container, req->exec_id, &io, &p, &err);
	if (r < 0) {
		oci_process_free(spec);
		ttrpc_call_error(call, &err);
		return;
	}
	spec->process.terminal = req->terminal;
	p->spec = spec;
	reply_empty(call);
}

/* ---- wait ----------------------------------------------------------------------------------------------------- */

struct wait_call {
	struct process_waiter waiter;
	struct ttrpc_call *call;
};

static void wait_over(struct process *p, struct process_waiter *waiter)
{
	struct wait_call *w = container_of(waiter, struct wait_call, waiter);
	Containerd__Task__V2__WaitResponse resp = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = timestamp(p->exited_at);

	resp.exit_status = (uint32_t)p->exit_code;
	resp.exited_at = &at;
	ttrpc_call_reply(w->call, &resp.base);
	free(w);
}

static void wait_cancelled(struct ttrpc_call *call, void *data)
{
	struct wait_call *w = data;

	list_del(&w->waiter.link);
	free(w);
}

static void task_wait(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__WaitRequest *req =
		(const Containerd__Task__V2__WaitRequest *)msg;
	struct process *p = find(data, call, req->id, req->exec_id);
	struct wait_call *w;

	if (!p)
		return;
	w = new0(struct wait_call);
	if (!w) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "Out of memory");
		return;
	}
	w->call = call;
	w->waiter.fn = wait_over;
	list_init(&w->waiter.link);
	ttrpc_call_on_cancel(call, wait_cancelled, w);
	process_wait(p, &w->waiter);
}

/* ---- small ones ----------------------------------------------------------------------------------------------- */

static void task_state(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__StateRequest *req =
		(const Containerd__Task__V2__StateRequest *)msg;
	Containerd__Task__V2__StateResponse resp = CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	struct task_service *t = data;
	struct process *p = find(t, call, req->id, req->exec_id);
	Google__Protobuf__Timestamp at;

	if (!p)
		return;
	at = timestamp(p->exited_at);
	resp.id = p->container->id;
	resp.bundle = p->container->bundle;
	resp.pid = (uint32_t)sandbox_pid(t->sandbox);
	resp.status =
		(Containerd__V1__Types__Status)(p->status == PROCESS_RUNNING && p->container->paused
							? PROCESS_PAUSED
							: p->status);
	resp.stdin = p->in;
	resp.stdout = p->out;
	resp.stderr = p->err;
	resp.terminal = p->terminal;
	resp.exit_status = (uint32_t)p->exit_code;
	if (p->status == PROCESS_STOPPED)
		resp.exited_at = &at;
	resp.exec_id = p->exec_id;
	ttrpc_call_reply(call, &resp.base);
}

static void task_pids(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__PidsRequest *req =
		(const Containerd__Task__V2__PidsRequest *)msg;
	Containerd__Task__V2__PidsResponse resp = CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	Containerd__V1__Types__ProcessInfo one = CONTAINERD__V1__TYPES__PROCESS_INFO__INIT;
	Containerd__V1__Types__ProcessInfo *list[] = { &one };
	struct task_service *t = data;

	if (!find(t, call, req->id, ""))
		return;
	one.pid = (uint32_t)sandbox_pid(t->sandbox);
	resp.processes = list;
	resp.n_processes = 1;
	ttrpc_call_reply(call, &resp.base);
}

static void task_kill(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__KillRequest *req =
		(const Containerd__Task__V2__KillRequest *)msg;
	struct process *p = find(data, call, req->id, req->exec_id);
	struct error err = ERROR_INIT;
	struct later *l = p ? later_new(call, data) : NULL;

	if (l && process_kill(p, req->signal, done_empty, l, &err) < 0)
		later_end(l, &err, NULL);
}

static void task_resize(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__ResizePtyRequest *req =
		(const Containerd__Task__V2__ResizePtyRequest *)msg;
	struct process *p = find(data, call, req->id, req->exec_id);
	struct error err = ERROR_INIT;
	struct later *l = p ? later_new(call, data) : NULL;

	if (l && process_resize(p, req->height, req->width, done_empty, l, &err) < 0)
		later_end(l, &err, NULL);
}

static void task_close_io(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__CloseIORequest *req =
		(const Containerd__Task__V2__CloseIORequest *)msg;
	struct process *p = find(data, call, req->id, req->exec_id);
	struct error err = ERROR_INIT;
	struct later *l;

	if (!p)
		return;
	if (!req->stdin) {
		reply_empty(call);
		return;
	}
	l = later_new(call, data);
	if (l && process_close_stdin(p, done_empty, l, &err) < 0)
		later_end(l, &err, NULL);
}

static void task_connect(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Task__V2__ConnectRequest *req =
		(const Containerd__Task__V2__ConnectRequest *)msg;
	Containerd__Task__V2__ConnectResponse resp = CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
	struct task_service *t = data;

	if (!find(t, call, req->id, ""))
		return;
	resp.shim_pid = (uint32_t)getpid();
	resp.task_pid = (uint32_t)sandbox_pid(t->sandbox);
	resp.version = (char *)TASK_API_VERSION;
	ttrpc_call_reply(call, &resp.base);
}

static void task_shutdown(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct task_service *t = data;
	bool empty = sandbox_is_empty(t->sandbox);

	reply_empty(call);
	if (empty && t->on_shutdown)
		t->on_shutdown(t->data);
}

static void task_unimplemented(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED, "not supported yet");
}

#define METHOD(name, message, fn)                                        \
	{                                                                \
		name, &containerd__task__v2__##message##__descriptor, fn \
	}
static const struct ttrpc_method methods[] = {
	METHOD("State", state_request, task_state),
	METHOD("Create", create_task_request, task_create),
	METHOD("Start", start_request, task_start),
	METHOD("Delete", delete_request, task_delete),
	METHOD("Pids", pids_request, task_pids),
	METHOD("Pause", pause_request, task_pause),
	METHOD("Resume", resume_request, task_resume),
	METHOD("Checkpoint", checkpoint_task_request, task_unimplemented),
	METHOD("Kill", kill_request, task_kill),
	METHOD("Exec", exec_process_request, task_exec),
	METHOD("ResizePty", resize_pty_request, task_resize),
	METHOD("CloseIO", close_iorequest, task_close_io),
	METHOD("Update", update_task_request, task_update),
	METHOD("Wait", wait_request, task_wait),
	METHOD("Stats", stats_request, task_stats),
	METHOD("Connect", connect_request, task_connect),
	METHOD("Shutdown", shutdown_request, task_shutdown),
};

int task_service_init(struct task_service *t, struct sandbox *sb, struct ttrpc_server *server)
{
	t->sandbox = sb;
	sb->on_oom = task_on_oom;
	sb->on_oom_data = t;
	t->service = (struct ttrpc_service){ .name = TASK_SERVICE,
					     .methods = methods,
					     .n_methods = ARRAY_SIZE(methods),
					     .data = t };
	return ttrpc_server_add_service(server, &t->service);
}
