/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vsock-internal.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"

#define HDR_SIZE    sizeof(struct virtio_vsock_hdr)
#define IOV_SYS_MAX 1024 /* IOV_MAX of Linux */

/* ---- from the guest ---- */

/* Reads the header and moves the chain's buffers past it. */
static bool take_header(struct virtqueue_chain *c, struct virtio_vsock_hdr *h)
{
	uint8_t *to = (uint8_t *)h;
	size_t left = HDR_SIZE;
	unsigned i = 0;

	if (c->out_len < HDR_SIZE)
		return false;
	while (left) {
		struct iovec *v = &c->iov[i];
		size_t n = MIN(left, v->iov_len);

		memcpy(to, v->iov_base, n);
		to += n;
		left -= n;
		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		if (!v->iov_len)
			i++;
	}
	c->out_len -= HDR_SIZE;
	return true;
}

static void stray_reset(struct vsock_device *d, uint32_t host_port, uint32_t guest_port)
{
	if (d->n_stray == VSOCK_MAX_STRAY)
		return;
	d->stray[d->n_stray].host_port = host_port;
	d->stray[d->n_stray].guest_port = guest_port;
	d->n_stray++;
}

static void accept_request(struct vsock_device *d, uint32_t host_port, uint32_t guest_port,
			   const struct virtio_vsock_hdr *h)
{
	struct vsock_listener *l = vsock_find_listener(d, host_port);
	struct vsock_stream *s = l ? vsock_stream_new(d, host_port, guest_port) : NULL;

	if (!s) {
		stray_reset(d, host_port, guest_port);
		return;
	}
	s->peer_alloc = le32toh(h->buf_alloc);
	s->peer_fwd = le32toh(h->fwd_cnt);
	if (vsock_stream_open(s) < 0 || vsock_answer_accept(l, s) < 0) {
		vsock_stream_free(s);
		stray_reset(d, host_port, guest_port);
		return;
	}
	vsock_stream_send(s, VSOCK_SEND_RESPONSE);
}

static void one_packet(struct vsock_device *d, struct virtqueue_chain *c)
{
	struct virtio_vsock_hdr h;
	struct vsock_stream *s;
	uint32_t host_port, guest_port;
	uint16_t op;

	/* Packets not for us, or cut, are dropped (5.10.6.4.1). */
	if (!take_header(c, &h) || le64toh(h.dst_cid) != VSOCK_HOST_CID ||
	    le64toh(h.src_cid) != d->cid || le32toh(h.len) > c->out_len)
		return;
	host_port = le32toh(h.dst_port);
	guest_port = le32toh(h.src_port);
	op = le16toh(h.op);
	if (le16toh(h.type) != VIRTIO_VSOCK_TYPE_STREAM) {
		if (op != VIRTIO_VSOCK_OP_RST)
			stray_reset(d, host_port, guest_port);
		return;
	}
	s = vsock_stream_find(d, host_port, guest_port);
	if (s)
		vsock_stream_packet(s, &h, c);
	else if (op == VIRTIO_VSOCK_OP_REQUEST)
		accept_request(d, host_port, guest_port, &h);
	else if (op != VIRTIO_VSOCK_OP_RST)
		stray_reset(d, host_port, guest_port);
}

void vsock_receive(struct vsock_device *d)
{
	struct virtqueue *q = d->tx;
	unsigned budget = VSOCK_ROUND_PACKETS;
	int r;

	virtqueue_want_kicks(q, false);
	for (;;) {
		d->tx_blocked = d->n_stray == VSOCK_MAX_STRAY;
		if (d->tx_blocked)
			break;
		if (!budget--) {
			vsock_resume_later(d);
			break;
		}
		r = virtqueue_pop(q, &d->tx_chain);
		if (r < 0) {
			vsock_fail(d, q, "transmit");
			return;
		}
		if (!r && !virtqueue_want_kicks(q, true))
			break;
		if (!r)
			continue;
		one_packet(d, &d->tx_chain);
		virtqueue_push(q, d->tx_chain.head, 0);
	}
	virtqueue_flush(q);
}

/* ---- to the guest ---- */

