/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vsock_vhost_user.h"

#include "vmm/vsock.h"

static void config(void *dev, uint32_t offset, void *buf, uint32_t len)
{
	vsock_device_config(dev, offset, buf, len);
}

static void queue_start(void *dev, unsigned index, struct virtqueue *q)
{
	vsock_device_queue_start(dev, index, q);
}

static void queue_stop(void *dev, unsigned index)
{
	vsock_device_queue_stop(dev, index);
}

static void kick(void *dev, unsigned index)
{
	vsock_device_kick(dev, index);
}

static void gone(void *dev, const struct error *err)
{
	vsock_device_gone(dev, err);
}

const struct vhost_user_device vsock_vhost_user = {
	.name = "vsock",
	.features = VSOCK_FEATURES,
	.n_queues = VSOCK_N_QUEUES,
	.config = config,
	.queue_start = queue_start,
	.queue_stop = queue_stop,
	.kick = kick,
	.gone = gone,
};
