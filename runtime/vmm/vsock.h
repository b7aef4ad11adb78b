/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VSOCK_H
#define VMM_VSOCK_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"
#include "vmm/virtqueue.h"

/*
 * A virtio vsock device (virtio 1.2, section 5.10) served on our event loop: streams only, host CID 2. The device model knows nothing of
 * where its queues come from: vhost_user.h feeds it from a hypervisor, the built-in VMM will feed it directly.
 *
 * Each guest stream ends in one non-blocking socket on the host, so the rest of the program reads and writes plain
 * descriptors. Credit-based flow control on both sides; memory per stream is bounded (VSOCK_BUF_SIZE each way).
 *
 * Half-closed streams work both ways: shutdown(fd, SHUT_WR) is seen by the guest as end of file and the reverse. A stream that
 * the guest reset ends like one that it closed: what it sent before is still read, then end of file.
 */
#define VSOCK_HOST_CID	  2ULL
#define VSOCK_BUF_SIZE	  (256u << 10) /* buf_alloc we offer to the guest, per stream */
#define VSOCK_MAX_STREAMS 1024

struct vsock_device;

/* guest_cid: what the guest's driver reads from the configuration space. */
int vsock_device_new(struct loop *loop, uint64_t guest_cid, struct vsock_device **ret);
/*
 * Ends all streams. Callbacks of connects that are still open are called with -ENODEV from here; no other callback comes any
 * more. NULL accepted; returns NULL.
 */
struct vsock_device *vsock_device_free(struct vsock_device *d);

/*
 * Connects to a guest port. fn is called once, never from inside: with a connected non-blocking stream socket (now the callee's),
 * or with fd -1 and err (-ECONNREFUSED: nobody listens there yet, or the driver is not up: try again later; -ETIMEDOUT; -ENODEV: device gone).
 * timeout_ms 0: none.
 */
typedef void (*vsock_connect_fn)(int fd, const struct error *err, void *data);
int vsock_device_connect(struct vsock_device *d, uint32_t port, uint64_t timeout_ms,
			 vsock_connect_fn fn, void *data);
/* Guest-initiated streams to a host port: fn gets the connected socket. One listener a port; -EADDRINUSE. */
typedef void (*vsock_accept_fn)(int fd, uint32_t guest_port, void *data);
int vsock_device_listen(struct vsock_device *d, uint32_t port, vsock_accept_fn fn, void *data);
/* Called once, when the guest's driver has set the device up (DRIVER_OK): the kernel is alive. */
void vsock_device_on_driver(struct vsock_device *d, void (*fn)(void *data), void *data);
/* Streams that exist, in whatever state. */
unsigned vsock_device_n_streams(const struct vsock_device *d);
/* Why the device stopped serving the guest (-ENODEV or -EPROTO), or NULL while it works. */
const struct error *vsock_device_error(const struct vsock_device *d);

/*
 * The transport's side. Queues: receive and transmit as the guest sees them; the event queue is not served (it carries
 * only transport resets, after migration).
 */
enum { VSOCK_QUEUE_RX, VSOCK_QUEUE_TX, VSOCK_N_QUEUES };
/* Feature bits besides VIRTIO_F_VERSION_1. */
#define VSOCK_FEATURES 0ULL

void vsock_device_queue_start(struct vsock_device *d, unsigned index, struct virtqueue *q);
/* All streams end when either queue stops. */
void vsock_device_queue_stop(struct vsock_device *d, unsigned index);
void vsock_device_kick(struct vsock_device *d, unsigned index);
void vsock_device_config(struct vsock_device *d, uint32_t offset, void *buf, uint32_t len);
/* The transport is lost for good: connects fail with -ENODEV from now on. */
void vsock_device_gone(struct vsock_device *d, const struct error *err);

#endif