static void fill_header(struct vsock_device *d, struct virtio_vsock_hdr *h, uint32_t host_port,
			uint32_t guest_port, uint16_t op)
{
	memset(h, 0, sizeof(*h));
	h->src_cid = htole64(VSOCK_HOST_CID);
	h->dst_cid = htole64(d->cid);
	h->src_port = htole32(host_port);
	h->dst_port = htole32(guest_port);
	h->type = htole16(VIRTIO_VSOCK_TYPE_STREAM);
	h->op = htole16(op);
	h->buf_alloc = htole32(VSOCK_BUF_SIZE);
}

/* Writes the header over the front of a chain's writable buffers. */
static void put_header(struct virtqueue_chain *c, const struct virtio_vsock_hdr *h)
{
	const uint8_t *from = (const uint8_t *)h;
	size_t left = HDR_SIZE;

	for (unsigned i = c->n_out; left; i++) {
		size_t n = MIN(left, c->iov[i].iov_len);

		memcpy(c->iov[i].iov_base, from, n);
		from += n;
		left -= n;
	}
}

/* Takes up to `max` receive buffers into d->chains. Their number; 0 when there is none or the queue broke. */
static unsigned take_buffers(struct vsock_device *d, unsigned max)
{
	unsigned n = 0;

	while (n < max) {
		struct virtqueue_chain *c = &d->chains[n];
		int r = virtqueue_pop(d->rx, c);

		if (r > 0 && c->in_len <= HDR_SIZE)
			r = virtqueue_break(d->rx, "a receive buffer has %zu bytes", c->in_len);
		if (r < 0) {
			vsock_fail(d, d->rx, "receive");
			return 0;
		}
		if (!r)
			break;
		n++;
	}
	return n;
}

static bool send_control(struct vsock_device *d, uint32_t host_port, uint32_t guest_port,
			 uint16_t op, uint32_t flags, uint32_t fwd_cnt)
{
	struct virtio_vsock_hdr h;

	if (!take_buffers(d, 1))
		return false;
	fill_header(d, &h, host_port, guest_port, op);
	h.flags = htole32(flags);
	h.fwd_cnt = htole32(fwd_cnt);
	put_header(&d->chains[0], &h);
	virtqueue_push(d->rx, d->chains[0].head, HDR_SIZE);
	return true;
}

/* Lays the payload parts of n chains out for one read of at most `credit` bytes. Number of parts. */
static int gather(struct vsock_device *d, unsigned n, uint32_t credit, struct iovec *iov)
{
	int n_iov = 0;

	for (unsigned i = 0; i < n && credit; i++) {
		struct virtqueue_chain *c = &d->chains[i];
		size_t skip = HDR_SIZE;

		for (unsigned k = c->n_out; k < c->n_out + c->n_in && credit; k++) {
			size_t cut = MIN(skip, c->iov[k].iov_len);
			size_t len = MIN(c->iov[k].iov_len - cut, (size_t)credit);

			skip -= cut;
			if (!len)
				continue;
			if (n_iov == IOV_SYS_MAX)
				return n_iov;
			iov[n_iov].iov_base = (uint8_t *)c->iov[k].iov_base + cut;
			iov[n_iov].iov_len = len;
			n_iov++;
			credit -= (uint32_t)len;
		}
	}
	return n_iov;
}

/* Gives the chains that n bytes filled to the guest. Number of chains used. */
static unsigned put_data(struct vsock_stream *s, size_t n)
{
	struct vsock_device *d = s->d;
	struct virtio_vsock_hdr h;
	unsigned i;

	for (i = 0; n; i++) {
		struct virtqueue_chain *c = &d->chains[i];
		size_t len = MIN(n, c->in_len - HDR_SIZE);

		fill_header(d, &h, s->host_port, s->guest_port, VIRTIO_VSOCK_OP_RW);
		h.len = htole32((uint32_t)len);
		h.fwd_cnt = htole32(s->fwd_cnt);
		put_header(c, &h);
		virtqueue_push(d->rx, c->head, (uint32_t)(HDR_SIZE + len));
		s->tx_cnt += (uint32_t)len;
		n -= len;
	}
	s->fwd_told = s->fwd_cnt;
	s->send &= ~VSOCK_SEND_CREDIT;
	return i;
}

