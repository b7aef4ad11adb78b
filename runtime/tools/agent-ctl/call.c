/* SPDX-License-Identifier: Apache-2.0 */
/* The connection, and calls on it. */
#include "base/fd.h"
#include "base/log.h"
#include "tools/agent-ctl/ctl.h"
#include "wire/message_json.h"

static void drop(struct ctl *c)
{
	c->client = ttrpc_client_free(c->client);
	c->lost = false;
}

void ctl_release(struct ctl *c)
{
	drop(c);
	c->loop = loop_free(c->loop);
	ctl_values_release(&c->values);
}

static void on_lost(struct ttrpc_client *client, void *data)
{
	struct ctl *c = data;

	c->lost = true;
}

int ctl_connect(struct ctl *c, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r = 0;

	if (c->client && !c->lost)
		return 0;
	drop(c);
	if (!c->loop)
		r = loop_new(&c->loop);
	if (r < 0)
		return error_sys(err, r, "event loop");
	r = transport_connect(&c->addr, c->timeout_ms ? c->timeout_ms : CTL_CONNECT_MS, &fd, err);
	if (r < 0)
		return error_prefix(err, "cannot reach the agent");
	r = ttrpc_client_new(c->loop, fd, &c->client);
	if (r < 0)
		return error_sys(err, r, "connection");
	(void)fd_steal(&fd);
	ttrpc_client_on_close(c->client, on_lost, c);
	log_info("connected");
	return 0;
}

static const ProtobufCServiceDescriptor *service_of(const char *method)
{
	const ProtobufCServiceDescriptor *service = NULL;

	return ctl_method(method, &service) ? service : NULL;
}

int ctl_start(struct ctl *c, const char *method, const ProtobufCMessage *msg,
	      const ProtobufCMessageDescriptor *answer, ttrpc_reply_fn fn, void *data)
{
	if (!c->client)
		return -ENOTCONN;
	return ttrpc_client_call(c->client, service_of(method)->name, method, msg, answer,
				 c->timeout_ms, fn, data, NULL);
}

/* ---- one call to its end ---- */

struct answer {
	struct strbuf *json; /* NULL: not wanted */
	bool done;
	enum ttrpc_code code;
	struct error *err;
};

static void write_answer(struct answer *a, const ProtobufCMessage *msg)
{
	struct json_out o;
	int r;

	json_out_init(&o, a->json, NULL);
	message_to_json(msg, &o, NULL);
	r = json_out_finish(&o);
	if (r < 0) {
		a->code = TTRPC_INTERNAL;
		error_sys(a->err, r, "the answer cannot be shown");
	}
}

static void on_answer(const ProtobufCMessage *msg, enum ttrpc_code code, const struct error *err,
		      void *data)
{
	struct answer *a = data;

	a->done = true;
	a->code = code;
	if (code != TTRPC_OK)
		error_set(a->err, err->code, "%s", error_text(err));
	else if (a->json)
		write_answer(a, msg);
}

static void log_request(const struct ctl_request *req)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &text, NULL);
	message_to_json(req->msg, &o, NULL);
	if (json_out_finish(&o) == 0)
		log_debug("%s.%s %s", req->service->name, req->method->name, text.buf);
}

int ctl_call(struct ctl *c, const struct ctl_request *req, struct strbuf *json,
	     enum ttrpc_code *ret_code, struct error *err)
{
	struct answer a = { .json = json, .err = err };
	int r = ctl_connect(c, err);

	*ret_code = TTRPC_UNAVAILABLE;
	if (r < 0)
		return r;
	log_request(req);
	r = ctl_start(c, req->method->name, req->msg, req->method->output, on_answer, &a);
	if (r < 0) {
		*ret_code = ttrpc_code_of(r);
		return error_sys(err, r, "cannot be sent");
	}
	while (!a.done) {
		r = loop_step(c->loop, -1);
		if (r < 0 && r != -EINTR && !a.done) {
			drop(c); /* which answers the call */
			*ret_code = TTRPC_INTERNAL;
			return error_sys(err, r, "event loop");
		}
	}
	*ret_code = a.code;
	return a.code == TTRPC_OK ? 0 : err->code;
}
