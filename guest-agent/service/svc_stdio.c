/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include "base/strbuf.h"
#include "wire/agent.pb-c.h"

/*
 * Streams. A call waits as an operation of its stream; when its connection goes away the operation goes too, so that nobody
 * swallows output that a new connection could still read.
 */
static void drop_op(struct ttrpc_call *call, void *data)
{
	stream_op_cancel(data);
}

static void on_written(int code, size_t n, void *data)
{
	Grpc__WriteStreamResponse resp = GRPC__WRITE_STREAM_RESPONSE__INIT;
	struct error err = ERROR_INIT;

	if (code < 0) {
		error_sys(&err, code, "cannot write to the process's standard input");
		ttrpc_call_error(data, &err);
		return;
	}
	resp.len = (uint32_t)n;
	ttrpc_call_reply(data, &resp.base);
}

void svc_write_stdin(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__WriteStreamRequest *req = (const Grpc__WriteStreamRequest *)msg;
	struct error err = ERROR_INIT;
	struct stream_op *op = NULL;
	struct process *p = NULL;
	int r = agent_find_process(data, req->container_id, req->exec_id, &p, &err);

	if (r == 0 && !p->in)
		r = error_set(&err, -EINVAL, "container \"%s\": no standard input",
			      req->container_id);
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	if (!req->data.len) { /* upstream's way to close */
		stream_in_close(p->in);
		on_written(0, 0, call);
		return;
	}
	r = stream_in_write(p->in, req->data.data, req->data.len, on_written, call, &op);
	if (r < 0)
		on_written(r, 0, call);
	else if (op)
		ttrpc_call_on_cancel(call, drop_op, op);
}

static void on_read(int code, const void *buf, size_t n, void *data)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;
	struct error err = ERROR_INIT;

	if (code < 0) {
		error_sys(&err, code, "cannot read the process's output");
		ttrpc_call_error(data, &err);
		return;
	}
	resp.data.data = (uint8_t *)buf;
	resp.data.len = n;
	ttrpc_call_reply(data, &resp.base);
}

static void read_stream(struct ttrpc_call *call, const ProtobufCMessage *msg, struct agent *a,
			bool is_err)
{
	const Grpc__ReadStreamRequest *req = (const Grpc__ReadStreamRequest *)msg;
	struct error err = ERROR_INIT;
	struct stream_op *op = NULL;
	struct stream_out *s = NULL;
	struct process *p = NULL;
	int r = agent_find_process(a, req->container_id, req->exec_id, &p, &err);

	if (r == 0) {
		s = is_err ? p->err : p->out;
		if (!s && is_err &&
		    p->terminal) { /* all of a terminal's output is standard output */
			on_read(0, NULL, 0, call);
			return;
		}
		if (!s)
			r = error_set(&err, -EBUSY, "container \"%s\": no output stream yet",
				      req->container_id);
		else if (!req->len)
			r = error_set(&err, -EINVAL, "len: 0 bytes asked for");
	}
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	r = stream_out_read(s, req->len, on_read, call, &op);
	if (r < 0)
		on_read(r, NULL, 0, call);
	else if (op)
		ttrpc_call_on_cancel(call, drop_op, op);
}

void svc_read_stdout(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	read_stream(call, msg, data, false);
}

void svc_read_stderr(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	read_stream(call, msg, data, true);
}

void svc_close_stdin(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__CloseStdinRequest *req = (const Grpc__CloseStdinRequest *)msg;
	struct error err = ERROR_INIT;
	struct process *p = NULL;
	int r = agent_find_process(data, req->container_id, req->exec_id, &p, &err);

	/* A terminal has one descriptor for both ways: closing it would hang up the process. */
	if (r == 0 && p->in && !p->terminal)
		stream_in_close(p->in);
	agent_reply_empty(call, r, &err);
}

void svc_tty_win_resize(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__TtyWinResizeRequest *req = (const Grpc__TtyWinResizeRequest *)msg;
	struct error err = ERROR_INIT;
	struct process *p = NULL;
	int r = agent_find_process(data, req->container_id, req->exec_id, &p, &err);

	if (r == 0)
		r = process_resize(p, req->row, req->column, &err);
	agent_reply_empty(call, r, &err);
}