/* Reads from the socket straight into receive buffers. False when there are no more buffers. */
static bool send_data(struct vsock_stream *s)
{
	struct vsock_device *d = s->d;
	struct iovec iov[IOV_SYS_MAX];
	unsigned n_chains = take_buffers(d, VSOCK_BATCH);
	ssize_t n;

	if (!n_chains)
		return false;
	n = readv(s->fd, iov, gather(d, n_chains, vsock_stream_credit(s), iov));
	if (n <= 0) {
		virtqueue_unpop(d->rx, (uint16_t)n_chains);
		if (n < 0 && errno == EINTR)
			return true;
		s->readable = false;
		if (n == 0 || errno != EAGAIN)
			vsock_stream_eof(s);
		return true;
	}
	virtqueue_unpop(d->rx, (uint16_t)(n_chains - put_data(s, (size_t)n)));
	return true;
}

/* The next control packet of a stream. False when there are no buffers. The stream may be gone after an RST. */
static bool send_flag(struct vsock_stream *s)
{
	static const struct {
		unsigned flag;
		uint16_t op;
	} table[] = {
		{ VSOCK_SEND_REQUEST, VIRTIO_VSOCK_OP_REQUEST },
		{ VSOCK_SEND_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE },
		{ VSOCK_SEND_CREDIT, VIRTIO_VSOCK_OP_CREDIT_UPDATE },
		{ VSOCK_SEND_SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN },
		{ VSOCK_SEND_RST, VIRTIO_VSOCK_OP_RST },
	};
	unsigned i = 0;

	while (!(s->send & table[i].flag))
		i++;
	if (!send_control(s->d, s->host_port, s->guest_port, table[i].op,
			  table[i].flag == VSOCK_SEND_SHUTDOWN ? s->host_shut : 0, s->fwd_cnt))
		return false;
	s->send &= ~table[i].flag;
	s->fwd_told = s->fwd_cnt;
	if (table[i].flag == VSOCK_SEND_RST)
		vsock_stream_orphan(s);
	return true;
}

static bool can_send_data(const struct vsock_stream *s)
{
	return s->state == VSOCK_OPEN && s->readable && !s->eof && vsock_stream_credit(s) > 0;
}

/* One step of the stream at the head of the ready list. False when there are no buffers. */
static bool pump_one(struct vsock_device *d)
{
	struct vsock_stream *s = list_entry(d->ready.next, struct vsock_stream, ready);
	bool ok;

	list_del(&s->ready);
	if (s->send) {
		bool last = (s->send & -s->send) == VSOCK_SEND_RST;

		ok = send_flag(s);
		if (ok && last)
			return true;
	} else if (can_send_data(s)) {
		ok = send_data(s);
	} else {
		ok = true;
	}
	/* At the end of the line: the others come first. A device that broke has emptied its list and freed streams. */
	if (d->err.code)
		return false;
	if (s->send || can_send_data(s))
		vsock_stream_send(s, 0);
	else
		vsock_stream_watch(s);
	return ok;
}

void vsock_pump(struct vsock_device *d)
{
	unsigned budget = VSOCK_ROUND_READS;

	if (!vsock_is_up(d))
		return;
	virtqueue_want_kicks(d->rx, false);
	while (!d->err.code && (d->n_stray || !list_empty(&d->ready))) {
		bool ok;

		if (!budget--) {
			vsock_resume_later(d);
			break;
		}
		if (d->n_stray) {
			unsigned i = d->n_stray - 1;

			ok = send_control(d, d->stray[i].host_port, d->stray[i].guest_port,
					  VIRTIO_VSOCK_OP_RST, 0, 0);
			if (ok)
				d->n_stray--;
		} else {
			ok = pump_one(d);
		}
		if (!ok && !virtqueue_want_kicks(d->rx, true))
			break;
	}
	if (d->err.code)
		return;
	virtqueue_flush(d->rx);
	if (d->tx_blocked && d->n_stray < VSOCK_MAX_STRAY)
		vsock_resume_later(d);
}
