/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/events.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "wire/events.pb-c.h"
#include "wire/ttrpc.h"

#define SERVICE	   "containerd.services.events.ttrpc.v1.Events"
#define RETRY_USEC 200000 /* times the number of tries */

struct event {
	struct list link;
	char *topic;
	const char *type;
	uint8_t *data;
	size_t len;
	uint64_t when;
	unsigned int tries;
};

struct events {
	struct loop *loop;
	char *address, *namespace_;
	struct ttrpc_client *client;
	struct loop_source *timer; /* the next try */
	struct list queue;
	size_t n;
	bool open; /* a call is */
};

static void event_drop(struct events *e, struct event *ev)
{
	list_del(&ev->link);
	e->n--;
	free(ev->topic);
	free(ev->data);
	free(ev);
}

static void send_next(struct events *e);

static void failed(struct events *e, const char *why)
{
	struct event *first = list_entry(e->queue.next, struct event, link);

	e->client = ttrpc_client_free(e->client);
	if (++first->tries >= EVENTS_TRIES) {
		log_warn("event %s is lost: %s", first->topic, why);
		event_drop(e, first);
	}
	if (!list_empty(&e->queue))
		loop_timer_set(e->timer,
			       RETRY_USEC *
				       (1 + list_entry(e->queue.next, struct event, link)->tries));
}

static void on_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		     void *data)
{
	struct events *e = data;

	e->open = false;
	/* The end of this object answers what was open. */
	if (err && err->code == -ECANCELED)
		return;
	if (list_empty(&e->queue))
		return;
	if (err) {
		/* Not from inside the client that it frees. */
		loop_timer_set(e->timer, 0);
		list_entry(e->queue.next, struct event, link)->tries++;
		return;
	}
	event_drop(e, list_entry(e->queue.next, struct event, link));
	loop_timer_set(e->timer, 0);
}

static int connect_to(struct events *e, struct error *err)
{
	int fd = -1, r;

	if (e->client)
		return 0;
	r = fd_unix_connect(e->address, &fd, err);
	if (r == 0) {
		r = ttrpc_client_new(e->loop, fd, &e->client);
		if (r < 0)
			fd_close(fd);
	}
	return r;
}

static void send_next(struct events *e)
{
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest req =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	Containerd__Services__Events__Ttrpc__V1__Envelope envelope =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct event *ev = list_entry(e->queue.next, struct event, link);
	struct error err = ERROR_INIT;

	if (connect_to(e, &err) < 0) {
		failed(e, error_text(&err));
		return;
	}
	at.seconds = (int64_t)(ev->when / NSEC_PER_SEC);
	at.nanos = (int32_t)(ev->when % NSEC_PER_SEC);
	any.type_url = (char *)ev->type;
	any.value.data = ev->data;
	any.value.len = ev->len;
	envelope.timestamp = &at;
	envelope.namespace_ = e->namespace_;
	envelope.topic = ev->topic;
	envelope.event = &any;
	req.envelope = &envelope;
	if (ttrpc_client_call(e->client, SERVICE, "Forward", &req.base,
			      &google__protobuf__empty__descriptor, EVENTS_TIMEOUT_MS, on_reply, e,
			      NULL) < 0)
		failed(e, "the connection is gone");
	else
		e->open = true;
}

static void on_timer(struct loop_source *s, void *data)
{
	struct events *e = data;

	if (e->open || list_empty(&e->queue))
		return;
	/* After a failure the connection is made anew. */
	if (list_entry(e->queue.next, struct event, link)->tries)
		e->client = ttrpc_client_free(e->client);
	if (list_entry(e->queue.next, struct event, link)->tries >= EVENTS_TRIES) {
		failed(e, "containerd does not take it");
		return;
	}
	send_next(e);
}

int events_new(struct loop *loop, const char *address, const char *namespace_, struct events **ret,
	       struct error *err)
{
	struct events *e = new0(struct events);
	const char *path = address ? str_after(address, "unix://") : NULL;

	if (!e)
		return error_oom(err);
	e->loop = loop;
	list_init(&e->queue);
	if (!path)
		path = address && *address ? address : NULL;
	e->namespace_ = strdup(namespace_);
	e->address = path ? strdup(path) : NULL;
	if (!e->namespace_ || (path && !e->address) ||
	    loop_add_timer(loop, on_timer, e, &e->timer) < 0) {
		events_free(e);
		return error_oom(err);
	}
	*ret = e;
	return 0;
}

struct events *events_free(struct events *e)
{
	if (!e)
		return NULL;
	while (!list_empty(&e->queue))
		event_drop(e, list_entry(e->queue.next, struct event, link));
	ttrpc_client_free(e->client);
	loop_source_free(e->timer);
	free(e->address);
	free(e->namespace_);
	free(e);
	return NULL;
}

void events_publish(struct events *e, const char *topic, const ProtobufCMessage *event)
{
	struct event *ev;

	if (!e)
		return;
	log_info("event %s", topic);
	if (!e->address)
		return;
	ev = new0(struct event);
	if (!ev)
		return;
	ev->topic = strdup(topic);
	ev->type = event->descriptor->name;
	ev->len = protobuf_c_message_get_packed_size(event);
	ev->data = malloc(ev->len + 1);
	ev->when = time_wall_nsec();
	list_add_tail(&e->queue, &ev->link);
	e->n++;
	if (!ev->topic || !ev->data) {
		event_drop(e, ev);
		return;
	}
	protobuf_c_message_pack(event, ev->data);
	/* The first of the queue may be on its way: then the second oldest goes. */
	if (e->n > EVENTS_QUEUE_MAX)
		event_drop(e, list_entry(e->open ? e->queue.next->next : e->queue.next,
					 struct event, link));
	if (e->n == 1)
		loop_timer_set(e->timer, 0);
}
