/* SPDX-License-Identifier: Apache-2.0 */
#include "service/hotplug.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/time.h"
#include "net/uevent.h"

/*
 * Also without an event: some things become ready a moment after the kernel told of them (a share's tag), and some kernels tell of
 * nothing.
 */
#define LOOK_USEC 50000

struct hotplug_wait {
	struct hotplug *h;
	struct list link;
	uint64_t deadline;
	hotplug_try_fn try_fn;
	hotplug_done_fn done;
	void *data;
	struct hotplug_wait **slot;
};

struct hotplug {
	struct loop *loop;
	struct list waits;
	struct loop_source *timer, *events;
	int fd;
};

static void look(struct hotplug *h);

static void on_timer(struct loop_source *s, void *data)
{
	look(data);
}

static void on_event(struct loop_source *s, int fd, uint32_t events, void *data)
{
	char buf[UEVENT_MAX + 1];
	struct uevent ev;
	bool news = false;
	int r;

	/* -ENOBUFS: some were lost; there was news for certain. */
	while ((r = uevent_receive(fd, buf, &ev)) > 0 || r == -ENOBUFS)
		news = true;
	if (news)
		look(data);
}

static void stop_listening(struct hotplug *h)
{
	loop_timer_stop(h->timer);
	h->events = loop_source_free(h->events);
	h->fd = fd_close(h->fd);
}

/* Without the socket the timer still looks. */
static void start_listening(struct hotplug *h)
{
	loop_timer_set(h->timer, LOOK_USEC);
	if (h->fd >= 0 || uevent_open(&h->fd, NULL) < 0)
		return;
	if (loop_add_io(h->loop, h->fd, EPOLLIN, on_event, h, &h->events) < 0)
		h->fd = fd_close(h->fd);
}

static void unlink_wait(struct hotplug_wait *w)
{
	*w->slot = NULL;
	list_del(&w->link);
	if (list_empty(&w->h->waits))
		stop_listening(w->h);
}

/* True when it was the end of this wait. */
static bool attempt(struct hotplug_wait *w)
{
	struct error err = ERROR_INIT;
	int r = w->try_fn(w->data, &err);

	if (r == -EAGAIN) {
		if (time_mono_usec() < w->deadline)
			return false;
		err.code = r = -ETIMEDOUT;
	}
	unlink_wait(w);
	w->done(r < 0 ? &err : NULL, w->data);
	free(w);
	return true;
}

/* A callback may start and cancel waits: after each end the list is begun anew, which each wait survives once only. */
static void look(struct hotplug *h)
{
	struct list seen;

	list_init(&seen);
	while (!list_empty(&h->waits)) {
		struct hotplug_wait *w = list_entry(h->waits.next, struct hotplug_wait, link);

		list_del(&w->link);
		list_add_tail(&seen, &w->link);
		attempt(w);
	}
	while (!list_empty(&seen)) {
		struct list *first = seen.next;

		list_del(first);
		list_add_tail(&h->waits, first);
	}
	if (list_empty(&h->waits))
		stop_listening(h);
	else
		start_listening(h);
}

int hotplug_new(struct loop *loop, struct hotplug **ret)
{
	struct hotplug *h = new0(struct hotplug);

	if (!h || loop_add_timer(loop, on_timer, h, &h->timer) < 0) {
		free(h);
		return -ENOMEM;
	}
	h->loop = loop;
	h->fd = -1;
	list_init(&h->waits);
	*ret = h;
	return 0;
}

struct hotplug *hotplug_free(struct hotplug *h)
{
	if (!h)
		return NULL;
	stop_listening(h);
	loop_source_free(h->timer);
	free(h);
	return NULL;
}

int hotplug_wait(struct hotplug *h, uint64_t usec, hotplug_try_fn try_fn, hotplug_done_fn done,
		 void *data, struct hotplug_wait **slot)
{
	struct hotplug_wait *w = new0(struct hotplug_wait);

	if (!w)
		return -ENOMEM;
	w->h = h;
	w->deadline = time_mono_usec() + usec;
	w->try_fn = try_fn;
	w->done = done;
	w->data = data;
	w->slot = slot;
	*slot = w;
	list_add_tail(&h->waits, &w->link);
	if (attempt(w))
		return 0;
	/* What came between the first look and the socket. */
	start_listening(h);
	attempt(w);
	return 0;
}

void hotplug_cancel(struct hotplug_wait *w)
{
	if (!w)
		return;
	unlink_wait(w);
	free(w);
}
