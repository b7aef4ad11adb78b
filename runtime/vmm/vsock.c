/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vsock.h"

#include <endian.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "vmm/vsock-internal.h"

/* Host ports of connects come from here on, as Linux takes them from above the well-known ones. */
#define FIRST_PORT 0x40000000u

bool vsock_is_up(const struct vsock_device *d)
{
	return d->rx && d->tx && !d->err.code;
}

/* ---- answers to the user ---- */

static void answer_free(struct vsock_answer *a)
{
	list_del(&a->list);
	loop_source_free(a->source);
	fd_close(a->fd);
	free(a);
}

static void on_answer(struct loop_source *s, void *data)
{
	struct vsock_answer *a = data;

	/* Out of the device's reach first: the callback may free it. The loop frees the source. */
	list_del(&a->list);
	if (a->connect_fn)
		a->connect_fn(fd_steal(&a->fd), a->err.code ? &a->err : NULL, a->data);
	else
		a->accept_fn(fd_steal(&a->fd), a->port, a->data);
	free(a);
}

static struct vsock_answer *answer_new(struct vsock_device *d)
{
	struct vsock_answer *a = new0(struct vsock_answer);

	if (!a)
		return NULL;
	a->d = d;
	a->fd = -1;
	if (loop_add_defer(d->loop, on_answer, a, &a->source) < 0) {
		free(a);
		return NULL;
	}
	list_add_tail(&d->answers, &a->list);
	return a;
}

int vsock_answer_accept(struct vsock_listener *l, struct vsock_stream *s)
{
	struct vsock_answer *a = answer_new(s->d);

	if (!a)
		return -ENOMEM;
	a->accept_fn = l->fn;
	a->data = l->data;
	a->port = s->guest_port;
	a->fd = fd_steal(&s->user_fd);
	return 0;
}

void vsock_answer_connect(struct vsock_stream *s, const struct error *err)
{
	struct vsock_answer *a;

	s->timer = loop_source_free(s->timer);
	if (!s->fn)
		return;
	a = answer_new(s->d);
	if (!a) {
		/* "Never from inside" holds: nobody's connect() is on the stack here. */
		struct error oom = ERROR_INIT;

		error_oom(&oom);
		s->fn(-1, &oom, s->fn_data);
		s->fn = NULL;
		return;
	}
	a->connect_fn = s->fn;
	a->data = s->fn_data;
	if (err)
		a->err = *err;
	else
		a->fd = fd_steal(&s->user_fd);
	s->fn = NULL;
}

/* ---- connects and listeners ---- */

static void on_connect_timeout(struct loop_source *src, void *data)
{
	struct vsock_stream *s = data;
	struct error err = ERROR_INIT;

	error_set(&err, -ETIMEDOUT, "vsock port %u of the guest: no answer", s->guest_port);
	vsock_answer_connect(s, &err);
	/* Tell the guest, unless it never heard of the stream. */
	if (s->send & VSOCK_SEND_REQUEST) {
		vsock_stream_free(s);
		return;
	}
	s->fd = fd_close(s->fd);
	s->user_fd = fd_close(s->user_fd);
	s->state = VSOCK_CLOSING;
	s->send = 0;
	vsock_stream_send(s, VSOCK_SEND_RST);
	vsock_pump(s->d);
}

static uint32_t pick_port(struct vsock_device *d, uint32_t guest_port)
{
	/* There are more ports than streams, so this ends. */
	for (;;) {
		uint32_t port = d->next_port++;

		if (d->next_port < FIRST_PORT || d->next_port == UINT32_MAX)
			d->next_port = FIRST_PORT;
		if (!vsock_stream_find(d, port, guest_port) && !vsock_find_listener(d, port))
			return port;
	}
}

/* Fails a connect that could not even begin. */
static int refuse(struct vsock_device *d, vsock_connect_fn fn, void *data, const struct error *err)
{
	struct vsock_answer *a = answer_new(d);

	if (!a)
		return -ENOMEM;
	a->connect_fn = fn;
	a->data = data;
	a->err = *err;
	return 0;
}

