# SPDX-License-Identifier: Apache-2.0
#
# kata-kconfig, and the guest kernel: unpack and patch > merge fragments > Kconfig > check > build > inspect.

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
# Knobs, all in README.md: KERNEL_TYPE (debug, confidential, microvm), KERNEL_EXTRA_FRAGMENTS, KERNEL_CC, KERNEL_JOBS, KERNEL_CACHE,
# SOURCE_DATE_EPOCH; KERNEL_VERSION, KERNEL_TARBALL, KERNEL_SHA256, KERNEL_KEYRING, KERNEL_DIR for another source than Debian's.
kernel_version_of = $(shell sed -n 's/^$(1) = "\{0,1\}\([^"]*\)"\{0,1\}$$/\1/p' kernel/versions.toml)
KERNEL_CONFIG_VERSION := $(call kernel_version_of,config_version)
KERNEL_TYPE ?=
KERNEL_EXTRA_FRAGMENTS ?=
KERNEL_JOBS ?= $(shell nproc)
# The source: a directory, a release of kernel.org, or Debian's package. What KERNEL_TARBALL names alone is taken as it is.
KERNEL_VERSION ?=
KERNEL_DIR ?=
KERNEL_SHA256 ?=
KERNEL_KEYRING ?=
kernel_makefile = $(shell sed -n 's/^$(1) = //p' $(KERNEL_DIR)/Makefile 2>/dev/null)
empty :=
KERNEL_SERIES := $(if $(KERNEL_DIR),$(call kernel_makefile,VERSION).$(call kernel_makefile,PATCHLEVEL),$(if $(KERNEL_VERSION),$(subst \
	$(empty) $(empty),.,$(wordlist 1,2,$(subst ., ,$(KERNEL_VERSION)))),$(call kernel_version_of,series)))
KERNEL_TARBALL ?= $(if $(KERNEL_VERSION),$(OSBUILDER_CACHE)/linux-$(KERNEL_VERSION).tar.xz,/usr/src/linux-source-$(KERNEL_SERIES).tar.xz)
KERNEL_SOURCE := $(or $(KERNEL_DIR),$(KERNEL_TARBALL))
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

.PHONY: kernel kernel-source kernel-config kernel-setup kernel-build kernel-install
# Upstream's names of the steps.
kernel-setup: kernel-config
kernel-build: kernel
ifeq ($(KERNEL_ARCH),)
kernel kernel-config:
	@echo "make kernel: no configuration for ARCH=$(ARCH) (there is one for: x86_64 aarch64 ppc64le s390x)" >&2; exit 1
else ifneq ($(if $(KERNEL_TYPE),$(if $(wildcard kernel/configs/build-types/$(KERNEL_TYPE)),,unknown)),)
kernel kernel-config:
	@echo "make kernel: no KERNEL_TYPE=$(KERNEL_TYPE) (there are: $(notdir $(wildcard kernel/configs/build-types/*)))" >&2; exit 1
else ifneq ($(if $(KERNEL_DIR),$(if $(wildcard $(KERNEL_DIR)/Makefile),,none)),)
kernel kernel-config kernel-source:
	@echo "make kernel: $(KERNEL_DIR) is no kernel source: it has no Makefile" >&2; exit 1
else ifeq ($(wildcard $(KERNEL_PATCHES)/series),)
kernel kernel-config kernel-source:
	@echo "make kernel: no patches for Linux $(KERNEL_SERIES), the series of $(or $(KERNEL_DIR),$(KERNEL_VERSION)) (there are:" \
		"$(patsubst %.x,%,$(notdir $(wildcard kernel/patches/*))))" >&2; exit 1
else
kernel: $(addprefix $(KERNEL)/,$(KERNEL_FILES))
# The configuration alone, checked; the source alone, patched.
kernel-config: $(KERNEL_BUILD)/.checked
kernel-source: $(KERNEL_SRC)/.patched
endif

