# SPDX-License-Identifier: Apache-2.0
# Foreign machines: agents by Debian's cross compilers, and unit tests of the shared libraries in QEMU's emulator of user
# programs. s390x stands for them all there, because it is big-endian; ARCH= says another one.
CROSS_ARCHS := $(filter-out $(HOST_ARCH),x86_64 aarch64 ppc64le s390x)
CROSS_UNIT_ARCH := s390x

# Without a compiler, or a package mirror for the sysroot, the tests of that architecture are skipped, and say so.
.PHONY: cross-agents check-cross cross-client cross-osbuilder cross-units
cross-agents: $(H)/bin/osbuilder
	$(Q)s=0; for a in $(CROSS_ARCHS); do \
		if ! command -v $$(echo $$a | sed s/ppc64le/powerpc64le/)-linux-gnu-gcc >/dev/null; then \
			echo "  no cross compiler for $$a: its tests are skipped"; \
		elif ! $(MAKE) --no-print-directory ARCH=$$a sysroot; then \
			echo "  no libraries for $$a: its tests are skipped"; \
		else $(MAKE) --no-print-directory ARCH=$$a agent cross-client \
			$$([ $$a != $(CROSS_UNIT_ARCH) ] || echo cross-osbuilder) || s=1; fi; done; exit $$s

check-cross: cross-agents
	$(Q)if [ -x $(O)/guest-$(CROSS_UNIT_ARCH)/bin/kata-agent ]; then \
		$(MAKE) --no-print-directory ARCH=$(CROSS_UNIT_ARCH) cross-units; fi

ifneq ($(CROSS),)
# What depends on the byte order. Not those: the emulator knows neither the new mount interface nor clone3(2), translates only some of
# netlink itself, and takes minutes for what compresses and hashes much.
CROSS_UNITS := $(patsubst $(H)/test/%,$(G)/test/%,$(filter-out %/test_mount %/test_agent_local %/test_rtnl %/test_cpio %/test_verity_seal \
	%/test_zpool,$(filter $(addprefix $(H)/test/,runtime/lib/% guest-agent/% osbuilder/compat/% osbuilder/disk/% osbuilder/source/test_read \
	osbuilder/tree/% osbuilder/writer/%),$(UNIT_TESTS))))
# The test that drives the agent, for a guest of that architecture; osbuilder, which must give the same bytes there.
cross-client: $(G)/test/$(AGENT_TEST)
$(eval $(call prog,$(G),osbuilder,osbuilder/cli/main.c,osbcli osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(G)/bin/osbuilder: GUEST_LDFLAGS := -pie -Wl,--gc-sections $(CROSS_LDFLAGS)
cross-osbuilder: $(G)/bin/osbuilder
cross-units: $(CROSS_UNITS)
	$(Q)$(RUN_TESTS) --strip $(O) --timeout 120 --under 'qemu-$(ARCH)-static -L $(SYSROOT)' $(CROSS_UNITS)
endif
