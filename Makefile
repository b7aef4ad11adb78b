# SPDX-License-Identifier: Apache-2.0
#
# The only build entry. Non-recursive: every module.mk below adds its lists, and one make sees the whole graph.
# Knobs: V=1 (show commands), O=dir (output tree, default build), SAN=address,undefined (host programs and tests
# with sanitizers, in a tree of their own), CC, GUEST_CC, WERROR=0, ARCH, RECIPE, OSBUILDER_CACHE. With ARCH= of another
# machine the agent is cross-built, in a tree of its own; programs of the host are always for this machine.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all
SHELL := /bin/sh

# ---- knobs -----------------------------------------------------------------------------------------------------
O ?= build
V ?= 0
SAN ?=
WERROR ?= 1
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
AR := ar
PROTOC_C ?= protoc-c
PKG_CONFIG ?= pkg-config
PYTHON3 ?= python3
DESTDIR ?=
PREFIX ?= /usr
HOST_ARCH := $(shell uname -m)
ARCH ?= $(HOST_ARCH)
# ARCH when it is not this machine's, and the prefix of Debian's cross tools for it.
CROSS := $(filter-out $(HOST_ARCH),$(ARCH))
GNU_TUPLE := $(subst ppc64le,powerpc64le,$(ARCH))-linux-gnu
GUEST_CC ?= $(if $(CROSS),$(GNU_TUPLE)-)gcc
STRIP ?= $(if $(CROSS),$(GNU_TUPLE)-)strip
RECIPE ?= agent
VERSION := $(shell cat VERSION)
export OSBUILDER_CACHE ?= $(abspath $(O))/cache
export LC_ALL := C

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))';
else
Q :=
say =
endif

# Sanitized objects never mix with plain ones.
comma := ,
HOSTV := host$(if $(SAN),-$(subst $(comma),-,$(SAN)))
H := $(O)/$(HOSTV)
G := $(O)/guest$(if $(CROSS),-$(ARCH))
SYSROOT := $(O)/sysroot/$(ARCH)
GEN := $(O)/gen

# ---- flags -----------------------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wno-unused-parameter \
	-Wno-missing-field-initializers -Wimplicit-fallthrough $(if $(filter 1,$(WERROR)),-Werror)
COMMON := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DKATA_VERSION='"$(VERSION)"' -g \
	-fno-strict-aliasing -fno-common -fstack-protector-strong -ffile-prefix-map=$(CURDIR)=. $(WARN)
HOST_CFLAGS := $(COMMON) -O2 -fPIE $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -DKATA_SANITIZED=1,-D_FORTIFY_SOURCE=2)
HOST_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--gc-sections $(if $(SAN),-fsanitize=$(SAN))
# A cross compiler takes headers, libraries and start files of the sysroot, and none of its own package's C library.
# Nothing unwinds here, and tables for it would be a twentieth of the agent.
GUEST_CFLAGS := $(COMMON) -Os -fPIE -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables -D_FORTIFY_SOURCE=2 \
	$(if $(CROSS),--sysroot=$(SYSROOT) -isystem $(SYSROOT)/usr/include/$(GNU_TUPLE) -isystem $(SYSROOT)/usr/include)
CROSS_LDFLAGS := $(if $(CROSS),--sysroot=$(SYSROOT) -B$(SYSROOT)/usr/lib/$(GNU_TUPLE)/ -L$(SYSROOT)/usr/lib/$(GNU_TUPLE))
# glibc has no static PIE start code for ppc64le.
# Packed relocations (DT_RELR) are a kilobyte where others are eighty; only x86_64 has them in this linker.
GUEST_LDFLAGS := $(if $(filter ppc64le,$(ARCH)),-static -no-pie,-static-pie) -Wl,-z,relro,-z,now -Wl,--gc-sections $(if $(filter x86_64,$(ARCH)),-Wl$(comma)-z$(comma)pack-relative-relocs) $(CROSS_LDFLAGS)
FUZZ_CC ?= clang
FUZZ_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2 -Werror,$(COMMON)) -O1 -DKATA_SANITIZED=1 \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined

