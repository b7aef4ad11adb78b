# kata-agent: static, /sbin/init of the guest.
AGENT_SRCS := $(addprefix guest-agent/,main.c \
	init/pid1.c \
	service/agent.c service/debug_console.c service/devices.c service/guest_hooks.c service/hotplug.c service/log_port.c service/storage_job.c service/svc_container.c service/svc_guest.c \
	service/svc_iptables.c service/svc_network.c service/svc_process.c service/svc_sandbox.c service/svc_stdio.c \
	service/svc_volume.c service/watch.c service/work.c)
AGENT_LIBS := agentinit agentpolicy codec container net wire ocipb oci wireproto base
# Accounting, and what the guest itself has.
AGENT_SRCS += $(addprefix guest-agent/service/,metrics.c netdev.c oom.c pslist.c svc_cgroup.c svc_misc.c svc_plug.c svc_stats.c)
$(eval $(call prog,$(G),kata-agent,$(AGENT_SRCS) guest-agent/init/small_libc.c,$(AGENT_LIBS),-lprotobuf-c -lseccomp))
$(eval $(call prog,$(H),kata-agent,$(AGENT_SRCS),$(AGENT_LIBS),-lprotobuf-c -lseccomp))
PROGRAMS += $(G)/bin/kata-agent
.PHONY: agent
agent: $(G)/bin/kata-agent

# Which calls the host may make; needs the messages' descriptions only.
$(eval $(call lib,agentpolicy,guest-agent/service/policy.c))
$(eval $(call unit,guest-agent/service/test_policy,agentpolicy codec wire wireproto base,-lprotobuf-c))
$(eval $(call fuzz,policy,agentpolicy codec wire wireproto base,-lprotobuf-c))

# What the cross compiler links with, made of Debian's packages for that machine. Its stamp stands for it: flags are written
# anew after it, so everything is compiled again.
.PHONY: sysroot
ifneq ($(CROSS),)
sysroot: $(SYSROOT).stamp
$(G)/.flags: $(SYSROOT).stamp
$(SYSROOT).stamp: guest-agent/sysroot/recipe.toml | $(H)/bin/osbuilder
	$(call say,SYSROOT,$(SYSROOT))mkdir -p $(@D) && rm -rf $(SYSROOT) $(G)/.flags && $(H)/bin/osbuilder build \
		--recipe guest-agent/sysroot/ --arch $(ARCH) --rootfs $(SYSROOT) && touch $@
endif

AGENT_TEST := guest-agent/service/test_agent_local
$(eval $(call unit,$(AGENT_TEST),wire wireproto net base,-lprotobuf-c,tests/unit/guest-agent/service/agent_client.c \
	tests/unit/guest-agent/service/agent_accounting_tests.c tests/unit/guest-agent/service/agent_process_tests.c tests/unit/guest-agent/service/agent_environment_tests.c \
	tests/unit/guest-agent/service/agent_escape_tests.c tests/unit/guest-agent/service/agent_network_tests.c \
	tests/unit/guest-agent/service/agent_port_tests.c tests/unit/guest-agent/service/agent_volume_tests.c))
$(H)/test/$(AGENT_TEST): | $(if $(SAN),$(H),$(G))/bin/kata-agent
SOAK_TEST := guest-agent/service/test_agent_soak
$(eval $(call unit,$(SOAK_TEST),wire wireproto net base,-lprotobuf-c,tests/unit/guest-agent/service/agent_client.c))
$(H)/test/$(SOAK_TEST): | $(if $(SAN),$(H),$(G))/bin/kata-agent
BOOT_TEST_PROGS += $(H)/test/$(SOAK_TEST)
BOOT_TEST_PROGS += $(H)/test/$(AGENT_TEST) $(G)/bin/kata-agent
