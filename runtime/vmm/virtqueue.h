/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VIRTQUEUE_H
#define VMM_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/virtio_ring.h>
#include "base/error.h"
#include "vmm/guest_mem.h"

/*
 * The device's side of a split virtqueue (virtio 1.2, section 2.7), without indirect descriptors and event indices (the
 * device must not offer those features). The rings lie in guest memory and the guest may write anything there at any time: each
 * field is read once, checked, and used from the copy. A queue that breaks the rules is marked broken with the cause in
 * `err`, and gives nothing more until it is started again.
 */
#define VIRTQUEUE_MAX_SIZE 1024
#define VIRTQUEUE_MAX_IOV  64 /* descriptors of one chain */

/* Bytes of the three parts, for the caller's look-up in guest memory. */
#define VIRTQUEUE_DESC_BYTES(num)  (16ULL * (num))
#define VIRTQUEUE_AVAIL_BYTES(num) (4 + 2ULL * (num))
#define VIRTQUEUE_USED_BYTES(num)  (4 + 8ULL * (num))

struct virtqueue {
	const struct guest_mem *mem;
	uint16_t num; /* entries, a power of two; 0 while stopped */
	bool broken;
	struct error err; /* why it is broken */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_avail; /* next entry of the available ring to take */
	uint16_t next_used;  /* next entry of the used ring to fill; published by flush */
	uint16_t published;  /* used index that the guest sees */
	/* Interrupts the guest. Set by the transport before start. */
	void (*notify)(struct virtqueue *q, void *data);
	void *notify_data;
};

/* Buffers of one request: iov[0..n_out) are for reading, iov[n_out..n_out + n_in) for writing. */
struct virtqueue_chain {
	uint16_t head;
	unsigned n_out, n_in;
	size_t out_len, in_len; /* bytes */
	struct iovec iov[VIRTQUEUE_MAX_IOV];
};

/*
 * Serves the rings at these addresses of this process (each with room for its part, see above) beginning with available
 * entry `base`. -EINVAL: size no power of two in 1..VIRTQUEUE_MAX_SIZE, or misaligned.
 */
int virtqueue_start(struct virtqueue *q, const struct guest_mem *mem, uint16_t num, void *desc,
		    void *avail, void *used, uint16_t base, struct error *err);
void virtqueue_stop(struct virtqueue *q);

/* Takes the next chain: 1; 0 when there is none (or stopped); -EPROTO when the queue is broken, q->err says why. */
int virtqueue_pop(struct virtqueue *q, struct virtqueue_chain *ret);
/* Gives the last n chains taken back, in order. */
void virtqueue_unpop(struct virtqueue *q, uint16_t n);
/* Returns a chain with `written` bytes in its writable buffers; the guest sees it after the flush. */
void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written);
/* Publishes what was pushed and interrupts the guest once, if it wants interrupts. */
void virtqueue_flush(struct virtqueue *q);
/* Marks the queue broken, for rules that the device itself checks. Returns -EPROTO. */
int virtqueue_break(struct virtqueue *q, const char *fmt, ...) _printf_(2, 3);
/*
 * Asks the guest to notify (or not to bother) when it makes chains available. After switching on, true when there is
 * already something to take, for which no notification will come.
 */
bool virtqueue_want_kicks(struct virtqueue *q, bool on);

#endif
