/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/list.h"
#include "wire/message.h"
#include "wire/ttrpc.pb-c.h"
#include "wire/ttrpc_conn.h"

struct client_call {
	struct list node; /* in ttrpc_client.calls */
	struct ttrpc_client *client;
	uint32_t stream;
	const ProtobufCMessageDescriptor *resp_desc;
	ttrpc_reply_fn fn;
	void *data;
	ProtobufCMessage **keep; /* not NULL: the answer goes here instead of being freed */
	struct loop_source *timer;
};

struct ttrpc_client {
	struct loop *loop;
	struct ttrpc_conn *conn; /* NULL once lost */
	struct list calls;
	uint32_t next_stream; /* 0 after the last one */
	void (*close_fn)(struct ttrpc_client *c, void *data);
	void *close_data;
	unsigned int busy; /* callbacks that still use this object */
	bool dead;
};

static void client_unref(struct ttrpc_client *c)
{
	if (--c->busy == 0 && c->dead)
		free(c);
}

static void call_free(struct client_call *call)
{
	list_del(&call->node);
	loop_source_free(call->timer);
	free(call);
}

/* Ends a call with an answer (whose ownership it takes) or an error. The callback may free the client. */
static void call_finish(struct client_call *call, ProtobufCMessage *resp, enum ttrpc_code code,
			const struct error *err)
{
	ProtobufCMessage **keep = call->keep;
	ttrpc_reply_fn fn = call->fn;
	void *data = call->data;

	call_free(call);
	fn(resp, code, err, data);
	if (keep)
		*keep = resp;
	else
		protobuf_c_message_free_unpacked(resp, NULL);
}

static void call_finish_error(struct client_call *call, enum ttrpc_code code,
			      const struct error *err)
{
	call_finish(call, NULL, code, err);
}

