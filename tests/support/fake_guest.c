/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/fd.h"

#define RX_BUFFERS 0x10000u
#define TX_BUFFERS 0x40000u
#define TX_BYTES   (64u << 10) /* of a packet to be sent */

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void on_notify(struct virtqueue *q, void *data)
{
	((struct fake_guest *)data)->n_notified++;
}

void fake_guest_open(struct fake_guest *g)
{
	*g = (struct fake_guest){ .fd = -1 };
	must(fd_memfd("guest", &g->fd) >= 0);
	must(ftruncate(g->fd, FAKE_SIZE) == 0);
	must(guest_mem_add(&g->mem, g->fd, 0, FAKE_UVA, FAKE_SIZE, 0, NULL) == 0);
	g->base = guest_mem_at(&g->mem, 0, FAKE_SIZE);
	must(g->base != NULL);
}

void fake_guest_close(struct fake_guest *g)
{
	guest_mem_release(&g->mem);
	g->fd = fd_close(g->fd);
}

struct vring_desc *fake_desc(struct fake_guest *g, uint32_t ring)
{
	return (struct vring_desc *)(void *)(g->base + ring);
}

struct vring_avail *fake_avail(struct fake_guest *g, uint32_t ring)
{
	return (struct vring_avail *)(void *)(g->base + ring + FAKE_AVAIL);
}

struct vring_used *fake_used(struct fake_guest *g, uint32_t ring)
{
	return (struct vring_used *)(void *)(g->base + ring + FAKE_USED);
}

void fake_make_available(struct fake_guest *g, uint32_t ring, uint16_t head)
{
	struct vring_avail *a = fake_avail(g, ring);

	a->ring[a->idx % FAKE_NUM] = head;
	__atomic_store_n(&a->idx, (uint16_t)(a->idx + 1), __ATOMIC_RELEASE);
}

static void start(struct fake_guest *g, struct virtqueue *q, uint32_t ring)
{
	q->notify = on_notify;
	q->notify_data = g;
	must(virtqueue_start(q, &g->mem, FAKE_NUM, fake_desc(g, ring), fake_avail(g, ring),
			     fake_used(g, ring), 0, NULL) == 0);
}

void fake_guest_start(struct fake_guest *g, struct vsock_device *d)
{
	start(g, &g->rx, FAKE_RX_DESC);
	start(g, &g->tx, FAKE_TX_DESC);
	vsock_device_queue_start(d, VSOCK_QUEUE_RX, &g->rx);
	vsock_device_queue_start(d, VSOCK_QUEUE_TX, &g->tx);
}

void fake_post_rx(struct fake_guest *g, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t head = fake_avail(g, FAKE_RX_DESC)->idx % FAKE_NUM;

		fake_desc(g, FAKE_RX_DESC)[head] =
			(struct vring_desc){ .addr = RX_BUFFERS + head * FAKE_BUF,
					     .len = FAKE_BUF,
					     .flags = VRING_DESC_F_WRITE };
		fake_make_available(g, FAKE_RX_DESC, head);
	}
}

void fake_send(struct fake_guest *g, struct vsock_device *d, struct virtio_vsock_hdr h,
	       const void *data)
{
	struct vring_desc *desc = fake_desc(g, FAKE_TX_DESC);

	must(h.len <= TX_BYTES);
	if (!h.src_cid)
		h.src_cid = FAKE_CID;
	if (!h.dst_cid)
		h.dst_cid = VSOCK_HOST_CID;
	memcpy(g->base + TX_BUFFERS, &h, sizeof(h));
	if (h.len && data)
		memcpy(g->base + TX_BUFFERS + FAKE_BUF, data, h.len);
	/* The header in two pieces, then the payload: any split is legal. */
	desc[0] = (struct vring_desc){ TX_BUFFERS, 10, VRING_DESC_F_NEXT, 5 };
	desc[5] = (struct vring_desc){ TX_BUFFERS + 10, sizeof(h) - 10, 0, 0 };
	if (h.len) {
		desc[5].flags = VRING_DESC_F_NEXT;
		desc[5].next = 7;
		desc[7] = (struct vring_desc){ TX_BUFFERS + FAKE_BUF, h.len, 0, 0 };
	}
	fake_make_available(g, FAKE_TX_DESC, 0);
	vsock_device_kick(d, VSOCK_QUEUE_TX);
}

bool fake_recv(struct fake_guest *g, struct virtio_vsock_hdr *h, void *data)
{
	struct vring_used *u = fake_used(g, FAKE_RX_DESC);
	struct vring_used_elem *e;
	uint16_t head;

	if (g->rx_seen == u->idx)
		return false;
	e = &u->ring[g->rx_seen++ % FAKE_NUM];
	must(e->id < FAKE_NUM && e->len >= sizeof(*h) && e->len <= FAKE_BUF);
	memcpy(h, g->base + RX_BUFFERS + e->id * FAKE_BUF, sizeof(*h));
	must(h->len == e->len - sizeof(*h));
	if (data)
		memcpy(data, g->base + RX_BUFFERS + e->id * FAKE_BUF + sizeof(*h), h->len);
	head = (uint16_t)e->id;
	fake_make_available(g, FAKE_RX_DESC, head);
	return true;
}