# Include roots: a part is compiled with its own roots only, so a wrong border does not compile.
inc_of = $(strip $(if $(filter runtime/lib/%,$(1)),-Iruntime/lib,\
	$(if $(filter runtime/%,$(1)),-Iruntime -Iruntime/lib -Iosbuilder,\
	$(if $(filter osbuilder/%,$(1)),-Iosbuilder -Iruntime/lib,\
	$(if $(filter guest-agent/%,$(1)),-Iguest-agent -Iruntime/lib,\
	$(if $(filter kernel/%,$(1)),-Ikernel -Iruntime/lib,\
	-Itests -Iruntime -Iruntime/lib -Iosbuilder -Iguest-agent -Ikernel -I.)))))) -I$(GEN)

# ---- rules the modules instantiate -------------------------------------------------------------------------------
ALL_SRCS :=
PROGRAMS :=
MANUALS :=
UNIT_TESTS :=
FUZZERS :=
INTEGRATION_TESTS :=

objs = $(patsubst %.c,$(1)/obj/%.o,$(filter-out $(GEN)/%,$(2))) \
	$(patsubst $(GEN)/%.c,$(1)/obj/gen/%.o,$(filter $(GEN)/%,$(2)))

# $(call lib,NAME,SRCS): lib/libNAME.a in each variant, built where something links it.
define lib
ALL_SRCS += $(filter-out $(GEN)/%,$(2))
$(foreach v,$(H) $(G) $(O)/fuzz,
$(v)/lib/lib$(1).a: $(call objs,$(v),$(2)))
endef

# $(call prog,VARIANT-DIR,NAME,SRCS,LIBS,LDLIBS): bin/NAME
define prog
ALL_SRCS += $(3)
$(1)/bin/$(2): $(call objs,$(1),$(3)) $(patsubst %,$(1)/lib/lib%.a,$(4))
$(1)/bin/$(2): LDLIBS := $(5)
endef

# $(call unit,PATH-BELOW-tests/unit,LIBS,LDLIBS[,EXTRA-SRCS]): the cmocka program tests/unit/PATH.c
define unit
UNIT_TESTS += $(H)/test/$(1)
ALL_SRCS += tests/unit/$(1).c
$(if $(CROSS),$(G)/test/$(1): $(call objs,$(G),tests/unit/$(1).c $(4)) $(patsubst %,$(G)/lib/lib%.a,$(2))
$(G)/test/$(1): LDLIBS := $(3) -lcmocka)
$(H)/test/$(1): $(call objs,$(H),tests/unit/$(1).c $(4)) $(patsubst %,$(H)/lib/lib%.a,$(2))
$(H)/test/$(1): LDLIBS := $(3) -lcmocka
endef

# $(call fuzz,NAME,LIBS,LDLIBS): tests/fuzz/fuzz_NAME.c, corpus in tests/fuzz/corpus/NAME. Built twice: as a plain
# program that replays the corpus in `make check` (with SAN= under sanitizers), and with libFuzzer for check-fuzz.
define fuzz
FUZZERS += $(1)
ALL_SRCS += tests/fuzz/fuzz_$(1).c
$(H)/test/fuzz_$(1): $(call objs,$(H),tests/fuzz/fuzz_$(1).c tests/fuzz/replay_main.c) $(patsubst %,$(H)/lib/lib%.a,$(2))
$(H)/test/fuzz_$(1): LDLIBS := $(3)
$(O)/fuzz/bin/fuzz_$(1): $(call objs,$(O)/fuzz,tests/fuzz/fuzz_$(1).c) $(patsubst %,$(O)/fuzz/lib/lib%.a,$(2))
$(O)/fuzz/bin/fuzz_$(1): LDLIBS := $(3)
endef

include runtime/lib/module.mk
include $(filter-out runtime/lib/module.mk tests/module.mk,$(sort $(wildcard */module.mk)))
include tests/module.mk
include tests/bench/bench.mk
include tests/lint/lint.mk
include packaging/packages.mk
include packaging/install.mk

# ---- compiling -------------------------------------------------------------------------------------------------
# The stamps change when flags change; every object depends on its variant's stamp.
define stamp
$(1)/.flags: FORCE
	@mkdir -p $$(@D); printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$(2))' > $$@
endef
FORCE:
.PHONY: FORCE
$(eval $(call stamp,$(H),$(CC) $(HOST_CFLAGS) $(HOST_LDFLAGS)))
$(eval $(call stamp,$(G),$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_LDFLAGS)))
$(eval $(call stamp,$(O)/fuzz,$(FUZZ_CC) $(FUZZ_CFLAGS)))