# C sources of other architectures and of device classes that no virtual machine has are left in the archive; their Kconfig
# files stay, since others include them.
KERNEL_SKIP_ARCHES := alpha arc arm csky hexagon ia64 loongarch m68k microblaze mips nios2 openrisc parisc riscv sh sparc um xtensa
KERNEL_SKIP := $(addprefix arch/,$(addsuffix /*.[chS],$(KERNEL_SKIP_ARCHES))) arch/*/boot/dts/*/* \
	$(addsuffix /*.[chS],drivers/gpu drivers/media drivers/staging drivers/infiniband drivers/net/wireless sound) \
	Documentation/*/* tools/perf tools/testing

# Changes when another source is asked for, or a file of a source directory.
KERNEL_SOURCE_ID = $(KERNEL_SOURCE) $(KERNEL_VERSION) $(KERNEL_SHA256) $(KERNEL_KEYRING) $(if $(KERNEL_DIR),$(shell \
	find $(KERNEL_DIR) -type f -printf '%p %s %T@\n' 2>/dev/null | sort | sha256sum))
$(O)/kernel/.source: FORCE
	@mkdir -p $(@D); echo '$(KERNEL_SOURCE_ID)' | cmp -s - $@ || echo '$(KERNEL_SOURCE_ID)' > $@

# What was built of another source, or with other patches, may be newer than the files of this one.
$(KERNEL_SRC)/.patched: $(O)/kernel/.source $(if $(KERNEL_DIR),,$(wildcard $(KERNEL_TARBALL))) $(KERNEL_PATCHES)/series \
		$(wildcard $(KERNEL_PATCHES)/*.patch) kernel/source.sh kernel/unpack.sh
	$(call say,UNPACK,$(KERNEL_SOURCE))rm -rf $(O)/kernel/build-* && \
		$(if $(KERNEL_DIR),,$(if $(KERNEL_VERSION),kernel/source.sh '$(KERNEL_VERSION)' '$(KERNEL_TARBALL)' '$(KERNEL_SHA256)' \
			'$(KERNEL_KEYRING)' kernel/versions.toml &&)) \
		kernel/unpack.sh '$(KERNEL_SOURCE)' $(KERNEL_PATCHES) $(@D) $(patsubst %,'%',$(KERNEL_SKIP)) && touch $@

# KERNEL_TOGETHER=kernel/together.mk compiles the files that it lists together (patch 0005); tried for x86_64 only.
KERNEL_TOGETHER ?=

# The kernel's make must not see our flags and variables.
KERNEL_MAKE = env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS -u MAKELEVEL make $(if $(filter 0,$(V)),-s) -j$(KERNEL_JOBS) \
	-C $(KERNEL_SRC) O=$(KERNEL_BUILD) ARCH=$(KERNEL_ARCH) CROSS_COMPILE=$(KERNEL_CROSS) CC='$(KERNEL_CC)' \
	LOCALVERSION=-kata.$(KERNEL_CONFIG_VERSION) KBUILD_BUILD_USER=kata KBUILD_BUILD_HOST=kata KBUILD_BUILD_VERSION=$(KERNEL_CONFIG_VERSION) \
	KBUILD_BUILD_TIMESTAMP="$$(date -u $(if $(SOURCE_DATE_EPOCH),-d @$(SOURCE_DATE_EPOCH),-r $(KERNEL_SRC)/COPYING))" \
	KCFLAGS=-ffile-prefix-map=$(KERNEL_SRC)/= $(if $(KERNEL_TOGETHER),KBUILD_TOGETHER=$(abspath $(KERNEL_TOGETHER)))
KCONFIG_OPTIONS := --arch=$(ARCH) $(KERNEL_TYPE:%=--build-type=%) --fragments=kernel/configs

$(KERNEL_BUILD)/.checked: $(KERNEL_SRC)/.patched $(KERNEL_FRAGMENTS) kernel/versions.toml | $(H)/bin/kata-kconfig
	$(call say,KCONFIG,$(KERNEL_BUILD)/.config)mkdir -p $(@D) && \
		$(H)/bin/kata-kconfig merge $(KCONFIG_OPTIONS) -o $(@D)/merged.config $(KERNEL_EXTRA_FRAGMENTS) && \
		rm -f $(@D)/.cpu-time && $(KERNEL_MAKE) KCONFIG_ALLCONFIG=$(@D)/merged.config allnoconfig && \
		$(H)/bin/kata-kconfig check $(KCONFIG_OPTIONS) $(@D)/.config $(KERNEL_EXTRA_FRAGMENTS) && touch $@

# What a kernel is made of, and by what: built of the same, it is the same, and comes from KERNEL_CACHE.
KERNEL_CACHE ?= $(OSBUILDER_CACHE)/kernel
KERNEL_INPUTS := $(KERNEL_FRAGMENTS) $(wildcard $(KERNEL_PATCHES)/*) kernel/versions.toml $(wildcard kernel/*.sh kernel/kconfig/*.[ch]) \
	kernel/module.mk $(KERNEL_TOGETHER)
kernel_key = $$({ cat $(KERNEL_INPUTS) $(if $(KERNEL_DIR),$(O)/kernel/.source); echo '$(ARCH) $(KERNEL_TYPE) $(SOURCE_DATE_EPOCH)'; \
	$(KERNEL_CC) --version; $(KERNEL_CROSS)ld --version; $(if $(KERNEL_DIR),,sha256sum < '$(KERNEL_TARBALL)'); } | sha256sum | cut -c1-40)
KERNEL_OUTPUTS := $(addprefix $(KERNEL)/,$(KERNEL_FILES))
$(KERNEL_OUTPUTS) &: $(KERNEL_INPUTS) $(O)/kernel/.source | $(H)/bin/kata-kconfig
	$(Q)key=$(kernel_key); if kernel/cache.sh get '$(KERNEL_CACHE)' $$key $(KERNEL); then echo '  CACHED   kernel/$(KERNEL_VARIANT)'; else \
		$(MAKE) --no-print-directory kernel-uncached && kernel/cache.sh put '$(KERNEL_CACHE)' $$key $(KERNEL); fi

.PHONY: kernel-uncached kernel-cached
# A kernel that is in the cache, or none.
kernel-cached:
	$(Q)kernel/cache.sh get '$(KERNEL_CACHE)' $(kernel_key) $(KERNEL) && echo '  CACHED   kernel/$(KERNEL_VARIANT)'
# build-time: the compiler, then a line for each run of the kernel's make, whose last two times are its processes' (a pipe
# would ask a new shell for its own).
kernel-uncached: $(KERNEL_BUILD)/.checked
	$(call say,KERNEL,$(KERNEL))( echo '$(KERNEL_CC)' >>$(KERNEL_BUILD)/.cpu-time; r=0; $(KERNEL_MAKE) $(KERNEL_IMAGES_$(ARCH)) || r=$$?; \
		times >$(KERNEL_BUILD)/.times; tr '\n' ' ' <$(KERNEL_BUILD)/.times >>$(KERNEL_BUILD)/.cpu-time; echo >>$(KERNEL_BUILD)/.cpu-time; exit $$r ) && \
		STRIP=$(KERNEL_CROSS)strip kernel/install.sh $(ARCH) $(KERNEL_BUILD) $(KERNEL) $(KERNEL_CONFIG_VERSION) '$(KERNEL_TYPE)' && \
		$(H)/bin/kata-kconfig inspect $(KCONFIG_OPTIONS) -k "$$($(KERNEL_MAKE) -s kernelversion)" -n $(KERNEL_CONFIG_VERSION) \
			-c $(KERNEL)/config -p $(KERNEL_PATCHES)/series --boot-file=$(KERNEL)/vmlinux -o $(KERNEL)/kernel.manifest.json \
			$(KERNEL_BUILD)/vmlinux && cp $(KERNEL_BUILD)/.cpu-time $(KERNEL)/build-time

# ---- boot test ---------------------------------------------------------------------------------------------------
$(eval $(call prog,$(G),init_probe,tests/support/init_probe.c,,))
BOOT_TEST_PROGS += $(G)/bin/init_probe
$(eval $(call prog,$(G),kernel-selfcheck,$(addprefix kernel/selfcheck/,main.c tools.c netlink.c base.c cgroup.c file.c dm.c link.c nft.c \
	xtables.c traffic.c program.c security.c machine.c device.c untested.c),base,))
BOOT_TEST_PROGS += $(G)/bin/kernel-selfcheck
.PHONY: kernel-selfcheck
kernel-selfcheck: $(G)/bin/kernel-selfcheck

# ---- all architectures -------------------------------------------------------------------------------------------
# A second build, in another directory, time zone and time, by another user on another host, without ccache: the same bytes.
.PHONY: kernel-repro kernels-all kernels-cached check-kernel-all
KERNEL_REPRO := $(O)/kernel/repro/in/another/place
kernel-repro: $(KERNEL_OUTPUTS)
	$(Q)rm -rf $(O)/kernel/repro; mkdir -p $(KERNEL_REPRO); in=$$(unshare -u true 2>/dev/null && echo 'unshare -u'); \
		env USER=other LOGNAME=other TZ=Pacific/Chatham $$in sh -c '$(if $(filter 0,$(shell id -u)),hostname elsewhere;) umask 027; \
			$(MAKE) --no-print-directory O=$(KERNEL_REPRO) KERNEL_CC=$(KERNEL_CROSS)gcc kernel-uncached' && \
		for f in vmlinux vmlinuz System.map config kernel.manifest.json; do \
			cmp $(KERNEL)/$$f $(KERNEL_REPRO)/kernel/$(KERNEL_VARIANT)/$$f || exit 1; done && \
		rm -rf $(O)/kernel/repro && echo '  SAME     kernel/$(KERNEL_VARIANT), built twice'

# ARCH or ARCH:TYPE. kernels-all builds what the cache has not; kernels-cached takes what it has. What a test of them needs besides.
KERNELS := x86_64 aarch64 ppc64le s390x x86_64:microvm
kernel_each = s=0; for k in $(1); do a=$${k%%:*}; t=$${k\#$$a}; t=$${t\#:}; $(2); done; exit $$s
kernels-all: $(H)/bin/kata-kconfig $(H)/bin/osbuilder
	$(Q)$(call kernel_each,$(KERNELS),$(MAKE) --no-print-directory ARCH=$$a KERNEL_TYPE=$$t kernel kernel-selfcheck agent || s=1)
kernels-cached: $(H)/bin/kata-kconfig $(H)/bin/osbuilder
	$(Q)$(call kernel_each,$(filter-out $(HOST_ARCH),$(KERNELS)),if $(MAKE) -s ARCH=$$a KERNEL_TYPE=$$t kernel-cached 2>/dev/null; then \
		$(MAKE) --no-print-directory ARCH=$$a KERNEL_TYPE=$$t kernel-selfcheck agent || s=1; else \
		rm -rf $(O)/kernel/$$a$${t:+-$$t}; echo "  no kernel for $$k in $(KERNEL_CACHE): its tests are skipped (make kernels-all)"; fi)
# x86_64's, and those of the others that the cache has.
.PHONY: check-selfcheck
check-selfcheck: kernel kernel-selfcheck agent kernels-cached
	$(Q)$(INTEGRATION_ENV) $(RUN_TESTS) --timeout 3000 tests/integration/kernel_selfcheck.py
# Builds them all, boots them all with the self-check and the agent, builds each once more. KERNEL_REPRO_ALL=0 leaves out the last.
KERNEL_REPRO_ALL ?= 1
check-kernel-all: kernels-all
	$(Q)$(INTEGRATION_ENV) KATA_ALL_KERNELS=1 $(RUN_TESTS) --timeout 3000 tests/integration/kernel_selfcheck.py
ifeq ($(KERNEL_REPRO_ALL),1)
	$(Q)$(call kernel_each,$(KERNELS),$(MAKE) --no-print-directory ARCH=$$a KERNEL_TYPE=$$t kernel-repro || s=1)
endif
