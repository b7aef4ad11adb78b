/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtqueue.h"

#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static uint16_t load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, htole16(v), __ATOMIC_RELEASE);
}

int virtqueue_break(struct virtqueue *q, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	q->broken = true;
	return error_set(&q->err, -EPROTO, "%s", msg);
}

int virtqueue_start(struct virtqueue *q, const struct guest_mem *mem, uint16_t num, void *desc,
		    void *avail, void *used, uint16_t base, struct error *err)
{
	if (!num || num > VIRTQUEUE_MAX_SIZE || (num & (num - 1)))
		return error_set(err, -EINVAL,
				 "virtqueue of %u entries (a power of two up to %d is needed)", num,
				 VIRTQUEUE_MAX_SIZE);
	if (((uintptr_t)desc & 15) || ((uintptr_t)avail & 1) || ((uintptr_t)used & 3))
		return error_set(err, -EINVAL, "virtqueue: misaligned rings");
	q->mem = mem;
	q->num = num;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	q->next_avail = base;
	q->next_used = q->published = load16(&q->used->idx);
	q->broken = false;
	error_clear(&q->err);
	return 0;
}

void virtqueue_stop(struct virtqueue *q)
{
	q->num = 0;
	q->desc = NULL;
	q->avail = NULL;
	q->used = NULL;
}

/* Adds one descriptor (a private copy) to the chain. */
static int chain_add(struct virtqueue *q, struct virtqueue_chain *c, const struct vring_desc *d)
{
	uint64_t addr = le64toh(d->addr);
	uint32_t len = le32toh(d->len);
	bool write = le16toh(d->flags) & VRING_DESC_F_WRITE;
	struct iovec *iov;
	void *p;

	if (!len)
		return 0;
	if (!write && c->n_in)
		return virtqueue_break(q, "a readable descriptor follows a writable one");
	if (c->n_out + c->n_in == VIRTQUEUE_MAX_IOV)
		return virtqueue_break(q, "a chain has more than %d descriptors",
				       VIRTQUEUE_MAX_IOV);
	p = guest_mem_at(q->mem, addr, len);
	if (!p)
		return virtqueue_break(
			q, "descriptor outside guest memory: 0x%" PRIx64 ", %u bytes", addr, len);
	iov = &c->iov[c->n_out + c->n_in];
	iov->iov_base = p;
	iov->iov_len = len;
	if (write) {
		c->n_in++;
		c->in_len += len;
	} else {
		c->n_out++;
		c->out_len += len;
	}
	return 0;
}

int virtqueue_pop(struct virtqueue *q, struct virtqueue_chain *c)
{
	uint16_t avail, i;

	if (q->broken)
		return -EPROTO;
	if (!q->num)
		return 0;
	avail = load16(&q->avail->idx);
	if (avail == q->next_avail)
		return 0;
	if ((uint16_t)(avail - q->next_avail) > q->num)
		return virtqueue_break(q, "available index %u is over %u entries ahead of %u",
				       avail, q->num, q->next_avail);

	i = load16(&q->avail->ring[q->next_avail & (q->num - 1)]);
	c->head = i;
	c->n_out = c->n_in = 0;
	c->out_len = c->in_len = 0;
	for (unsigned count = 0;; count++) {
		struct vring_desc d;

		if (i >= q->num)
			return virtqueue_break(q, "descriptor index %u of %u", i, q->num);
		if (count == q->num)
			return virtqueue_break(q, "descriptor loop");
		/* One copy, which the guest cannot change between check and use. */
		d = *(volatile struct vring_desc *)&q->desc[i];
		if (le16toh(d.flags) & VRING_DESC_F_INDIRECT)
			return virtqueue_break(q, "indirect descriptor, which was not offered");
		if (chain_add(q, c, &d) < 0)
			return -EPROTO;
		if (!(le16toh(d.flags) & VRING_DESC_F_NEXT))
			break;
		i = le16toh(d.next);
	}
	q->next_avail++;
	return 1;
}

void virtqueue_unpop(struct virtqueue *q, uint16_t n)
{
	q->next_avail = (uint16_t)(q->next_avail - n);
}

void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written)
{
	struct vring_used_elem *e = &q->used->ring[q->next_used & (q->num - 1)];

	e->id = htole32(head);
	e->len = htole32(written);
	q->next_used++;
}

void virtqueue_flush(struct virtqueue *q)
{
	if (!q->num || q->published == q->next_used)
		return;
	store16(&q->used->idx, q->next_used);
	q->published = q->next_used;
	/* The guest's flag is read after the index is seen by it (virtio 1.2, 2.7.7.2). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(load16(&q->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT) && q->notify)
		q->notify(q, q->notify_data);
}

bool virtqueue_want_kicks(struct virtqueue *q, bool on)
{
	if (!q->num || q->broken)
		return false;
	store16(&q->used->flags, on ? 0 : VRING_USED_F_NO_NOTIFY);
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&q->avail->idx) != q->next_avail;
}
