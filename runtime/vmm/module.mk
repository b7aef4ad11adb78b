# Device models: virtio queues, vhost-user back-ends, vsock.
VMM_SRCS := $(addprefix runtime/vmm/,guest_mem.c vhost_user.c virtqueue.c vsock.c vsock_packet.c vsock_stream.c \
	vsock_vhost_user.c)
$(eval $(call lib,vmm,$(VMM_SRCS)))
