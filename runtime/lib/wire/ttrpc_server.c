/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/socket.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/strbuf.h"
#include "wire/message.h"
#include "wire/ttrpc.pb-c.h"
#include "wire/ttrpc_conn.h"

#define ACCEPT_BATCH	  16
#define ACCEPT_RETRY_USEC 200000 /* after -EMFILE and the like */
/* A longer deadline is none: ten years. */
#define MAX_TIMEOUT_USEC (10ull * 365 * 24 * 3600 * 1000000)

struct listener {
	struct list node; /* in ttrpc_server.listeners */
	struct ttrpc_server *server;
	int fd;
	struct loop_source *io;
	struct loop_source *retry;
};

struct server_conn {
	struct list node; /* in ttrpc_server.conns */
	struct ttrpc_server *server;
	struct ttrpc_conn *conn;
	struct list calls;
	size_t n_calls;
	uint32_t last_stream;
};

struct ttrpc_call {
	struct list node;	/* in server_conn.calls */
	struct server_conn *sc; /* NULL when the connection is gone */
	uint32_t stream;
	bool expired; /* nobody waits for the answer */
	ProtobufCMessage *req;
	struct loop_source *timer;
	void (*cancel_fn)(struct ttrpc_call *call, void *data);
	void *cancel_data;
};

struct ttrpc_server {
	struct loop *loop;
	struct list listeners;
	struct list conns;
	size_t n_conns;
	const struct ttrpc_service **services;
	size_t n_services, cap_services;
	void (*idle_fn)(bool idle, void *data);
	void *idle_data;
	unsigned int busy; /* callbacks that still use this object */
	bool dead;
};

static void server_unref(struct ttrpc_server *s)
{
	if (--s->busy == 0 && s->dead)
		free(s);
}

/* ---- calls ---- */

static void call_free(struct ttrpc_call *call)
{
	list_del(&call->node);
	if (call->sc)
		call->sc->n_calls--;
	loop_source_free(call->timer);
	protobuf_c_message_free_unpacked(call->req, NULL);
	free(call);
}

/* Nobody waits any more: tells the handler, or leaves the object to its late answer. */
static void call_expire(struct ttrpc_call *call)
{
	bool was_expired = call->expired;

	call->expired = true;
	call->timer = loop_source_free(call->timer);
	if (was_expired || !call->cancel_fn)
		return;
	call->cancel_fn(call, call->cancel_data);
	call_free(call);
}

/* A failed send ends the connection, and with it every wait for an answer. */
static void send_response(struct server_conn *sc, uint32_t stream, const Ttrpc__Response *resp)
{
	int r = ttrpc_conn_send(sc->conn, stream, TTRPC_TYPE_RESPONSE, &resp->base);

	if (r == -ENOBUFS)
		ttrpc_conn_abort(sc->conn, r, "the peer does not read its answers");
	else if (r < 0 && r != -ENOTCONN)
		ttrpc_conn_abort(sc->conn, r, "cannot queue an answer");
}

static void send_status(struct server_conn *sc, uint32_t stream, enum ttrpc_code code,
			const char *text)
{
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	char msg[ERROR_MSG_MAX];

	(void)snprintf(msg, sizeof(msg), "%s", text);
	message_clean_utf8(msg);
	status.code = (int32_t)code;
	status.message = msg;
	resp.status = &status;
	send_response(sc, stream, &resp);
}

int ttrpc_call_reply(struct ttrpc_call *call, const ProtobufCMessage *msg)
{
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	_cleanup_free_ uint8_t *payload = NULL;
	/* Room for the response's own tag and length. */
	const size_t max = TTRPC_MAX_PAYLOAD - 8;
	size_t len;
	int r = 0;

	if (!call->expired) {
		r = message_pack(msg, max, &payload, &len);
		if (r == -EMSGSIZE) {
			ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
					"the answer is longer than %zu bytes", max);
			return r;
		}
		if (r < 0) {
			ttrpc_call_fail(call, ttrpc_code_of(r), "Out of memory");
			return r;
		}
		resp.payload.data = payload;
		resp.payload.len = len;
		send_response(call->sc, call->stream, &resp);
	}
	call_free(call);
	return r;
}

void ttrpc_call_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *fmt, ...)
{
	char msg[ERROR_MSG_MAX];
	va_list ap;

	if (!call->expired) {
		va_start(ap, fmt);
		(void)vsnprintf(msg, sizeof(msg), fmt, ap);
		va_end(ap);
		send_status(call->sc, call->stream, code, msg);
	}
	call_free(call);
}

void ttrpc_call_error(struct ttrpc_call *call, const struct error *err)
{
	/* An unset error would read as success. */
	enum ttrpc_code code = err->code < 0 ? ttrpc_code_of(err->code) : TTRPC_INTERNAL;

	ttrpc_call_fail(call, code, "%s", error_text(err));
}

void ttrpc_call_on_cancel(struct ttrpc_call *call, void (*fn)(struct ttrpc_call *, void *data),
			  void *data)
{
	call->cancel_fn = fn;
	call->cancel_data = data;
}

