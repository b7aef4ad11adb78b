/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ttrpc_conn.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"

/* Bytes taken from one connection before others get their turn. */
#define READ_BUDGET  (256u << 10)
#define WRITE_IOVECS 16

struct out_buf {
	struct list node;
	size_t len, sent;
	uint8_t data[];
};

struct ttrpc_conn {
	struct loop *loop;
	const struct ttrpc_conn_ops *ops;
	void *data;
	int fd; /* -1 after the end */
	bool pause;
	bool dead;	   /* freed by its owner while busy */
	unsigned int busy; /* callbacks that still use this object */
	struct loop_source *io;
	uint32_t io_events;
	struct loop_source *abort_later;
	struct error abort_error;

	/* Incoming: bytes not looked at yet, and the frame being put together. */
	uint8_t in[8192];
	size_t in_pos, in_len;
	uint8_t hdr[TTRPC_HEADER_SIZE];
	size_t hdr_have;
	struct ttrpc_frame frame;
	uint8_t *payload; /* NULL when it is thrown away */
	size_t payload_have;

	struct list out;
	size_t queued;
};

static void conn_unref(struct ttrpc_conn *c)
{
	if (--c->busy == 0 && c->dead)
		free(c);
}

static bool paused(const struct ttrpc_conn *c)
{
	return c->pause && c->queued > TTRPC_PAUSE_QUEUED;
}

static void update_events(struct ttrpc_conn *c)
{
	uint32_t want = (paused(c) ? 0 : EPOLLIN) | (c->queued ? EPOLLOUT : 0);

	if (c->fd < 0 || want == c->io_events)
		return;
	if (loop_io_set(c->io, want) == 0)
		c->io_events = want;
}

/* Gives back everything but the object itself. */
static void shut(struct ttrpc_conn *c)
{
	struct list *pos, *tmp;

	c->io = loop_source_free(c->io);
	c->abort_later = loop_source_free(c->abort_later);
	c->fd = fd_close(c->fd);
	list_for_each_safe(pos, tmp, &c->out) {
		list_del(pos);
		free(list_entry(pos, struct out_buf, node));
	}
	c->queued = 0;
	free(c->payload);
	c->payload = NULL;
	c->in_pos = c->in_len = 0;
}

/* The caller holds a reference (busy). */
static void conn_end(struct ttrpc_conn *c, const struct error *why)
{
	if (c->fd < 0)
		return;
	shut(c);
	c->ops->closed(c->data, why);
}

/* ---- reading ---- */

static void frame_done(struct ttrpc_conn *c)
{
	uint8_t *payload = steal_ptr(c->payload);

	c->frame.payload = payload;
	c->hdr_have = 0;
	c->payload_have = 0;
	c->ops->frame(c->data, &c->frame);
	free(payload);
}

static void header_done(struct ttrpc_conn *c)
{
	ttrpc_header_decode(c->hdr, &c->frame);
	c->payload_have = 0;
	if (c->frame.length > TTRPC_MAX_PAYLOAD) {
		c->frame.error = -EMSGSIZE;
	} else if (c->frame.length > 0) {
		c->payload = malloc(c->frame.length);
		if (!c->payload)
			c->frame.error = -ENOMEM;
	}
	if (c->frame.length == 0)
		frame_done(c);
}

/* Uses up buffered bytes, at most to the end of one frame. */
static void feed(struct ttrpc_conn *c)
{
	size_t n = c->in_len - c->in_pos;

	if (c->hdr_have < TTRPC_HEADER_SIZE) {
		n = MIN(n, TTRPC_HEADER_SIZE - c->hdr_have);
		memcpy(c->hdr + c->hdr_have, c->in + c->in_pos, n);
		c->in_pos += n;
		c->hdr_have += n;
		if (c->hdr_have == TTRPC_HEADER_SIZE)
			header_done(c);
		return;
	}
	n = MIN(n, c->frame.length - c->payload_have);
	if (c->payload)
		memcpy(c->payload + c->payload_have, c->in + c->in_pos, n);
	c->in_pos += n;
	c->payload_have += n;
	if (c->payload_have == c->frame.length)
		frame_done(c);
}

