/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vsock-internal.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

#define SHUT_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

static struct list *bucket(struct vsock_device *d, uint32_t host_port, uint32_t guest_port)
{
	return &d->hash[(host_port * 2654435761u ^ guest_port * 40503u) % VSOCK_HASH];
}

struct vsock_stream *vsock_stream_find(struct vsock_device *d, uint32_t host_port,
				       uint32_t guest_port)
{
	struct list *head = bucket(d, host_port, guest_port), *l;

	list_for_each(l, head) {
		struct vsock_stream *s = list_entry(l, struct vsock_stream, hash);

		if (s->host_port == host_port && s->guest_port == guest_port)
			return s;
	}
	return NULL;
}

/* Makes room in a full table: the oldest stream that only waits for the guest's last word goes. */
static bool evict(struct vsock_device *d)
{
	struct list *l;

	list_for_each(l, &d->streams) {
		struct vsock_stream *s = list_entry(l, struct vsock_stream, all);

		if (s->state == VSOCK_CLOSING && !s->send) {
			vsock_stream_free(s);
			return true;
		}
	}
	return false;
}

struct vsock_stream *vsock_stream_new(struct vsock_device *d, uint32_t host_port,
				      uint32_t guest_port)
{
	struct vsock_stream *s;
	int sv[2], r;

	if (d->n_streams >= VSOCK_MAX_STREAMS && !evict(d)) {
		errno = EMFILE;
		return NULL;
	}
	s = new0(struct vsock_stream);
	if (!s)
		return NULL;
	r = fd_socketpair(sv, SOCK_NONBLOCK);
	if (r < 0) {
		free(s);
		errno = -r;
		return NULL;
	}
	s->d = d;
	s->host_port = host_port;
	s->guest_port = guest_port;
	s->fd = sv[0];
	s->user_fd = sv[1];
	list_init(&s->ready);
	list_add_tail(&d->streams, &s->all);
	list_add_tail(bucket(d, host_port, guest_port), &s->hash);
	d->n_streams++;
	return s;
}

void vsock_stream_free(struct vsock_stream *s)
{
	list_del(&s->all);
	list_del(&s->hash);
	list_del(&s->ready);
	s->d->n_streams--;
	loop_source_free(s->io);
	loop_source_free(s->timer);
	fd_close(s->fd);
	fd_close(s->user_fd);
	free(s->buf);
	free(s);
}

void vsock_stream_send(struct vsock_stream *s, unsigned flags)
{
	s->send |= flags;
	if (list_empty(&s->ready))
		list_add_tail(&s->d->ready, &s->ready);
}

uint32_t vsock_stream_credit(const struct vsock_stream *s)
{
	uint32_t in_flight = s->tx_cnt - s->peer_fwd;

	/* A guest that shrinks its buffer below what is under way, or counts wrongly, gets nothing. */
	return in_flight >= s->peer_alloc ? 0 : s->peer_alloc - in_flight;
}

void vsock_stream_watch(struct vsock_stream *s)
{
	uint32_t events = 0;

	if (!s->io)
		return;
	if (s->state == VSOCK_OPEN && !s->readable && !s->eof)
		events |= EPOLLIN;
	if (s->len)
		events |= EPOLLOUT;
	if (events != s->events && loop_io_set(s->io, events) >= 0)
		s->events = events;
}

/* Our user has closed its end, or shut both directions down: nobody reads, and nothing more will come. */
static void user_closed(struct vsock_stream *s)
{
	s->io = loop_source_free(s->io);
	s->fd = fd_close(s->fd);
	free(s->buf);
	s->buf = NULL;
	s->fwd_cnt += s->len;
	s->len = 0;
	if (s->state == VSOCK_DRAINING) {
		vsock_stream_free(s);
		return;
	}
	s->state = VSOCK_CLOSING;
	s->host_shut = SHUT_BOTH;
	vsock_stream_send(s, VSOCK_SEND_SHUTDOWN);
}

/* Writes held bytes to the socket. False when the user is gone. */
static bool flush_buffer(struct vsock_stream *s)
{
	while (s->len) {
		uint32_t first = MIN(s->len, VSOCK_BUF_SIZE - s->start);
		struct iovec iov[2] = {
			{ s->buf + s->start, first },
			{ s->buf, s->len - first },
		};
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
		ssize_t n = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		s->start = (s->start + (uint32_t)n) % VSOCK_BUF_SIZE;
		s->len -= (uint32_t)n;
		s->fwd_cnt += (uint32_t)n;
	}
	s->start = 0;
	free(s->buf);
	s->buf = NULL;
	return true;
}

