/* SPDX-License-Identifier: Apache-2.0 */
#include "stdio/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"

struct stream_op {
	struct list link;
	size_t *pending;    /* the stream's counter */
	const char *buf;    /* writes only */
	size_t len, off;    /* reads: len is the most that is wanted */
	stream_read_fn rfn; /* one of the two is set */
	stream_write_fn wfn;
	void *data;
};

/* What both ways have. */
struct stream {
	struct loop *loop;
	struct loop_source *
		src; /* exists only while an operation waits: a hung-up pipe would keep the loop busy */
	struct list ops;
	size_t pending;
	int fd;
};

struct stream_out {
	struct stream s;
	bool ended, eof, finished;
};

struct stream_in {
	struct stream s;
	bool closing;
};

/* One more at the end of the queue: 0, -EAGAIN when it is full, -ENOMEM. */
static int op_new(struct stream *s, void *data, struct stream_op **ret)
{
	struct stream_op *op;

	if (s->pending >= STREAM_MAX_OPS)
		return -EAGAIN;
	op = new0(struct stream_op);
	if (!op)
		return -ENOMEM;
	op->pending = &s->pending;
	op->data = data;
	list_add_tail(&s->ops, &op->link);
	s->pending++;
	*ret = op;
	return 0;
}

/* Unlinks and frees first: the callback may add or cancel operations (but must not free the stream). */
static void op_answer(struct stream_op *op, int code, const void *buf, size_t n)
{
	struct stream_op copy = *op;

	stream_op_cancel(op);
	if (copy.rfn)
		copy.rfn(code, buf, n, copy.data);
	else
		copy.wfn(code, n, copy.data);
}

void stream_op_cancel(struct stream_op *op)
{
	list_del(&op->link);
	(*op->pending)--;
	free(op);
}

static void ops_fail(struct list *ops, int code)
{
	while (!list_empty(ops))
		op_answer(list_entry(ops->next, struct stream_op, link), code, NULL, 0);
}

/* Takes the descriptor. 0 or -errno. */
static int stream_init(struct stream *s, struct loop *loop, int fd)
{
	s->loop = loop;
	s->fd = fd;
	list_init(&s->ops);
	return fd_set_nonblock(fd, true);
}

static void stream_release(struct stream *s)
{
	ops_fail(&s->ops, -ECANCELED);
	s->src = loop_source_free(s->src);
	s->fd = fd_close(s->fd);
}

/* The operation just made, last in the queue: done at once, or left waiting in *ret_op. */
static int stream_submit(struct stream *s, struct stream_op *op, void (*pump)(struct stream *s),
			 uint32_t events, loop_io_fn ready, struct stream_op **ret_op)
{
	int r;

	*ret_op = op;
	if (s->src) /* others wait already */
		return 0;
	*ret_op = NULL;
	pump(s);
	if (list_empty(&s->ops))
		return 0;
	r = loop_add_io(s->loop, s->fd, events, ready, s, &s->src);
	if (r < 0)
		stream_op_cancel(op);
	else
		*ret_op = op;
	return r;
}

/* ---- from the process ------------------------------------------------------------------------------------------- */

int stream_out_new(struct loop *loop, int fd, struct stream_out **ret)
{
	struct stream_out *o = new0(struct stream_out);
	int r = o ? stream_init(&o->s, loop, fd) : -ENOMEM;

	if (r < 0) {
		free(o);
		fd_close(fd);
		return r;
	}
	*ret = o;
	return 0;
}

struct stream_out *stream_out_free(struct stream_out *o)
{
	if (o)
		stream_release(&o->s);
	free(o);
	return NULL;
}

