# SPDX-License-Identifier: Apache-2.0
# The library of all parts (the engine links it too), the program, and the image targets.
OSBUILDER_SRCS := $(OSB_TREE_SRCS) $(OSB_SOURCE_SRCS) $(OSB_PASS_SRCS) $(OSB_RECIPE_SRCS) $(OSB_WRITER_SRCS) \
	$(OSB_DISK_SRCS) osbuilder/manifest.c osbuilder/check.c osbuilder/image.c osbuilder/initrd.c osbuilder/progress.c osbuilder/recipe_lock.c osbuilder/sbom.c osbuilder/sbom_out.c osbuilder/measure.c osbuilder/verify.c
# What a program that links libosbuilder, libcodec and libbase needs.
OSBUILDER_LDLIBS := -larchive -lelf $(OSB_WRITER_LDLIBS) -ljansson -lcrypto
$(eval $(call lib,osbuilder,$(OSBUILDER_SRCS)))
# The commands, as a library of their own for their tests.
OSB_CLI_SRCS := $(addprefix osbuilder/cli/,command.c commands.c options.c report.c report_line.c $(patsubst %,cmd_%.c,build lock inspect verify extract diff \
	seal pack))
$(eval $(call lib,osbcli,$(OSB_CLI_SRCS)))
$(eval $(call prog,$(H),osbuilder,osbuilder/cli/main.c,osbcli osbuilder codec base,$(OSBUILDER_LDLIBS)))
PROGRAMS += $(H)/bin/osbuilder
MANUALS += osbuilder/man/osbuilder.1 osbuilder/man/osbuilder-recipe.5
# The torture tree of full size, for tests/integration/image_torture.py.
IMAGE_TEST_PROGS += $(H)/bin/torture-big $(G)/bin/boot-init
$(eval $(call prog,$(H),torture-big,tests/support/torture_main.c tests/support/torture_big.c $(LISTING_SRCS),osbuilder codec base,$(OSBUILDER_LDLIBS)))

OSB_UNIT = $(eval $(call unit,osbuilder/$(1),osbuilder codec base,$(OSBUILDER_LDLIBS),tests/support/tool.c $(2)))
$(foreach t,tree/test_tree source/test_dir source/test_apt recipe/test_recipe pass/test_pass test_manifest test_progress test_sbom source/test_lock source/test_store,$(call OSB_UNIT,$(t)))
$(call OSB_UNIT,source/test_unpack,tests/support/make_archive.c)
$(foreach t,command report manual,$(eval $(call unit,osbuilder/cli/test_$(t),osbcli osbuilder codec base,$(OSBUILDER_LDLIBS))))
$(call OSB_UNIT,pass/test_users,tests/support/tree_text.c)
$(call OSB_UNIT,pass/test_systemd,tests/support/tree_text.c)
$(call OSB_UNIT,source/test_unpacked,tests/support/make_archive.c)
$(call OSB_UNIT,source/test_apk)
$(call OSB_UNIT,source/test_rpm,tests/support/make_rpm.c)
$(call OSB_UNIT,source/test_owner)
$(call OSB_UNIT,source/test_oci,tests/support/make_archive.c)
$(call OSB_UNIT,writer/test_dir,tests/support/torture_tree.c)
$(eval $(call fuzz,manifest,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,deb,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,apkindex,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,unpacked,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,rpm,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,lock,osbuilder codec base,$(OSBUILDER_LDLIBS)))
$(eval $(call fuzz,oci_layout,osbuilder codec base,$(OSBUILDER_LDLIBS)))

# $(O)/images/ARCH/RECIPE/kata-containers.img and kata-containers-initrd.img, both from one run of osbuilder.
AGENT_BIN ?= $(G)/bin/kata-agent
IMAGE_DIR := $(O)/images/$(ARCH)/$(RECIPE)
IMAGE := $(IMAGE_DIR)/kata-containers.img
INITRD := $(IMAGE_DIR)/kata-containers-initrd.img

# Upstream's variables, as options of osbuilder. The images are made again when they change; a root hash file from before that
# belongs to no image any more.
MEASURED_ROOTFS ?= no
SKIP_DAX_HEADER ?= no
FS_TYPE ?=
ROOT_FREE_SPACE ?=
IMAGE_SIZE_ALIGNMENT_MB ?=
BUILD_VARIANT ?=
IMAGE_OPTIONS := $(if $(filter yes,$(MEASURED_ROOTFS)),--measured) $(if $(filter yes,$(SKIP_DAX_HEADER)),--no-dax) \
	$(if $(FS_TYPE),--fs $(FS_TYPE)) $(if $(ROOT_FREE_SPACE),--free-mib $(ROOT_FREE_SPACE)) \
	$(if $(IMAGE_SIZE_ALIGNMENT_MB),--align-mib $(IMAGE_SIZE_ALIGNMENT_MB)) $(if $(BUILD_VARIANT),--variant $(BUILD_VARIANT))
IMAGE_STAMP := $(O)/images/.options
$(IMAGE_STAMP): FORCE
	@mkdir -p $(@D); echo '$(strip $(IMAGE_OPTIONS))' | cmp -s - $@ || echo '$(strip $(IMAGE_OPTIONS))' > $@

.PHONY: rootfs-image initrd-image
rootfs-image: $(IMAGE)
initrd-image: $(INITRD)
RECIPE_FILES := $(shell find recipes/$(RECIPE) -type f 2>/dev/null)
ifneq ($(RECIPE_FILES),)
$(IMAGE) $(INITRD): $(RECIPE_FILES)
else
$(IMAGE) $(INITRD):
	@echo "there is no recipe '$(RECIPE)' in recipes/" >&2; exit 1
endif

# A pattern with two targets is one recipe run for both.
$(O)/images/$(ARCH)/%/kata-containers.img $(O)/images/$(ARCH)/%/kata-containers-initrd.img: recipes/%/recipe.toml \
		$(H)/bin/osbuilder $(AGENT_BIN) $(IMAGE_STAMP)
	$(call say,IMAGE,$(@D))mkdir -p $(@D) && $(H)/bin/osbuilder build --recipe $* --agent $(AGENT_BIN) --arch $(ARCH) \
		--image $(@D)/kata-containers.img --initrd $(@D)/kata-containers-initrd.img $(IMAGE_OPTIONS) && \
	find $(@D) -maxdepth 1 -name 'root_hash_*.txt' ! -newer $(IMAGE_STAMP) -delete

# The tree itself, for containers: $(O)/images/ARCH/RECIPE/rootfs, which its stamp stands for (its own time is the epoch).
BUSYBOX_ROOTFS := $(O)/images/$(ARCH)/busybox/rootfs
$(O)/images/$(ARCH)/%/rootfs.stamp: recipes/%/recipe.toml $(H)/bin/osbuilder
	$(call say,ROOTFS,$(@D)/rootfs)mkdir -p $(@D) && rm -rf $(@D)/rootfs && $(H)/bin/osbuilder build --recipe $* --arch $(ARCH) \
		--rootfs $(@D)/rootfs && touch $@