void *ttrpc_call_data(const struct ttrpc_call *call)
{
	return call->cancel_data;
}

static void on_deadline(struct loop_source *src, void *data)
{
	struct ttrpc_call *call = data;
	struct ttrpc_server *s = call->sc->server;

	s->busy++;
	send_status(call->sc, call->stream, TTRPC_DEADLINE_EXCEEDED, "deadline exceeded");
	call_expire(call);
	server_unref(s);
}

/* ---- requests ---- */

static const struct ttrpc_method *find_method(const struct ttrpc_server *s, const char *service,
					      const char *method,
					      const struct ttrpc_service **ret_svc)
{
	const struct ttrpc_service *svc;
	size_t i, j;

	for (i = 0; i < s->n_services; i++) {
		svc = s->services[i];
		if (strcmp(svc->name, service) != 0)
			continue;
		for (j = 0; j < svc->n_methods; j++) {
			if (strcmp(svc->methods[j].name, method) == 0) {
				*ret_svc = svc;
				return &svc->methods[j];
			}
		}
	}
	return NULL;
}

static int call_new(struct server_conn *sc, uint32_t stream, int64_t timeout_nano,
		    struct ttrpc_call **ret)
{
	struct ttrpc_call *call = new0(struct ttrpc_call);
	uint64_t usec;
	int r;

	if (!call)
		return -ENOMEM;
	list_init(&call->node);
	call->stream = stream;
	if (timeout_nano > 0) {
		r = loop_add_timer(sc->server->loop, on_deadline, call, &call->timer);
		if (r < 0) {
			free(call);
			return r;
		}
		usec = (uint64_t)timeout_nano / 1000;
		loop_timer_set(call->timer, MIN(MAX(usec, 1ull), MAX_TIMEOUT_USEC));
	}
	call->sc = sc;
	sc->n_calls++;
	list_add_tail(&sc->calls, &call->node);
	*ret = call;
	return 0;
}

static void dispatch(struct server_conn *sc, uint32_t stream, const Ttrpc__Request *req)
{
	const struct ttrpc_method *m;
	struct error err = ERROR_INIT;
	struct ttrpc_call *call;
	const struct ttrpc_service *svc = NULL;
	char text[ERROR_MSG_MAX];
	int r;

	m = find_method(sc->server, req->service, req->method, &svc);
	if (!m) {
		(void)snprintf(text, sizeof(text), "/%.200s/%.200s is not supported", req->service,
			       req->method);
		send_status(sc, stream, TTRPC_UNIMPLEMENTED, text);
		return;
	}
	if (sc->n_calls >= TTRPC_MAX_CALLS) {
		send_status(sc, stream, TTRPC_RESOURCE_EXHAUSTED, "too many open calls");
		return;
	}
	r = call_new(sc, stream, req->timeout_nano, &call);
	if (r < 0) {
		send_status(sc, stream, ttrpc_code_of(r), "cannot begin the call");
		return;
	}
	r = message_unpack(m->request, req->payload.data, req->payload.len, &call->req, &err);
	if (r == 0 && svc->allow)
		r = svc->allow(svc->data, m, call->req, &err);
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	m->fn(call, call->req, svc->data);
}

/* What is wrong with a frame, NULL when nothing; *code is then set. */
static const char *frame_fault(const struct server_conn *sc, const struct ttrpc_frame *f,
			       enum ttrpc_code *code)
{
	*code = TTRPC_INVALID_ARGUMENT;
	if (f->stream % 2 == 0)
		return "stream id must be odd";
	if (f->stream <= sc->last_stream)
		return "stream id must grow";
	*code = TTRPC_RESOURCE_EXHAUSTED;
	if (f->error == -EMSGSIZE)
		return "message is longer than 4194304 bytes";
	if (f->error < 0)
		return "Out of memory";
	*code = TTRPC_UNIMPLEMENTED;
	if (f->flags & TTRPC_FLAG_REMOTE_OPEN)
		return "streaming is not supported";
	return NULL;
}

static void on_frame(void *data, const struct ttrpc_frame *f)
{
	struct server_conn *sc = data;
	struct ttrpc_server *s = sc->server;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg;
	enum ttrpc_code code;
	const char *fault;

	/* Data can only belong to a streaming request, which has been refused already. */
	if (f->type == TTRPC_TYPE_DATA)
		return;
	if (f->type != TTRPC_TYPE_REQUEST) {
		ttrpc_conn_abort(sc->conn, -EPROTO, "frame of a wrong type");
		return;
	}
	fault = frame_fault(sc, f, &code);
	if (f->stream > sc->last_stream)
		sc->last_stream = f->stream;
	if (fault) {
		send_status(sc, f->stream, code, fault);
		return;
	}
	if (message_unpack(&ttrpc__request__descriptor, f->payload, f->length, &msg, &err) < 0) {
		send_status(sc, f->stream, ttrpc_code_of(err.code), error_text(&err));
		return;
	}
	s->busy++;
	dispatch(sc, f->stream, (const Ttrpc__Request *)msg);
	server_unref(s);
	protobuf_c_message_free_unpacked(msg, NULL);
}

