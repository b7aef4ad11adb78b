# SPDX-License-Identifier: Apache-2.0
# The guest images: make rootfs-image, make initrd-image.

# Upstream's name of the recipe, and of the agent's file.
ifneq ($(DISTRO),)
RECIPE := $(or $(patsubst centos,centos-stream,$(filter centos,$(DISTRO))),$(patsubst cbl-mariner,azurelinux,$(filter cbl-mariner,$(DISTRO))),$(DISTRO))
endif
AGENT_BIN ?= $(or $(AGENT_SOURCE_BIN),$(G)/bin/kata-agent)
# $(O)/images/ARCH/RECIPE/kata-containers.img and kata-containers-initrd.img, both from one run of osbuilder.
IMAGE_DIR := $(O)/images/$(ARCH)/$(RECIPE)
IMAGE := $(IMAGE_DIR)/kata-containers.img
INITRD := $(IMAGE_DIR)/kata-containers-initrd.img

# Upstream's variables (tools/osbuilder/Makefile and rootfs.sh) as options of osbuilder. The images are made again when they change; a root
# hash file from before that belongs to no image any more.
MEASURED_ROOTFS ?= no
SKIP_DAX_HEADER ?= no
FS_TYPE ?=
ROOT_FREE_SPACE ?=
IMAGE_SIZE_ALIGNMENT_MB ?=
BUILD_VARIANT ?=
AGENT_INIT ?= $(if $(DISTRO),no)
EXTRA_PKGS ?=
KERNEL_MODULES_DIR ?=
AGENT_POLICY ?= no
AGENT_POLICY_FILE ?= osbuilder/policy/allow-all.toml
GUEST_HOOKS_TARBALL ?=
CONFIDENTIAL_GUEST ?= no
OS_VERSION ?=
IMAGE_OPTIONS := $(if $(filter yes,$(MEASURED_ROOTFS)),--measured) $(if $(filter yes,$(SKIP_DAX_HEADER)),--no-dax) \
	$(if $(FS_TYPE),--fs $(FS_TYPE)) $(if $(ROOT_FREE_SPACE),--free-mib $(ROOT_FREE_SPACE)) \
	$(if $(IMAGE_SIZE_ALIGNMENT_MB),--align-mib $(IMAGE_SIZE_ALIGNMENT_MB)) $(if $(BUILD_VARIANT),--variant $(BUILD_VARIANT)) \
	$(if $(AGENT_INIT),--agent-init $(AGENT_INIT)) $(foreach p,$(EXTRA_PKGS),--extra-package $(p)) \
	$(if $(KERNEL_MODULES_DIR),--modules $(KERNEL_MODULES_DIR)) $(if $(filter yes,$(AGENT_POLICY)),--policy $(AGENT_POLICY_FILE)) \
	$(if $(GUEST_HOOKS_TARBALL),--hooks $(GUEST_HOOKS_TARBALL)) $(if $(filter yes,$(CONFIDENTIAL_GUEST)),--confidential) \
	$(if $(OS_VERSION),--os-version $(OS_VERSION))
# Files and directories that the options name: what changes in them makes the images again, too.
IMAGE_NAMED := $(KERNEL_MODULES_DIR) $(GUEST_HOOKS_TARBALL) $(if $(filter yes,$(AGENT_POLICY)),$(AGENT_POLICY_FILE))
IMAGE_INPUTS := $(if $(strip $(IMAGE_NAMED)),$(shell find $(IMAGE_NAMED) -type f))
IMAGE_STAMP := $(O)/images/.options
$(IMAGE_STAMP): FORCE
	@mkdir -p $(@D); echo '$(strip $(AGENT_BIN) $(IMAGE_OPTIONS))' | cmp -s - $@ || echo '$(strip $(AGENT_BIN) $(IMAGE_OPTIONS))' > $@

.PHONY: rootfs-image initrd-image
rootfs-image: $(IMAGE)
initrd-image: $(INITRD)
RECIPE_FILES := $(shell find recipes/$(RECIPE) -type f 2>/dev/null)
ifneq ($(RECIPE_FILES),)
$(IMAGE) $(INITRD): $(RECIPE_FILES) $(IMAGE_INPUTS)
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
