/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VHOST_USER_H
#define VMM_VHOST_USER_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"
#include "vmm/virtqueue.h"

/*
 * The back-end's side of the vhost-user protocol (QEMU, docs/interop/vhost-user.rst): a hypervisor hands over guest memory and
 * the addresses of virtqueues on a Unix stream socket, and a device of this process serves them. One object is one device.
 * Protocol features: CONFIG (the device's configuration space) and REPLY_ACK.
 */
#define VHOST_USER_MAX_QUEUES  4
#define VHOST_USER_MAX_PAYLOAD 1024 /* bytes of a message after its header */
#define VHOST_USER_MAX_CONFIG  256  /* bytes of a device's configuration space */

/* The device. All callbacks come from the loop; none may free the vhost_user. */
struct vhost_user_device {
	const char *name;  /* for messages */
	uint64_t features; /* of the device, besides VIRTIO_F_VERSION_1 */
	unsigned n_queues;
	/* Copies the device's configuration space from `offset`; what it does not have stays zero. */
	void (*config)(void *dev, uint32_t offset, void *buf, uint32_t len);
	/* A queue is ready to be served / will not be touched any more. */
	void (*queue_start)(void *dev, unsigned index, struct virtqueue *q);
	void (*queue_stop)(void *dev, unsigned index);
	/* The guest made chains available. */
	void (*kick)(void *dev, unsigned index);
	/* The connection ended (-ENOTCONN) or broke the protocol. All queues were stopped. Called once. */
	void (*gone)(void *dev, const struct error *err);
};

struct vhost_user;
/* Takes over fd, a connected Unix stream socket, on success only. */
int vhost_user_new(struct loop *loop, int fd, const struct vhost_user_device *ops, void *dev,
		   struct vhost_user **ret);
struct vhost_user *vhost_user_free(struct vhost_user *v); /* stops the queues; NULL accepted */

#endif