/* After the user took something: tell the guest, end what waited for the last byte. True while the stream lives. */
static bool after_flush(struct vsock_stream *s)
{
	if (s->state == VSOCK_OPEN && s->fwd_cnt - s->fwd_told >= VSOCK_BUF_SIZE / 4)
		vsock_stream_send(s, VSOCK_SEND_CREDIT);
	if (s->len)
		return true;
	if (s->state == VSOCK_DRAINING) {
		vsock_stream_free(s);
		return false;
	}
	if (s->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
		shutdown(s->fd, SHUT_WR);
	return true;
}

void vsock_stream_eof(struct vsock_stream *s)
{
	s->eof = true;
	s->readable = false;
	if (!s->io) {
		/* The user had hung up while there was data to be read (see on_socket()). */
		user_closed(s);
		return;
	}
	s->host_shut |= VIRTIO_VSOCK_SHUTDOWN_SEND;
	vsock_stream_send(s, VSOCK_SEND_SHUTDOWN);
}

static void on_socket(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct vsock_stream *s = data;
	struct vsock_device *d = s->d;

	if (s->len && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		if (!flush_buffer(s)) {
			s->fwd_cnt += s->len;
			s->len = 0;
		}
		if (!after_flush(s))
			return;
	}
	if (events & (EPOLLHUP | EPOLLERR)) {
		if (s->eof || s->state != VSOCK_OPEN ||
		    (s->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV)) {
			user_closed(s);
			vsock_pump(d);
			return;
		}
		/* A hang-up is reported again and again: stop watching, and read what is left as credit allows. */
		s->io = loop_source_free(s->io);
		s->events = 0;
		events |= EPOLLIN;
	}
	if ((events & EPOLLIN) && s->state == VSOCK_OPEN && !s->eof) {
		s->readable = true;
		vsock_stream_send(s, 0);
	}
	vsock_stream_watch(s);
	vsock_pump(d);
}

int vsock_stream_open(struct vsock_stream *s)
{
	int r = loop_add_io(s->d->loop, s->fd, EPOLLIN, on_socket, s, &s->io);

	if (r < 0)
		return r;
	s->events = EPOLLIN;
	s->state = VSOCK_OPEN;
	return 0;
}

void vsock_stream_orphan(struct vsock_stream *s)
{
	list_del(&s->hash);
	list_del(&s->ready);
	s->send = 0;
	/* Without a watch the user has hung up already, and does not read. */
	if (s->state != VSOCK_OPEN || !s->len || !s->io) {
		vsock_stream_free(s);
		return;
	}
	s->state = VSOCK_DRAINING;
	vsock_stream_watch(s);
}

/* ---- packets of the guest ---- */

/* Puts what the socket does not take into the ring. */
static int hold(struct vsock_stream *s, const uint8_t *p, size_t n)
{
	if (!s->buf) {
		s->buf = malloc(VSOCK_BUF_SIZE);
		if (!s->buf)
			return -ENOMEM;
		s->start = 0;
	}
	while (n) {
		uint32_t at = (s->start + s->len) % VSOCK_BUF_SIZE;
		uint32_t k = (uint32_t)MIN(n, (size_t)(VSOCK_BUF_SIZE - at));

		memcpy(s->buf + at, p, k);
		s->len += k;
		p += k;
		n -= k;
	}
	return 0;
}

/* Sends the payload straight from guest memory. Bytes taken; all of them when the user is gone. */
static size_t write_through(struct vsock_stream *s, struct virtqueue_chain *c, size_t len)
{
	struct msghdr m = { 0 };
	size_t left = len;
	ssize_t n;
	unsigned i = 0;

	while (i < c->n_out && !c->iov[i].iov_len)
		i++;
	m.msg_iov = &c->iov[i];
	for (; i < c->n_out && left; i++) {
		c->iov[i].iov_len = MIN(c->iov[i].iov_len, left);
		left -= c->iov[i].iov_len;
		m.msg_iovlen++;
	}
	do
		n = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (size_t)n;
	return errno == EAGAIN ? 0 : len;
}

/* Data of the guest. -EPROTO: it sent more than the credit it has. */
static int take_data(struct vsock_stream *s, struct virtqueue_chain *c, uint32_t len)
{
	size_t done = 0, left = len;

	if (len > VSOCK_BUF_SIZE - s->len || (s->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND))
		return -EPROTO;
	if (s->state == VSOCK_CLOSING || !s->io) {
		s->fwd_cnt += len; /* nobody reads it */
		return 0;
	}
	if (!s->len) {
		done = write_through(s, c, len);
		s->fwd_cnt += (uint32_t)done;
		left -= done;
	}
	for (unsigned i = 0; i < c->n_out && left; i++) {
		size_t cut = MIN(done, c->iov[i].iov_len);
		size_t n = MIN(c->iov[i].iov_len - cut, left);
		int r;

		done -= cut;
		r = hold(s, (const uint8_t *)c->iov[i].iov_base + cut, n);
		if (r < 0)
			return r;
		left -= n;
	}
	after_flush(s);
	vsock_stream_watch(s);
	return 0;
}

static void take_shutdown(struct vsock_stream *s, uint32_t flags)
{
	s->guest_shut |= flags & SHUT_BOTH;
	if (s->guest_shut == SHUT_BOTH) {
		/* The clean end (5.10.6.5): an RST answers. */
		s->send = 0;
		if (s->state == VSOCK_OPEN && !s->len && s->io)
			shutdown(s->fd, SHUT_WR);
		vsock_stream_send(s, VSOCK_SEND_RST);
		return;
	}
	if (s->state != VSOCK_OPEN)
		return;
	if ((s->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) && !s->len)
		shutdown(s->fd, SHUT_WR);
	if (s->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		shutdown(s->fd, SHUT_RD);
		s->eof = true;
		s->readable = false;
		vsock_stream_watch(s);
	}
}

static void refused(struct vsock_stream *s)
{
	struct error err = ERROR_INIT;

	error_set(&err, -ECONNREFUSED, "vsock port %u of the guest: connection refused",
		  s->guest_port);
	vsock_answer_connect(s, &err);
	vsock_stream_free(s);
}

/* Breaks a stream off from our side. */
static void reset(struct vsock_stream *s)
{
	if (s->state == VSOCK_CONNECTING) {
		uint32_t port = s->guest_port;
		struct error err = ERROR_INIT;

		error_set(&err, -EPROTO, "vsock port %u of the guest: protocol error", port);
		vsock_answer_connect(s, &err);
	}
	s->send = 0;
	vsock_stream_send(s, VSOCK_SEND_RST);
}

static void response(struct vsock_stream *s)
{
	if (s->state != VSOCK_CONNECTING || (s->send & VSOCK_SEND_REQUEST)) {
		reset(s);
		return;
	}
	if (vsock_stream_open(s) < 0) {
		reset(s);
		return;
	}
	vsock_answer_connect(s, NULL);
}

void vsock_stream_packet(struct vsock_stream *s, const struct virtio_vsock_hdr *h,
			 struct virtqueue_chain *c)
{
	uint16_t op = le16toh(h->op);

	if (s->send & VSOCK_SEND_RST) /* over for us already */
		return;
	s->peer_alloc = le32toh(h->buf_alloc);
	s->peer_fwd = le32toh(h->fwd_cnt);
	if (s->state == VSOCK_CONNECTING && op != VIRTIO_VSOCK_OP_RESPONSE &&
	    op != VIRTIO_VSOCK_OP_RST) {
		reset(s);
		return;
	}
	switch (op) {
	case VIRTIO_VSOCK_OP_RESPONSE:
		response(s);
		return;
	case VIRTIO_VSOCK_OP_RST:
		if (s->state == VSOCK_CONNECTING)
			refused(s);
		else
			vsock_stream_orphan(s);
		return;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		take_shutdown(s, le32toh(h->flags));
		break;
	case VIRTIO_VSOCK_OP_RW:
		if (take_data(s, c, le32toh(h->len)) < 0) {
			reset(s);
			return;
		}
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		vsock_stream_send(s, VSOCK_SEND_CREDIT);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		reset(s);
		return;
	}
	/* There may be new credit for data that waits. */
	if (s->readable)
		vsock_stream_send(s, 0);
}
