# Containers inside the guest, without the protocol: also what runk is made of.
CONTAINER_SRCS := $(addprefix guest-agent/,\
	container/caps.c container/child.c container/console.c container/container.c container/copyup.c container/devnode.c \
	container/hooks.c container/identity.c container/idmap.c container/label.c container/launch.c container/mount.c \
	container/mountopt.c container/process.c container/reaper.c container/rootfs.c container/schedule.c container/seccomp.c \
	container/spawn.c container/sync.c \
	device/bus.c device/device.c device/module.c network/network.c storage/copyfile.c storage/drivers.c storage/group.c storage/layers.c storage/mirror.c storage/memory.c storage/storage.c storage/volume.c stdio/stream.c)
CONTAINER_SRCS += $(addprefix guest-agent/cgroup/,cgroup.c convert.c convert_v1.c convert_v2.c cpulist.c devfilter.c files.c hierarchy.c \
	stats.c v1.c v1_stats.c v2.c)
$(eval $(call lib,container,$(CONTAINER_SRCS)))

AGENTINIT_SRCS := $(addprefix guest-agent/init/,clock.c cmdline.c config_file.c settings.c)
$(eval $(call lib,agentinit,$(AGENTINIT_SRCS)))

$(foreach t,container/test_mountopt container/test_caps container/test_identity container/test_mount cgroup/test_convert cgroup/test_devfilter device/test_device device/test_module storage/test_copyfile storage/test_group storage/test_layers storage/test_mirror storage/test_storage \
	stdio/test_stream,$(eval $(call unit,guest-agent/$(t),container net oci base,)))
$(foreach t,cgroup/test_cgroup cgroup/test_convert_v1 cgroup/test_hierarchy cgroup/test_stats,\
	$(eval $(call unit,guest-agent/$(t),container oci base,)))
$(eval $(call unit,guest-agent/init/test_clock,agentinit base,))
$(eval $(call fuzz,cgroup_text,container oci base,))
$(foreach t,copyup hooks,$(eval $(call unit,guest-agent/container/test_$(t),container net oci base,)))
$(eval $(call unit,guest-agent/container/test_seccomp,container net oci base,-lseccomp))
$(eval $(call unit,guest-agent/init/test_cmdline,agentinit codec base,))
$(eval $(call fuzz,guest_text,container agentinit codec oci base,))
