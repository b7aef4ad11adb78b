/* SPDX-License-Identifier: Apache-2.0 */
#include "base/relay.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"

/* Rounds in one callback before others get their turn. */
#define ROUNDS_MAX 16

struct end {
	int fd;
	bool reopened;	  /* fd is ours to close */
	bool nonblocking; /* calls never block */
	bool ready;	  /* cannot be polled (regular files): always ready */
	struct loop_source *source;
};

struct relay {
	struct loop *loop;
	struct end in, out;
	char *buf;
	size_t len, off;
	bool eof, draining, ended;
	struct loop_source *again;
	relay_end_fn fn;
	void *data;
};

static void step(struct relay *r);

static void on_event(struct loop_source *s, int fd, uint32_t events, void *data)
{
	step(data);
}

static void on_again(struct loop_source *s, void *data)
{
	struct relay *r = data;

	r->again = NULL;
	step(r);
}

/*
 * An inherited descriptor: a file description of our own lets O_NONBLOCK be set without harm to others. Not for regular files, whose
 * position is shared on purpose.
 */
static void reopen(struct end *e, int flags)
{
	char path[PATH_FD_MAX];
	struct stat st;
	int fd;

	if (fstat(e->fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return;
	fd = open(path_of_fd(path, e->fd), flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	e->fd = fd;
	e->reopened = e->nonblocking = true;
}

static int end_init(struct relay *r, struct end *e, int fd, bool own, int flags)
{
	int res;

	e->fd = fd;
	e->nonblocking = own;
	if (!own)
		reopen(e, flags);
	res = loop_add_io(r->loop, e->fd, 0, on_event, r, &e->source);
	if (res == -EPERM) {
		e->ready = true;
		res = 0;
	}
	return res;
}

int relay_new(const struct relay_params *p, struct relay **ret, struct error *err)
{
	struct relay *r = new0(struct relay);
	int res;

	if (!r)
		return error_oom(err);
	r->loop = p->loop;
	r->fn = p->fn;
	r->data = p->data;
	r->buf = malloc(RELAY_CHUNK);
	res = r->buf ? end_init(r, &r->in, p->in, p->own_in, O_RDONLY) : -ENOMEM;
	if (res == 0)
		res = end_init(r, &r->out, p->out, p->own_out, O_WRONLY);
	if (res == 0)
		res = loop_add_defer(r->loop, on_again, r, &r->again);
	if (res < 0) {
		relay_free(r);
		return error_sys(err, res, "cannot copy a stream");
	}
	*ret = r;
	return 0;
}

static void finish(struct relay *r, enum relay_end how)
{
	if (r->ended)
		return;
	r->ended = true;
	r->in.source = loop_source_free(r->in.source);
	r->out.source = loop_source_free(r->out.source);
	r->fn(r, how, r->data);
}

static bool pollable_now(const struct end *e, short events)
{
	struct pollfd p = { .fd = e->fd, .events = events };

	return e->nonblocking || e->ready || poll(&p, 1, 0) > 0;
}

/* 1: something was read, 0: nothing now, -1: the end. */
static int fill(struct relay *r)
{
	ssize_t n;

	if (!pollable_now(&r->in, POLLIN))
		return 0;
	do {
		n = read(r->in.fd, r->buf, RELAY_CHUNK);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	r->len = (size_t)n;
	r->off = 0;
	return 1;
}

/* 1: everything is written, 0: wait, -1: broken. */
static int flush(struct relay *r)
{
	while (r->off < r->len) {
		size_t want = r->len - r->off;
		ssize_t n;

		if (!pollable_now(&r->out, POLLOUT))
			return 0;
		/* What poll(2) promises of a blocking pipe is room for PIPE_BUF bytes. */
		if (!r->out.nonblocking && !r->out.ready && want > PIPE_BUF)
			want = PIPE_BUF;
		n = write(r->out.fd, r->buf + r->off, want);
		if (n > 0)
			r->off += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			return 0;
		else if (n < 0 && errno != EINTR)
			return -1;
	}
	return 1;
}

static void want(struct end *e, uint32_t events)
{
	if (e->source)
		loop_io_set(e->source, events);
}

/* A source without interest still reports a hang-up, again and again: it is taken out while we wait for the other end. */
static int watch(struct relay *r, bool input)
{
	struct end *on = input ? &r->in : &r->out, *off = input ? &r->out : &r->in;
	int res = 0;

	off->source = loop_source_free(off->source);
	if (on->ready)
		return r->again ? 0 : loop_add_defer(r->loop, on_again, r, &r->again);
	if (!on->source)
		res = loop_add_io(r->loop, on->fd, 0, on_event, r, &on->source);
	if (res == 0)
		want(on, input ? EPOLLIN : EPOLLOUT);
	return res;
}

static void step(struct relay *r)
{
	for (int i = 0; i < ROUNDS_MAX && !r->ended; i++) {
		int n = flush(r);

		if (n < 0) {
			finish(r, RELAY_BROKEN);
			return;
		}
		if (n == 0) {
			if (watch(r, false) < 0)
				finish(r, RELAY_BROKEN);
			return;
		}
		n = r->eof ? -1 : fill(r);
		if (n < 0) {
			r->eof = true;
			finish(r, RELAY_EOF);
			return;
		}
		if (n == 0 && r->draining) {
			finish(r, RELAY_DRAINED);
			return;
		}
		if (n == 0) {
			if (watch(r, true) < 0)
				finish(r, RELAY_EOF);
			return;
		}
	}
	if (!r->ended && !r->again && loop_add_defer(r->loop, on_again, r, &r->again) < 0)
		finish(r, RELAY_BROKEN);
}

void relay_drain(struct relay *r)
{
	r->draining = true;
	step(r);
}

static void end_close(struct end *e)
{
	e->source = loop_source_free(e->source);
	if (e->reopened)
		fd_close(e->fd);
}

struct relay *relay_free(struct relay *r)
{
	if (!r)
		return NULL;
	r->again = loop_source_free(r->again);
	end_close(&r->in);
	end_close(&r->out);
	free(r->buf);
	free(r);
	return NULL;
}