/* Bytes read, 0 when there are none now, -errno; -ENODATA at the end of the stream. */
static ssize_t fill(struct ttrpc_conn *c)
{
	bool in_payload = c->hdr_have == TTRPC_HEADER_SIZE && c->payload;
	size_t want = in_payload ? c->frame.length - c->payload_have : 0;
	/* Long payloads go to their place at once; the last byte takes the way through the buffer, which ends the frame. */
	bool direct = want > sizeof(c->in);
	ssize_t n;

	do {
		if (direct)
			n = read(c->fd, c->payload + c->payload_have, want - 1);
		else
			n = read(c->fd, c->in, sizeof(c->in));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ENODATA;
	if (direct) {
		c->payload_have += n;
	} else {
		c->in_pos = 0;
		c->in_len = n;
	}
	return n;
}

static void set_read_error(struct ttrpc_conn *c, int r, struct error *err)
{
	if (r != -ENODATA)
		error_sys(err, r, "read");
	else if (c->hdr_have > 0)
		error_set(err, -ECONNRESET, "connection closed in the middle of a frame");
	else
		error_set(err, -ECONNRESET, "connection closed by the other end");
}

static void do_read(struct ttrpc_conn *c)
{
	struct error err = ERROR_INIT;
	size_t budget = READ_BUDGET;
	ssize_t n;

	while (!c->dead && c->fd >= 0 && !paused(c)) {
		if (c->in_pos < c->in_len) {
			feed(c);
			continue;
		}
		if (budget == 0)
			break;
		n = fill(c);
		if (n == 0)
			break;
		if (n < 0) {
			set_read_error(c, n, &err);
			conn_end(c, &err);
			return;
		}
		budget -= MIN(budget, (size_t)n);
	}
}

/* ---- writing ---- */

/* Bytes taken, or -errno. A closed peer is -EPIPE, not a signal. */
static ssize_t write_some(struct ttrpc_conn *c)
{
	struct iovec iov[WRITE_IOVECS];
	struct msghdr msg = { .msg_iov = iov };
	struct list *pos;
	ssize_t n;

	list_for_each(pos, &c->out) {
		struct out_buf *b = list_entry(pos, struct out_buf, node);

		if (msg.msg_iovlen == WRITE_IOVECS)
			break;
		iov[msg.msg_iovlen].iov_base = b->data + b->sent;
		iov[msg.msg_iovlen++].iov_len = b->len - b->sent;
	}
	do {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK)
			n = writev(c->fd, iov, (int)msg.msg_iovlen);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void drop_sent(struct ttrpc_conn *c, size_t n)
{
	c->queued -= n;
	while (n > 0) {
		struct out_buf *b = list_entry(c->out.next, struct out_buf, node);
		/* The analyser does not see that list_del() unlinks. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		size_t part = MIN(n, b->len - b->sent);

		b->sent += part;
		n -= part;
		if (b->sent == b->len) {
			list_del(&b->node);
			free(b);
		}
	}
}

/* 0 also when bytes are left for later. */
static int flush(struct ttrpc_conn *c)
{
	ssize_t n;

	while (c->queued > 0) {
		n = write_some(c);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return (int)n;
		drop_sent(c, n);
	}
	return 0;
}

static int queue_message(struct ttrpc_conn *c, const struct ttrpc_frame *f,
			 const ProtobufCMessage *msg)
{
	struct out_buf *b = malloc(sizeof(*b) + TTRPC_HEADER_SIZE + f->length);

	if (!b)
		return -ENOMEM;
	b->len = TTRPC_HEADER_SIZE + f->length;
	b->sent = 0;
	ttrpc_header_encode(b->data, f);
	protobuf_c_message_pack(msg, b->data + TTRPC_HEADER_SIZE);
	list_add_tail(&c->out, &b->node);
	c->queued += b->len;
	return 0;
}

int ttrpc_conn_send(struct ttrpc_conn *c, uint32_t stream, uint8_t type,
		    const ProtobufCMessage *msg)
{
	struct ttrpc_frame f = { .stream = stream, .type = type };
	size_t len = protobuf_c_message_get_packed_size(msg);
	bool first = c->queued == 0;
	int r;

	if (c->fd < 0 || c->abort_later)
		return -ENOTCONN;
	if (len > TTRPC_MAX_PAYLOAD)
		return -EMSGSIZE;
	if (c->queued + TTRPC_HEADER_SIZE + len > TTRPC_MAX_QUEUED)
		return -ENOBUFS;
	f.length = (uint32_t)len;
	r = queue_message(c, &f, msg);
	if (r < 0)
		return r;
	/* An error here shows again when the loop tries, which is where connections end. */
	if (first)
		(void)flush(c);
	update_events(c);
	return 0;
}

/* ---- life ---- */

static void on_abort(struct loop_source *s, void *data)
{
	struct ttrpc_conn *c = data;

	c->abort_later = NULL;
	c->busy++;
	conn_end(c, &c->abort_error);
	conn_unref(c);
}

void ttrpc_conn_abort(struct ttrpc_conn *c, int code, const char *why)
{
	if (c->fd < 0 || c->abort_later)
		return;
	error_set(&c->abort_error, code, "%s", why);
	/* Without memory even for this the connection stays until its peer gives up. */
	(void)loop_add_defer(c->loop, on_abort, c, &c->abort_later);
}

static void on_io(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct ttrpc_conn *c = data;
	struct error err = ERROR_INIT;
	int r = 0;

	c->busy++;
	if (c->queued > 0)
		r = flush(c);
	/* What the peer sent before it went is still read, unless reading is paused: then nobody can take the answers. */
	if (r == 0 && paused(c) && (events & (EPOLLHUP | EPOLLERR)))
		r = -ECONNRESET;
	if ((r == 0 || r == -EPIPE || r == -ECONNRESET) && !paused(c)) {
		do_read(c);
		if (c->dead || c->fd < 0)
			goto out;
	}
	if (r < 0) {
		error_sys(&err, r, "write");
		conn_end(c, &err);
		goto out;
	}
	update_events(c);
out:
	conn_unref(c);
}

int ttrpc_conn_new(struct loop *loop, int fd, const struct ttrpc_conn_ops *ops, void *data,
		   bool pause, struct ttrpc_conn **ret)
{
	struct ttrpc_conn *c = new0(struct ttrpc_conn);
	int r;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->ops = ops;
	c->data = data;
	c->pause = pause;
	list_init(&c->out);
	r = fd_set_nonblock(fd, true);
	if (r == 0)
		r = loop_add_io(loop, fd, EPOLLIN, on_io, c, &c->io);
	if (r < 0) {
		free(c);
		return r;
	}
	c->io_events = EPOLLIN;
	c->fd = fd;
	*ret = c;
	return 0;
}

struct ttrpc_conn *ttrpc_conn_free(struct ttrpc_conn *c)
{
	if (!c)
		return NULL;
	shut(c);
	c->dead = true;
	if (c->busy == 0)
		free(c);
	return NULL;
}

size_t ttrpc_conn_queued(const struct ttrpc_conn *c)
{
	return c->queued;
}
