/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_FAKE_GUEST_H
#define TESTS_SUPPORT_FAKE_GUEST_H

#include <linux/virtio_vsock.h>
#include "vmm/virtqueue.h"
#include "vmm/vsock.h"

/*
 * The guest's half of a vsock device, in the test's process: 1 MiB of memory in a memfd with two rings, and a driver that sends and
 * receives packets in order.
 */
#define FAKE_SIZE    (1u << 20)
#define FAKE_NUM     16
#define FAKE_BUF     4096 /* bytes of a buffer, header included */
#define FAKE_CID     3
#define FAKE_UVA     0x7f0000000000ULL /* where the "hypervisor" has the memory */
#define FAKE_RX_DESC 0x1000u
#define FAKE_TX_DESC 0x4000u
#define FAKE_AVAIL   0x1000u /* offsets from the descriptors */
#define FAKE_USED    0x2000u

struct fake_guest {
	int fd;
	uint8_t *base;
	struct guest_mem mem;
	struct virtqueue rx, tx;
	uint16_t rx_seen, tx_seen; /* used entries taken */
	unsigned n_notified;
};

void fake_guest_open(struct fake_guest *g);
void fake_guest_close(struct fake_guest *g);
struct vring_desc *fake_desc(struct fake_guest *g, uint32_t ring);
struct vring_avail *fake_avail(struct fake_guest *g, uint32_t ring);
struct vring_used *fake_used(struct fake_guest *g, uint32_t ring);
/* Makes descriptor `head` available. */
void fake_make_available(struct fake_guest *g, uint32_t ring, uint16_t head);
/* Starts the two queues (in this process, without vhost-user) and gives them to the device. */
void fake_guest_start(struct fake_guest *g, struct vsock_device *d);
/* Offers n receive buffers. */
void fake_post_rx(struct fake_guest *g, unsigned n);
/* Sends a packet with the fields of h (cids are filled in when 0) and kicks. */
void fake_send(struct fake_guest *g, struct vsock_device *d, struct virtio_vsock_hdr h,
	       const void *data);
/* Takes the next received packet; its buffer is offered again. False when there is none. data: FAKE_BUF bytes. */
bool fake_recv(struct fake_guest *g, struct virtio_vsock_hdr *h, void *data);

#endif