static void fail_all(struct ttrpc_client *c, enum ttrpc_code code, const struct error *err)
{
	struct client_call *call;

	while (!list_empty(&c->calls)) {
		call = list_entry(c->calls.next, struct client_call, node);
		/* The analyser does not see that finishing unlinks. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		call_finish_error(call, code, err);
	}
}

static struct client_call *find_call(const struct ttrpc_client *c, uint32_t stream)
{
	struct list *pos;

	list_for_each(pos, &c->calls) {
		struct client_call *call = list_entry(pos, struct client_call, node);

		if (call->stream == stream)
			return call;
	}
	return NULL;
}

/* ---- answers ---- */

static void take_response(struct client_call *call, const Ttrpc__Response *resp)
{
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg;
	int code;

	if (resp->status && resp->status->code != TTRPC_OK) {
		code = resp->status->code;
		if (code < 0 || code > TTRPC_UNAUTHENTICATED)
			code = TTRPC_UNKNOWN;
		error_set(&err, ttrpc_errno_of(code), "%s", resp->status->message);
		call_finish_error(call, code, &err);
		return;
	}
	if (message_unpack(call->resp_desc, resp->payload.data, resp->payload.len, &msg, &err) <
	    0) {
		error_prefix(&err, "answer");
		call_finish_error(call, TTRPC_INTERNAL, &err);
		return;
	}
	call_finish(call, msg, TTRPC_OK, NULL);
}

static void on_frame(void *data, const struct ttrpc_frame *f)
{
	struct ttrpc_client *c = data;
	struct error err = ERROR_INIT;
	struct client_call *call;
	ProtobufCMessage *msg;

	if (f->type != TTRPC_TYPE_RESPONSE) {
		ttrpc_conn_abort(c->conn, -EPROTO, "frame of a wrong type");
		return;
	}
	/* Answers to calls that timed out or were cancelled come late and mean nothing. */
	call = find_call(c, f->stream);
	if (!call)
		return;
	if (f->error < 0) {
		error_set(&err, f->error, "answer of %u bytes is too long", f->length);
		call_finish_error(call, TTRPC_RESOURCE_EXHAUSTED, &err);
		return;
	}
	if (message_unpack(&ttrpc__response__descriptor, f->payload, f->length, &msg, &err) < 0) {
		error_prefix(&err, "answer");
		call_finish_error(call, TTRPC_INTERNAL, &err);
		return;
	}
	take_response(call, (const Ttrpc__Response *)msg);
	protobuf_c_message_free_unpacked(msg, NULL);
}

static void on_closed(void *data, const struct error *why)
{
	struct ttrpc_client *c = data;

	c->busy++;
	c->conn = ttrpc_conn_free(c->conn);
	fail_all(c, TTRPC_UNAVAILABLE, why);
	if (!c->dead && c->close_fn)
		c->close_fn(c, c->close_data);
	client_unref(c);
}

static const struct ttrpc_conn_ops client_conn_ops = {
	.frame = on_frame,
	.closed = on_closed,
};

static void on_timeout(struct loop_source *s, void *data)
{
	struct error err = ERROR_INIT;

	error_set(&err, -ETIMEDOUT, "no answer in time");
	call_finish_error(data, TTRPC_DEADLINE_EXCEEDED, &err);
}

/* ---- calls ---- */

static int send_request(struct ttrpc_client *c, uint32_t stream, const char *service,
			const char *method, const ProtobufCMessage *msg, uint64_t timeout_ms)
{
	Ttrpc__Request req = TTRPC__REQUEST__INIT;
	_cleanup_free_ uint8_t *payload = NULL;
	size_t len;
	int r;

	r = message_pack(msg, TTRPC_MAX_PAYLOAD, &payload, &len);
	if (r < 0)
		return r;
	req.service = (char *)service;
	req.method = (char *)method;
	req.payload.data = payload;
	req.payload.len = len;
	req.timeout_nano = (int64_t)MIN(timeout_ms, (uint64_t)INT64_MAX / 1000000) * 1000000;
	return ttrpc_conn_send(c->conn, stream, TTRPC_TYPE_REQUEST, &req.base);
}

static int call_start(struct ttrpc_client *c, const char *service, const char *method,
		      const ProtobufCMessage *req, uint64_t timeout_ms, struct client_call *call)
{
	int r;

	call->client = c;
	if (!c->conn || c->dead)
		return -ENOTCONN;
	if (c->next_stream == 0)
		return -EOVERFLOW;
	if (timeout_ms > 0) {
		r = loop_add_timer(c->loop, on_timeout, call, &call->timer);
		if (r < 0)
			return r;
		loop_timer_set(call->timer, MIN(timeout_ms, UINT64_MAX / 2000) * 1000);
	}
	r = send_request(c, c->next_stream, service, method, req, timeout_ms);
	if (r < 0)
		return r;
	call->stream = c->next_stream;
	c->next_stream = c->next_stream <= UINT32_MAX - 2 ? c->next_stream + 2 : 0;
	list_add_tail(&c->calls, &call->node);
	return 0;
}

static int start(struct ttrpc_client *c, const char *service, const char *method,
		 const ProtobufCMessage *req, uint64_t timeout_ms, const struct client_call *params,
		 uint32_t *ret_id)
{
	struct client_call *call = malloc(sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = *params;
	list_init(&call->node);
	r = call_start(c, service, method, req, timeout_ms, call);
	if (r < 0) {
		call_free(call);
		return r;
	}
	if (ret_id)
		*ret_id = call->stream;
	return 0;
}

int ttrpc_client_call(struct ttrpc_client *c, const char *service, const char *method,
		      const ProtobufCMessage *req, const ProtobufCMessageDescriptor *resp_desc,
		      uint64_t timeout_ms, ttrpc_reply_fn fn, void *data, uint32_t *ret_id)
{
	struct client_call params = { .resp_desc = resp_desc, .fn = fn, .data = data };

	return start(c, service, method, req, timeout_ms, &params, ret_id);
}

void ttrpc_client_cancel(struct ttrpc_client *c, uint32_t id)
{
	struct client_call *call = find_call(c, id);

	if (call)
		call_free(call);
}

size_t ttrpc_client_queued(const struct ttrpc_client *c)
{
	return c->conn ? ttrpc_conn_queued(c->conn) : 0;
}

struct sync_call {
	bool done;
	int result;
	struct error *err;
};

static void on_sync_reply(const ProtobufCMessage *resp, enum ttrpc_code code,
			  const struct error *err, void *data)
{
	struct sync_call *sync = data;

	sync->done = true;
	if (!resp)
		sync->result = error_set(sync->err, err->code, "%s", err->msg);
}

int ttrpc_client_call_sync(struct ttrpc_client *c, const char *service, const char *method,
			   const ProtobufCMessage *req, const ProtobufCMessageDescriptor *resp_desc,
			   uint64_t timeout_ms, ProtobufCMessage **ret_resp, struct error *err)
{
	struct sync_call sync = { .err = err };
	struct client_call params = {
		.resp_desc = resp_desc,
		.fn = on_sync_reply,
		.data = &sync,
		.keep = ret_resp,
	};
	struct loop *loop = c->loop;
	uint32_t id;
	int r;

	if (ret_resp)
		*ret_resp = NULL;
	r = start(c, service, method, req, timeout_ms, &params, &id);
	if (r < 0)
		return error_sys(err, r, "cannot send %s", method);
	while (!sync.done) {
		r = loop_step(loop, -1);
		if (r < 0 && r != -EINTR && !sync.done) {
			ttrpc_client_cancel(c, id);
			return error_sys(err, r, "event loop");
		}
	}
	return sync.result;
}

/* ---- client ---- */

int ttrpc_client_new(struct loop *loop, int fd, struct ttrpc_client **ret)
{
	struct ttrpc_client *c = new0(struct ttrpc_client);
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->next_stream = 1;
	list_init(&c->calls);
	r = ttrpc_conn_new(loop, fd, &client_conn_ops, c, false, &c->conn);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct ttrpc_client *ttrpc_client_free(struct ttrpc_client *c)
{
	struct error err = ERROR_INIT;

	if (!c || c->dead)
		return NULL;
	c->dead = true;
	c->busy++;
	error_set(&err, -ECANCELED, "the client was closed");
	fail_all(c, TTRPC_CANCELLED, &err);
	c->conn = ttrpc_conn_free(c->conn);
	client_unref(c);
	return NULL;
}

void ttrpc_client_on_close(struct ttrpc_client *c, void (*fn)(struct ttrpc_client *, void *data),
			   void *data)
{
	c->close_fn = fn;
	c->close_data = data;
}