int vsock_device_connect(struct vsock_device *d, uint32_t port, uint64_t timeout_ms,
			 vsock_connect_fn fn, void *data)
{
	struct error err = ERROR_INIT;
	struct vsock_stream *s;
	int r;

	if (d->err.code) {
		error_set(&err, -ENODEV, "vsock port %u of the guest: %s", port,
			  error_text(&d->err));
		return refuse(d, fn, data, &err);
	}
	if (!vsock_is_up(d)) {
		error_set(&err, -ECONNREFUSED,
			  "vsock port %u of the guest: its driver is not up yet", port);
		return refuse(d, fn, data, &err);
	}
	s = vsock_stream_new(d, pick_port(d, port), port);
	if (!s) {
		error_sys(&err, -errno, "vsock port %u of the guest", port);
		return refuse(d, fn, data, &err);
	}
	if (timeout_ms) {
		r = loop_add_timer(d->loop, on_connect_timeout, s, &s->timer);
		if (r < 0) {
			vsock_stream_free(s);
			return r;
		}
		loop_timer_set(s->timer,
			       timeout_ms > UINT64_MAX / 1000 ? UINT64_MAX : timeout_ms * 1000);
	}
	s->fn = fn;
	s->fn_data = data;
	vsock_stream_send(s, VSOCK_SEND_REQUEST);
	vsock_resume_later(d);
	return 0;
}

struct vsock_listener *vsock_find_listener(struct vsock_device *d, uint32_t port)
{
	struct list *l;

	list_for_each(l, &d->listeners) {
		struct vsock_listener *e = list_entry(l, struct vsock_listener, list);

		if (e->port == port)
			return e;
	}
	return NULL;
}

int vsock_device_listen(struct vsock_device *d, uint32_t port, vsock_accept_fn fn, void *data)
{
	struct vsock_listener *l;

	if (vsock_find_listener(d, port))
		return -EADDRINUSE;
	l = new0(struct vsock_listener);
	if (!l)
		return -ENOMEM;
	l->port = port;
	l->fn = fn;
	l->data = data;
	list_add_tail(&d->listeners, &l->list);
	return 0;
}

/* ---- the device ---- */

int vsock_device_new(struct loop *loop, uint64_t guest_cid, struct vsock_device **ret)
{
	struct vsock_device *d = new0(struct vsock_device);

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->cid = guest_cid;
	d->next_port = FIRST_PORT;
	list_init(&d->streams);
	list_init(&d->ready);
	list_init(&d->listeners);
	list_init(&d->answers);
	for (unsigned i = 0; i < VSOCK_HASH; i++)
		list_init(&d->hash[i]);
	*ret = d;
	return 0;
}

/* Ends every stream as the guest's disappearance does: connects fail, users read what has come and then end of file. */
static void end_streams(struct vsock_device *d, int code, const char *why)
{
	struct list *l, *tmp;

	list_for_each_safe(l, tmp, &d->streams) {
		struct vsock_stream *s = list_entry(l, struct vsock_stream, all);
		struct error err = ERROR_INIT;

		if (s->state == VSOCK_CONNECTING) {
			error_set(&err, code, "vsock port %u of the guest: %s", s->guest_port, why);
			vsock_answer_connect(s, &err);
			vsock_stream_free(s);
		} else if (s->state == VSOCK_OPEN) {
			vsock_stream_orphan(s);
		} else if (s->state == VSOCK_CLOSING) {
			vsock_stream_free(s);
		}
	}
	d->n_stray = 0;
	d->tx_blocked = false;
}

struct vsock_device *vsock_device_free(struct vsock_device *d)
{
	struct list *l, *tmp;