# $(call compile,VARIANT-DIR,CC,FLAGS)
define compile
$(1)/obj/%.o: %.c $(1)/.flags | $(GEN)/.stamp
	$$(call say,CC,$$@)mkdir -p $$(@D) && $(2) $(3) $$(call inc_of,$$<) -MMD -MP -MF $$(@:.o=.d) -c $$< -o $$@
$(1)/obj/gen/%.o: $(GEN)/%.c $(1)/.flags | $(GEN)/.stamp
	$$(call say,CC,$$@)mkdir -p $$(@D) && $(2) $(filter-out -W%,$(3)) -w -I$(GEN) -MMD -MP -MF $$(@:.o=.d) -c $$< -o $$@
$(1)/lib/%.a:
	$$(call say,AR,$$@)mkdir -p $$(@D) && rm -f $$@ && $(AR) rcsD $$@ $$(filter %.o,$$^)
endef
$(eval $(call compile,$(H),$(CC),$(HOST_CFLAGS)))
$(eval $(call compile,$(G),$(GUEST_CC),$(GUEST_CFLAGS)))
$(eval $(call compile,$(O)/fuzz,$(FUZZ_CC),$(FUZZ_CFLAGS)))

link_libs = $(filter %.o,$(1)) -Wl,--start-group $(filter %.a,$(1)) -Wl,--end-group
$(H)/bin/%:
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HOST_LDFLAGS) -o $@ $(call link_libs,$^) $(LDLIBS)
$(G)/bin/%:
	$(call say,LD,$@)mkdir -p $(@D) && $(GUEST_CC) $(GUEST_LDFLAGS) -o $@.debug $(call link_libs,$^) $(LDLIBS) && $(STRIP) -o $@ $@.debug
ifneq ($(CROSS),)
# Tests for a foreign machine link with shared libraries: Debian has no static cmocka.
$(G)/test/%:
	$(call say,LD,$@)mkdir -p $(@D) && $(GUEST_CC) -pie -Wl,--gc-sections $(CROSS_LDFLAGS) -o $@ $(call link_libs,$^) $(LDLIBS)
endif
$(H)/test/%:
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(HOST_LDFLAGS) -o $@ $(call link_libs,$^) $(LDLIBS)
$(O)/fuzz/bin/%:
	$(call say,LD,$@)mkdir -p $(@D) && $(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $(call link_libs,$^) $(LDLIBS)

-include $(shell [ -d $(O) ] && find $(O) \( -path $(O)/kernel -o -path $(O)/cache -o -path $(O)/lint -o -path $(O)/sysroot \) -prune -o -name '*.d' -print)
# Objects are wanted between runs; without this make deletes what only a pattern rule asked for.
.SECONDARY:

# ---- targets ---------------------------------------------------------------------------------------------------
.PHONY: all deps clean distclean
all: $(PROGRAMS)

clean:
	$(Q)for d in $(O)/*; do case $$d in */cache) ;; *) rm -rf "$$d" ;; esac; done
distclean: clean
	$(Q)rm -rf $(O)

.PHONY: help
help:
	@echo 'deps                 install every Debian package that building, running and testing needs'
	@echo 'all                  the programs: osbuilder, kata-runtime, containerd-shim-kata-v2, kata-agent, kata-agent-ctl'
	@echo 'kernel               the guest kernel (ARCH=)'
	@echo 'check-kernel-all     every kernel (four architectures, and microvm): built, booted, built once more and compared'
	@echo 'rootfs-image         a root file system image (ARCH=, RECIPE=agent|debian|path)'
	@echo 'initrd-image         an initrd (ARCH=, RECIPE=)'
	@echo 'demo                 a container in a VM, from our kernel and image'
	@echo 'agent                the agent alone (ARCH=: cross-built, with Debian packages of that machine)'
	@echo 'check                all tests: check-unit check-corpus check-cross check-image check-unprivileged check-boot check-runtime check-runk check-agent'
	@echo 'check-san check-fuzz the unit tests under sanitizers; libFuzzer on every parser (FUZZ_TIME=)'
	@echo 'bench-image          osbuilder against other image builders, as ratios'
	@echo 'bench-runk           runk against crun and runc, as ratios'
	@echo 'lint format          static checks; clang-format in place'
	@echo 'install              into DESTDIR and PREFIX'
	@echo 'clean distclean      remove the outputs; distclean also the package cache'
	@echo 'Knobs: V=1  O=dir  SAN=address,undefined  CC=  GUEST_CC=  WERROR=0  OSBUILDER_CACHE=dir'
