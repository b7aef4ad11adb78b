# Containers inside the guest, without the protocol: also what runk is made of.
CONTAINER_SRCS := $(addprefix guest-agent/,\
	container/caps.c container/child.c container/console.c container/container.c container/devnode.c \
	container/identity.c container/mount.c container/mountopt.c container/process.c container/reaper.c \
	container/rootfs.c container/spawn.c container/sync.c \
	cgroup/cgroup.c cgroup/convert.c device/device.c storage/drivers.c storage/storage.c stdio/stream.c)
$(eval $(call lib,container,$(CONTAINER_SRCS)))
