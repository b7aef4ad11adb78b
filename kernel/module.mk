# SPDX-License-Identifier: Apache-2.0
#
# kata-kconfig, and the guest kernel: unpack and patch > merge fragments > Kconfig > check > build > inspect.
include kernel/version.mk

# ---- kata-kconfig ------------------------------------------------------------------------------------------------
$(eval $(call lib,kconfig,$(addprefix kernel/kconfig/,kconfig.c compare.c kernel_elf.c manifest.c)))
$(eval $(call prog,$(H),kata-kconfig,kernel/kconfig/main.c,kconfig codec base,-lelf -lcrypto -ljansson))
$(eval $(call unit,kernel/kconfig/test_kconfig,kconfig base,-lelf))
$(eval $(call unit,kernel/kconfig/test_kernel_elf,kconfig codec base,-lelf -lcrypto -ljansson))
$(eval $(call fuzz,kconfig,kconfig base,))
PROGRAMS += $(H)/bin/kata-kconfig

# ---- the kernel --------------------------------------------------------------------------------------------------
# Knobs: KERNEL_TARBALL, KERNEL_CC, KERNEL_JOBS, SOURCE_DATE_EPOCH.
KERNEL_ARCHES := x86_64
KERNEL_CC ?= $(if $(shell command -v ccache 2>/dev/null),ccache )gcc
KERNEL_JOBS ?= $(shell nproc)
KERNEL_FILES := vmlinux vmlinuz config System.map kernel.manifest.json
KERNEL := $(O)/kernel/$(ARCH)
KERNEL_SRC := $(abspath $(O))/kernel/src-$(ARCH)
KERNEL_BUILD := $(abspath $(O))/kernel/build-$(ARCH)
KERNEL_PATCHES := kernel/patches/$(KERNEL_SERIES).x
KERNEL_FRAGMENTS := $(sort $(wildcard kernel/configs/common/*.conf)) $(sort $(wildcard kernel/configs/$(ARCH)/*.conf))

.PHONY: kernel
ifneq ($(filter $(ARCH),$(KERNEL_ARCHES)),)
kernel: $(addprefix $(KERNEL)/,$(KERNEL_FILES))
else
kernel:
	@echo "make kernel: no configuration for ARCH=$(ARCH) yet (there is one for: $(KERNEL_ARCHES))" >&2; exit 1
endif

# C sources of other architectures and of device classes that no virtual machine has are left in the archive; their Kconfig
# files stay, since others include them.
KERNEL_SKIP := $(addprefix arch/,$(addsuffix /*.[chS],alpha arc arm arm64 csky hexagon ia64 loongarch m68k microblaze mips \
	nios2 openrisc parisc powerpc riscv s390 sh sparc um xtensa)) arch/*/boot/dts \
	$(addsuffix /*.[chS],drivers/gpu drivers/media drivers/staging drivers/infiniband drivers/net/wireless sound) \
	Documentation/*/* tools/perf tools/testing

$(KERNEL_SRC)/.patched: $(wildcard $(KERNEL_TARBALL)) $(KERNEL_PATCHES)/series $(wildcard $(KERNEL_PATCHES)/*.patch) \
		kernel/version.mk kernel/unpack.sh
	$(call say,UNPACK,$(KERNEL_TARBALL))kernel/unpack.sh $(KERNEL_TARBALL) $(KERNEL_PATCHES) $(@D) \
		$(patsubst %,'%',$(KERNEL_SKIP)) && touch $@

# The kernel's make must not see our flags and variables.
KERNEL_MAKE = env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL make $(if $(filter 0,$(V)),-s) -j$(KERNEL_JOBS) \
	-C $(KERNEL_SRC) O=$(KERNEL_BUILD) ARCH=$(ARCH) CC='$(KERNEL_CC)' LOCALVERSION=-kata.$(KERNEL_CONFIG_VERSION) \
	KBUILD_BUILD_USER=kata KBUILD_BUILD_HOST=kata KBUILD_BUILD_VERSION=$(KERNEL_CONFIG_VERSION) \
	KBUILD_BUILD_TIMESTAMP="$$(date -u $(if $(SOURCE_DATE_EPOCH),-d @$(SOURCE_DATE_EPOCH),-r $(KERNEL_SRC)/COPYING))" \
	KCFLAGS=-ffile-prefix-map=$(KERNEL_SRC)/=

$(KERNEL_BUILD)/.checked: $(KERNEL_SRC)/.patched $(KERNEL_FRAGMENTS) kernel/version.mk | $(H)/bin/kata-kconfig
	$(call say,KCONFIG,$(KERNEL_BUILD)/.config)mkdir -p $(@D) && \
		$(H)/bin/kata-kconfig merge -o $(@D)/merged.config $(KERNEL_FRAGMENTS) && \
		$(KERNEL_MAKE) KCONFIG_ALLCONFIG=$(@D)/merged.config allnoconfig && \
		$(H)/bin/kata-kconfig check $(@D)/.config $(KERNEL_FRAGMENTS) && touch $@

$(addprefix $(KERNEL)/,$(KERNEL_FILES)) &: $(KERNEL_BUILD)/.checked
	$(call say,KERNEL,$(KERNEL))$(KERNEL_MAKE) bzImage && \
		kernel/install.sh $(KERNEL_BUILD) $(KERNEL) $(KERNEL_CONFIG_VERSION) && \
		$(H)/bin/kata-kconfig inspect -a $(ARCH) -k "$$($(KERNEL_MAKE) -s kernelversion)" -n $(KERNEL_CONFIG_VERSION) \
			-c $(KERNEL)/config -p $(KERNEL_PATCHES)/series -o $(KERNEL)/kernel.manifest.json $(KERNEL)/vmlinux

# ---- boot test ---------------------------------------------------------------------------------------------------
$(eval $(call prog,$(G),init_probe,tests/support/init_probe.c,,))
BOOT_TEST_PROGS += $(G)/bin/init_probe
