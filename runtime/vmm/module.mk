# Device models: virtio queues, vhost-user back-ends, vsock.
VMM_SRCS := $(addprefix runtime/vmm/,guest_mem.c vhost_user.c virtqueue.c vsock.c vsock_packet.c vsock_stream.c \
	vsock_vhost_user.c)
$(eval $(call lib,vmm,$(VMM_SRCS)))

# The fake guest is a library, for fuzz targets take no further sources.
$(eval $(call lib,fakeguest,tests/support/fake_guest.c))
VMM_TEST_LIBS := fakeguest vmm base
$(foreach t,test_vhost_user test_virtqueue test_vsock,\
	$(eval $(call unit,runtime/vmm/$(t),$(VMM_TEST_LIBS),)))
$(foreach f,virtqueue vhost_user,$(eval $(call fuzz,$(f),$(VMM_TEST_LIBS),)))
