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

struct stream_out {
	struct loop *loop;
	struct loop_source
		*src; /* exists only while a read waits: a hung-up pipe would keep the loop busy */
	struct list ops;
	size_t pending;
	int fd;
	bool ended, eof, finished;
};

struct stream_in {
	struct loop *loop;
	struct loop_source *src; /* exists only while a write waits */
	struct list ops;
	size_t pending;
	int fd;
	bool closing;
};

static struct stream_op *op_new(struct list *ops, size_t *pending, void *data)
{
	struct stream_op *op = new0(struct stream_op);

	if (!op)
		return NULL;
	op->pending = pending;
	op->data = data;
	list_add_tail(ops, &op->link);
	(*pending)++;
	return op;
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

/* ---- from the process ------------------------------------------------------------------------------------------- */

int stream_out_new(struct loop *loop, int fd, struct stream_out **ret)
{
	struct stream_out *s = new0(struct stream_out);
	int r = s ? fd_set_nonblock(fd, true) : -ENOMEM;

	if (r < 0) {
		free(s);
		fd_close(fd);
		return r;
	}
	s->loop = loop;
	s->fd = fd;
	list_init(&s->ops);
	*ret = s;
	return 0;
}

struct stream_out *stream_out_free(struct stream_out *s)
{
	if (!s)
		return NULL;
	ops_fail(&s->ops, -ECANCELED);
	loop_source_free(s->src);
	fd_close(s->fd);
	free(s);
	return NULL;
}

/* Answers one read; false when it must wait. */
static bool out_serve(struct stream_out *s, struct stream_op *op, char *buf)
{
	ssize_t n = 0;

	if (!s->eof) {
		n = read(s->fd, buf, MIN(op->len, (size_t)STREAM_MAX_READ));
		if (n < 0 && (errno == EAGAIN || errno == EINTR) && !s->ended)
			return false;
		/* EIO is how a terminal says that nobody has it open any more. */
		if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EIO) {
			op_answer(op, -errno, NULL, 0);
			return true;
		}
		if (n <= 0) {
			n = 0;
			s->eof = true;
		}
	}
	if (s->eof)
		s->finished = true;
	op_answer(op, 0, buf, (size_t)n);
	return true;
}

static void out_pump(struct stream_out *s)
{
	_cleanup_free_ char *buf = NULL;

	if (list_empty(&s->ops))
		return;
	buf = malloc(STREAM_MAX_READ);
	if (!buf) {
		ops_fail(&s->ops, -ENOMEM);
		return;
	}
	while (!list_empty(&s->ops))
		if (!out_serve(s, list_entry(s->ops.next, struct stream_op, link), buf))
			return;
}

static void out_ready(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct stream_out *s = data;

	out_pump(s);
	if (list_empty(&s->ops))
		s->src = loop_source_free(s->src);
}

int stream_out_read(struct stream_out *s, size_t max, stream_read_fn fn, void *data,
		    struct stream_op **ret_op)
{
	struct stream_op *op;
	int r = 0;

	*ret_op = NULL;
	if (s->pending >= STREAM_MAX_OPS)
		return -EAGAIN;
	op = op_new(&s->ops, &s->pending, data);
	if (!op)
		return -ENOMEM;
	op->rfn = fn;
	op->len = max;
	if (s->src) { /* others wait already */
		*ret_op = op;
		return 0;
	}
	out_pump(s);
	if (list_empty(&s->ops))
		return 0;
	r = loop_add_io(s->loop, s->fd, EPOLLIN, out_ready, s, &s->src);
	if (r < 0) {
		stream_op_cancel(op);
		return r;
	}
	*ret_op = op;
	return 0;
}

void stream_out_end(struct stream_out *s)
{
	s->ended = true;
	out_pump(s);
	if (list_empty(&s->ops))
		s->src = loop_source_free(s->src);
}

bool stream_out_finished(const struct stream_out *s)
{
	return s->finished;
}

/* ---- towards the process ---------------------------------------------------------------------------------------- */

int stream_in_new(struct loop *loop, int fd, struct stream_in **ret)
{
	struct stream_in *s = new0(struct stream_in);
	int r = s ? fd_set_nonblock(fd, true) : -ENOMEM;

	if (r < 0) {
		free(s);
		fd_close(fd);
		return r;
	}
	s->loop = loop;
	s->fd = fd;
	list_init(&s->ops);
	*ret = s;
	return 0;
}

struct stream_in *stream_in_free(struct stream_in *s)
{
	if (!s)
		return NULL;
	ops_fail(&s->ops, -ECANCELED);
	loop_source_free(s->src);
	fd_close(s->fd);
	free(s);
	return NULL;
}

static void in_finish(struct stream_in *s)
{
	s->src = loop_source_free(s->src);
	if (s->closing)
		s->fd = fd_close(s->fd);
}

static void in_pump(struct stream_in *s)
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
	in_finish(s);
}

static void in_ready(struct loop_source *src, int fd, uint32_t events, void *data)
{
	in_pump(data);
}

int stream_in_write(struct stream_in *s, const void *buf, size_t n, stream_write_fn fn, void *data,
		    struct stream_op **ret_op)
{
	struct stream_op *op;
	int r;

	*ret_op = NULL;
	if (s->closing)
		return -EPIPE;
	if (s->pending >= STREAM_MAX_OPS)
		return -EAGAIN;
	op = op_new(&s->ops, &s->pending, data);
	if (!op)
		return -ENOMEM;
	op->wfn = fn;
	op->buf = buf;
	op->len = n;
	if (s->src) {
		*ret_op = op;
		return 0;
	}
	in_pump(s);
	if (list_empty(&s->ops))
		return 0;
	r = loop_add_io(s->loop, s->fd, EPOLLOUT, in_ready, s, &s->src);
	if (r < 0) {
		stream_op_cancel(op);
		return r;
	}
	*ret_op = op;
	return 0;
}

void stream_in_close(struct stream_in *s)
{
	s->closing = true;
	if (list_empty(&s->ops))
		in_finish(s);
}