/* Answers one read; false when it must wait. */
static bool out_serve(struct stream_out *o, struct stream_op *op, char *buf)
{
	ssize_t n = 0;

	if (!o->eof) {
		n = read(o->s.fd, buf, MIN(op->len, (size_t)STREAM_MAX_READ));
		if (n < 0 && (errno == EAGAIN || errno == EINTR) && !o->ended)
			return false;
		/* EIO is how a terminal says that nobody has it open any more. */
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EIO) {
			op_answer(op, -errno, NULL, 0);
			return true;
		}
		if (n <= 0) {
			n = 0;
			o->eof = true;
		}
	}
	if (o->eof)
		o->finished = true;
	op_answer(op, 0, buf, (size_t)n);
	return true;
}

static void out_pump(struct stream *s)
{
	struct stream_out *o = container_of(s, struct stream_out, s);
	_cleanup_free_ char *buf = NULL;

	if (list_empty(&s->ops))
		return;
	buf = malloc(STREAM_MAX_READ);
	if (!buf) {
		ops_fail(&s->ops, -ENOMEM);
		return;
	}
	while (!list_empty(&s->ops))
		if (!out_serve(o, list_entry(s->ops.next, struct stream_op, link), buf))
			return;
}

static void out_ready(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct stream *s = data;

	out_pump(s);
	if (list_empty(&s->ops))
		s->src = loop_source_free(s->src);
}

int stream_out_read(struct stream_out *o, size_t max, stream_read_fn fn, void *data,
		    struct stream_op **ret_op)
{
	struct stream_op *op = NULL;
	int r = op_new(&o->s, data, &op);

	*ret_op = NULL;
	if (r < 0)
		return r;
	op->rfn = fn;
	op->len = max;
	return stream_submit(&o->s, op, out_pump, EPOLLIN, out_ready, ret_op);
}

void stream_out_end(struct stream_out *o)
{
	o->ended = true;
	out_ready(NULL, o->s.fd, 0, &o->s);
}

bool stream_out_finished(const struct stream_out *o)
{
	return o->finished;
}

/* ---- towards the process ---------------------------------------------------------------------------------------- */

int stream_in_new(struct loop *loop, int fd, struct stream_in **ret)
{
	struct stream_in *i = new0(struct stream_in);
	int r = i ? stream_init(&i->s, loop, fd) : -ENOMEM;

	if (r < 0) {
		free(i);
		fd_close(fd);
		return r;
	}
	*ret = i;
	return 0;
}

struct stream_in *stream_in_free(struct stream_in *i)
{
	if (i)
		stream_release(&i->s);
	free(i);
	return NULL;
}

static void in_finish(struct stream_in *i)
{
	i->s.src = loop_source_free(i->s.src);
	if (i->closing)
		i->s.fd = fd_close(i->s.fd);
}

static void in_pump(struct stream *s)
{
	while (!list_empty(&s->ops)) {
		struct stream_op *op = list_entry(s->ops.next, struct stream_op, link);
		ssize_t n = 0;

		if (op->off < op->len)
			n = write(s->fd, op->buf + op->off, op->len - op->off);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			op_answer(op, errno == EIO ? -EPIPE : -errno, NULL, 0);
			continue;
		}
		op->off += (size_t)n;
		if (op->off == op->len)
			op_answer(op, 0, NULL, op->len);
	}
	in_finish(container_of(s, struct stream_in, s));
}

static void in_ready(struct loop_source *src, int fd, uint32_t events, void *data)
{
	in_pump(data);
}

int stream_in_write(struct stream_in *i, const void *buf, size_t n, stream_write_fn fn, void *data,
		    struct stream_op **ret_op)
{
	struct stream_op *op = NULL;
	int r = i->closing ? -EPIPE : op_new(&i->s, data, &op);

	*ret_op = NULL;
	if (r < 0)
		return r;
	op->wfn = fn;
	op->buf = buf;
	op->len = n;
	return stream_submit(&i->s, op, in_pump, EPOLLOUT, in_ready, ret_op);
}

void stream_in_close(struct stream_in *i)
{
	i->closing = true;
	if (list_empty(&i->s.ops))
		in_finish(i);
}