/* ---- connections ---- */

/* Out of the server's list already. */
static void server_conn_free(struct server_conn *sc)
{
	struct ttrpc_call *call;

	while (!list_empty(&sc->calls)) {
		call = list_entry(sc->calls.next, struct ttrpc_call, node);
		list_del(&call->node);
		call->sc = NULL;
		call_expire(call);
	}
	ttrpc_conn_free(sc->conn);
	free(sc);
}

static void on_closed(void *data, const struct error *why)
{
	struct server_conn *sc = data;
	struct ttrpc_server *s = sc->server;

	s->busy++;
	list_del(&sc->node);
	s->n_conns--;
	server_conn_free(sc);
	if (!s->dead && s->n_conns == 0 && s->idle_fn)
		s->idle_fn(true, s->idle_data);
	server_unref(s);
}

static const struct ttrpc_conn_ops server_conn_ops = {
	.frame = on_frame,
	.closed = on_closed,
};

int ttrpc_server_add_conn(struct ttrpc_server *s, int fd)
{
	struct server_conn *sc = new0(struct server_conn);
	int r;

	if (!sc)
		return -ENOMEM;
	sc->server = s;
	list_init(&sc->calls);
	r = ttrpc_conn_new(s->loop, fd, &server_conn_ops, sc, true, &sc->conn);
	if (r < 0) {
		free(sc);
		return r;
	}
	list_add_tail(&s->conns, &sc->node);
	if (s->n_conns++ == 0 && s->idle_fn)
		s->idle_fn(false, s->idle_data);
	return 0;
}

/* ---- listening ---- */

static void accept_pause(struct listener *l)
{
	/* If even this fails the loop spins, but it serves. */
	(void)loop_io_set(l->io, 0);
	loop_timer_set(l->retry, ACCEPT_RETRY_USEC);
}

static void on_accept_retry(struct loop_source *src, void *data)
{
	struct listener *l = data;

	(void)loop_io_set(l->io, EPOLLIN);
}

static void on_listen(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct listener *l = data;
	struct ttrpc_server *s = l->server;
	int i, conn;

	s->busy++;
	for (i = 0; i < ACCEPT_BATCH && !s->dead; i++) {
		conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (conn < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (conn < 0) {
			if (errno != EAGAIN)
				accept_pause(l);
			break;
		}
		if (ttrpc_server_add_conn(s, conn) < 0)
			fd_close(conn);
	}
	server_unref(s);
}

static void listener_free(struct listener *l)
{
	list_del(&l->node);
	loop_source_free(l->io);
	loop_source_free(l->retry);
	fd_close(l->fd);
	free(l);
}

int ttrpc_server_listen(struct ttrpc_server *s, int listen_fd)
{
	struct listener *l = new0(struct listener);
	int r;

	if (!l)
		return -ENOMEM;
	list_init(&l->node);
	l->server = s;
	l->fd = -1;
	r = fd_set_nonblock(listen_fd, true);
	if (r == 0)
		r = loop_add_timer(s->loop, on_accept_retry, l, &l->retry);
	if (r == 0)
		r = loop_add_io(s->loop, listen_fd, EPOLLIN, on_listen, l, &l->io);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	l->fd = listen_fd;
	list_add_tail(&s->listeners, &l->node);
	return 0;
}

/* ---- server ---- */

int ttrpc_server_new(struct loop *loop, struct ttrpc_server **ret)
{
	struct ttrpc_server *s = new0(struct ttrpc_server);

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	list_init(&s->listeners);
	list_init(&s->conns);
	*ret = s;
	return 0;
}

struct ttrpc_server *ttrpc_server_free(struct ttrpc_server *s)
{
	struct list *pos, *tmp;

	if (!s || s->dead)
		return NULL;
	s->dead = true;
	s->busy++;
	list_for_each_safe(pos, tmp, &s->listeners)
		listener_free(list_entry(pos, struct listener, node));
	/* Cancelled handlers cannot close connections, so that the next one stays. */
	list_for_each_safe(pos, tmp, &s->conns) {
		list_del(pos);
		server_conn_free(list_entry(pos, struct server_conn, node));
	}
	free(s->services);
	s->services = NULL;
	s->n_services = 0;
	server_unref(s);
	return NULL;
}

int ttrpc_server_add_service(struct ttrpc_server *s, const struct ttrpc_service *svc)
{
	/* An array of pointers. NOLINTNEXTLINE(bugprone-sizeof-expression) */
	const size_t size = sizeof(s->services[0]);
	int r = array_reserve(&s->services, &s->cap_services, s->n_services + 1, size);

	if (r < 0)
		return r;
	s->services[s->n_services++] = svc;
	return 0;
}

void ttrpc_server_on_idle(struct ttrpc_server *s, void (*fn)(bool idle, void *data), void *data)
{
	s->idle_fn = fn;
	s->idle_data = data;
}
