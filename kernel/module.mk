# SPDX-License-Identifier: Apache-2.0
#
# kata-kconfig, and the guest kernel: unpack and patch > merge fragments > Kconfig > check > build > inspect.
include kernel/version.mk

# ---- kata-kconfig ------------------------------------------------------------------------------------------------
$(eval $(call lib,kconfig,$(addprefix kernel/kconfig/,kconfig.c fragment.c compare.c feature.c ikconfig.c kernel_elf.c manifest.c)))
$(eval $(call prog,$(H),kata-kconfig,$(addprefix kernel/kconfig/,main.c cmd_merge.c cmd_fit.c cmd_inspect.c),kconfig codec base,-lelf -lcrypto -ljansson -lz))
$(eval $(call unit,kernel/kconfig/test_kconfig,kconfig base,))
$(eval $(call unit,kernel/kconfig/test_feature,kconfig base,))
$(eval $(call unit,kernel/kconfig/test_ikconfig,kconfig base,-lz))
$(eval $(call unit,kernel/kconfig/test_kernel_elf,kconfig codec base,-lelf -lcrypto -ljansson))
$(eval $(call fuzz,kconfig,kconfig base,-lz))
PROGRAMS += $(H)/bin/kata-kconfig

# ---- the kernel --------------------------------------------------------------------------------------------------
# Knobs: KERNEL_TYPE (debug, confidential, microvm), KERNEL_EXTRA_FRAGMENTS, KERNEL_TARBALL, KERNEL_CC, KERNEL_JOBS, SOURCE_DATE_EPOCH.
KERNEL_TYPE ?=
KERNEL_EXTRA_FRAGMENTS ?=
KERNEL_JOBS ?= $(shell nproc)
KERNEL_FILES := vmlinux vmlinuz config System.map kernel.manifest.json
KERNEL_VARIANT := $(ARCH)$(KERNEL_TYPE:%=-%)
KERNEL := $(O)/kernel/$(KERNEL_VARIANT)
KERNEL_SRC := $(abspath $(O))/kernel/src
KERNEL_BUILD := $(abspath $(O))/kernel/build-$(KERNEL_VARIANT)
KERNEL_PATCHES := kernel/patches/$(KERNEL_SERIES).x
KERNEL_FRAGMENTS := $(sort $(wildcard kernel/configs/common/*.conf kernel/configs/$(ARCH)/*.conf \
	$(KERNEL_TYPE:%=kernel/configs/build-types/%/*.conf)) $(KERNEL_EXTRA_FRAGMENTS))

# What Linux calls the architecture, its C sources, and what is built for the VMM: an ELF file where one can be booted.
KERNEL_ARCH_x86_64 := x86_64
KERNEL_ARCH_aarch64 := arm64
KERNEL_ARCH_ppc64le := powerpc
KERNEL_ARCH_s390x := s390
KERNEL_ARCH := $(KERNEL_ARCH_$(ARCH))
KERNEL_CROSS := $(if $(CROSS),$(GNU_TUPLE)-)
KERNEL_CC ?= $(if $(shell command -v ccache 2>/dev/null),ccache )$(KERNEL_CROSS)gcc
KERNEL_IMAGES_x86_64 := bzImage
KERNEL_IMAGES_aarch64 := Image.gz
KERNEL_IMAGES_ppc64le := vmlinux
KERNEL_IMAGES_s390x := bzImage

.PHONY: kernel kernel-config
ifeq ($(KERNEL_ARCH),)
kernel:
	@echo "make kernel: no configuration for ARCH=$(ARCH) (there is one for: x86_64 aarch64 ppc64le s390x)" >&2; exit 1
else ifneq ($(if $(KERNEL_TYPE),$(if $(wildcard kernel/configs/build-types/$(KERNEL_TYPE)),,unknown)),)
kernel:
	@echo "make kernel: no KERNEL_TYPE=$(KERNEL_TYPE) (there are: $(notdir $(wildcard kernel/configs/build-types/*)))" >&2; exit 1
else
kernel: $(addprefix $(KERNEL)/,$(KERNEL_FILES))
# The configuration alone, checked.
kernel-config: $(KERNEL_BUILD)/.checked
endif

# C sources of other architectures and of device classes that no virtual machine has are left in the archive; their Kconfig
# files stay, since others include them.
KERNEL_SKIP_ARCHES := alpha arc arm csky hexagon ia64 loongarch m68k microblaze mips nios2 openrisc parisc riscv sh sparc um xtensa
KERNEL_SKIP := $(addprefix arch/,$(addsuffix /*.[chS],$(KERNEL_SKIP_ARCHES))) arch/*/boot/dts/*/* \
	$(addsuffix /*.[chS],drivers/gpu drivers/media drivers/staging drivers/infiniband drivers/net/wireless sound) \
	Documentation/*/* tools/perf tools/testing

$(KERNEL_SRC)/.patched: $(wildcard $(KERNEL_TARBALL)) $(KERNEL_PATCHES)/series $(wildcard $(KERNEL_PATCHES)/*.patch) \
		kernel/version.mk kernel/unpack.sh
	$(call say,UNPACK,$(KERNEL_TARBALL))kernel/unpack.sh $(KERNEL_TARBALL) $(KERNEL_PATCHES) $(@D) \
		$(patsubst %,'%',$(KERNEL_SKIP)) && touch $@

# The kernel's make must not see our flags and variables.
KERNEL_MAKE = env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL make $(if $(filter 0,$(V)),-s) -j$(KERNEL_JOBS) \
	-C $(KERNEL_SRC) O=$(KERNEL_BUILD) ARCH=$(KERNEL_ARCH) CROSS_COMPILE=$(KERNEL_CROSS) CC='$(KERNEL_CC)' \
	LOCALVERSION=-kata.$(KERNEL_CONFIG_VERSION) KBUILD_BUILD_USER=kata KBUILD_BUILD_HOST=kata KBUILD_BUILD_VERSION=$(KERNEL_CONFIG_VERSION) \
	KBUILD_BUILD_TIMESTAMP="$$(date -u $(if $(SOURCE_DATE_EPOCH),-d @$(SOURCE_DATE_EPOCH),-r $(KERNEL_SRC)/COPYING))" \
	KCFLAGS=-ffile-prefix-map=$(KERNEL_SRC)/=
KCONFIG_OPTIONS := --arch=$(ARCH) $(KERNEL_TYPE:%=--build-type=%) --fragments=kernel/configs

$(KERNEL_BUILD)/.checked: $(KERNEL_SRC)/.patched $(KERNEL_FRAGMENTS) kernel/version.mk | $(H)/bin/kata-kconfig
	$(call say,KCONFIG,$(KERNEL_BUILD)/.config)mkdir -p $(@D) && \
		$(H)/bin/kata-kconfig merge $(KCONFIG_OPTIONS) -o $(@D)/merged.config $(KERNEL_EXTRA_FRAGMENTS) && \
		$(KERNEL_MAKE) KCONFIG_ALLCONFIG=$(@D)/merged.config allnoconfig && \
		$(H)/bin/kata-kconfig check $(KCONFIG_OPTIONS) $(@D)/.config $(KERNEL_EXTRA_FRAGMENTS) && touch $@

$(addprefix $(KERNEL)/,$(KERNEL_FILES)) &: $(KERNEL_BUILD)/.checked kernel/install.sh
	$(call say,KERNEL,$(KERNEL))$(KERNEL_MAKE) $(KERNEL_IMAGES_$(ARCH)) && \
		STRIP=$(KERNEL_CROSS)strip kernel/install.sh $(ARCH) $(KERNEL_BUILD) $(KERNEL) $(KERNEL_CONFIG_VERSION) '$(KERNEL_TYPE)' && \
		$(H)/bin/kata-kconfig inspect $(KCONFIG_OPTIONS) -k "$$($(KERNEL_MAKE) -s kernelversion)" -n $(KERNEL_CONFIG_VERSION) \
			-c $(KERNEL)/config -p $(KERNEL_PATCHES)/series --boot-file=$(KERNEL)/vmlinux -o $(KERNEL)/kernel.manifest.json \
			$(KERNEL_BUILD)/vmlinux

# ---- boot test ---------------------------------------------------------------------------------------------------
$(eval $(call prog,$(G),init_probe,tests/support/init_probe.c,,))
BOOT_TEST_PROGS += $(G)/bin/init_probe