	if (!d)
		return NULL;
	vsock_device_gone(d, NULL);
	list_for_each_safe(l, tmp, &d->streams)
		vsock_stream_free(list_entry(l, struct vsock_stream, all));
	list_for_each_safe(l, tmp, &d->listeners)
		free(list_entry(l, struct vsock_listener, list));
	d->driver_source = loop_source_free(d->driver_source);
	d->resume = loop_source_free(d->resume);
	while (!list_empty(&d->answers)) {
		struct vsock_answer *a = list_entry(d->answers.next, struct vsock_answer, list);
		vsock_connect_fn fn = a->connect_fn;
		void *data = a->data;
		struct error err = ERROR_INIT;

		answer_free(a);
		error_set(&err, -ENODEV, "vsock: the device was removed");
		if (fn)
			fn(-1, &err, data);
	}
	free(d);
	return NULL;
}

void vsock_device_gone(struct vsock_device *d, const struct error *err)
{
	if (d->err.code)
		return;
	error_set(&d->err, -ENODEV, "%s", err ? error_text(err) : "the device was removed");
	d->rx = d->tx = NULL;
	end_streams(d, -ENODEV, d->err.msg);
}

void vsock_fail(struct vsock_device *d, const struct virtqueue *q, const char *which)
{
	if (d->err.code)
		return;
	error_set(&d->err, -EPROTO, "the guest's driver broke the vsock %s queue: %s", which,
		  error_text(&q->err));
	end_streams(d, -ENODEV, d->err.msg);
}

static void on_driver(struct loop_source *s, void *data)
{
	struct vsock_device *d = data;
	void (*fn)(void *) = d->driver_fn;

	d->driver_source = NULL;
	d->driver_fn = NULL;
	if (fn)
		fn(d->driver_data);
}

void vsock_device_on_driver(struct vsock_device *d, void (*fn)(void *data), void *data)
{
	d->driver_fn = fn;
	d->driver_data = data;
	if (vsock_is_up(d) && !d->driver_source)
		loop_add_defer(d->loop, on_driver, d, &d->driver_source);
}

void vsock_device_queue_start(struct vsock_device *d, unsigned index, struct virtqueue *q)
{
	if (index == VSOCK_QUEUE_RX)
		d->rx = q;
	else
		d->tx = q;
	if (!vsock_is_up(d))
		return;
	if (d->driver_fn && !d->driver_source)
		loop_add_defer(d->loop, on_driver, d, &d->driver_source);
	vsock_resume_later(d);
}

void vsock_device_queue_stop(struct vsock_device *d, unsigned index)
{
	/* The last packets may come together with the news that the guest is powered off. */
	if (vsock_is_up(d))
		vsock_receive(d);
	if (index == VSOCK_QUEUE_RX)
		d->rx = NULL;
	else
		d->tx = NULL;
	end_streams(d, -ECONNREFUSED, "the guest's driver stopped");
}

void vsock_device_kick(struct vsock_device *d, unsigned index)
{
	if (!vsock_is_up(d))
		return;
	if (index == VSOCK_QUEUE_TX || d->tx_blocked)
		vsock_receive(d);
	vsock_pump(d);
}

static void on_resume(struct loop_source *s, void *data)
{
	struct vsock_device *d = data;

	d->resume = NULL;
	if (!vsock_is_up(d))
		return;
	vsock_receive(d);
	vsock_pump(d);
}

void vsock_resume_later(struct vsock_device *d)
{
	if (!d->resume)
		loop_add_defer(d->loop, on_resume, d, &d->resume);
}

void vsock_device_config(struct vsock_device *d, uint32_t offset, void *buf, uint32_t len)
{
	/* struct virtio_vsock_config: guest_cid alone. */
	uint64_t cid = htole64(d->cid);

	if (offset < sizeof(cid))
		memcpy(buf, (const uint8_t *)&cid + offset, MIN(len, sizeof(cid) - offset));
}

unsigned vsock_device_n_streams(const struct vsock_device *d)
{
	return d->n_streams;
}

const struct error *vsock_device_error(const struct vsock_device *d)
{
	return d->err.code ? &d->err : NULL;
}
