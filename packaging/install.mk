# deps, install and the demo's set-up; what packaging will add (dist, deb, rpm) refuses until it exists.

.PHONY: deps install dist deb rpm bench demo demo-config
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# Idempotent: only what is missing is installed, and nothing is asked of the network when nothing is.
deps:
	$(Q)missing=; for p in $(DEPS); do \
		dpkg-query -W -f '$${db:Status-Status}' "$$p" 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo "deps: all $(words $(DEPS)) packages are installed"; else \
		echo "deps: installing$$missing"; \
		$(SUDO) apt-get update -q && \
		$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing && \
		echo "deps: done"; fi

dist deb rpm bench:
	@echo "make $@: not built yet (a later issue brings it)" >&2; exit 1

# ---- the demo --------------------------------------------------------------------------------------------------
# The configuration points at what this tree built; tests use it too.
DEMO := $(O)/demo
QEMU ?= /usr/bin/qemu-system-$(ARCH)
demo-config: $(DEMO)/configuration.toml
DEMO_KERNEL = $(abspath $(KERNEL))/vmlinux$(KERNEL_TYPE:%=-%).container
DEMO_IMAGE = $(abspath $(O))/images/$(ARCH)/agent/kata-containers.img
$(DEMO)/configuration.toml: runtime/config/configuration-qemu.toml.in packaging/install.mk
	$(call say,CONFIG,$@)mkdir -p $(@D) && sed -e 's|@KERNEL@|$(DEMO_KERNEL)|' -e 's|@IMAGE@|$(DEMO_IMAGE)|' \
		-e 's|@QEMU@|$(QEMU)|' -e 's|^# default_memory = 2048|default_memory = 256|' $< > $@

demo: $(PROGRAMS) kernel $(O)/images/$(ARCH)/agent/kata-containers.img demo-config
	$(Q)packaging/demo.sh $(H)/bin $(DEMO) $(DEMO_KERNEL) $(DEMO_IMAGE) $(G)/bin/kata-agent

# ---- install ---------------------------------------------------------------------------------------------------
# As in vmlinux-VERSION-CONFIGVERSION, upstream's names.
KERNEL_INSTALLED = $(patsubst vmlinux-%,%,$(shell readlink $(KERNEL)/vmlinux$(KERNEL_TYPE:%=-%).container))
SHARE := $(PREFIX)/share/kata-containers
DEFAULTS := $(PREFIX)/share/defaults/kata-containers
MAN := $(PREFIX)/share/man
# The kernel alone.
kernel-install: kernel
	$(Q)install -d $(DESTDIR)$(SHARE)
	$(Q)for f in vmlinux vmlinuz config System.map; do \
		install -m 0644 $(KERNEL)/$$f $(DESTDIR)$(SHARE)/$$f-$(KERNEL_INSTALLED); done
	$(Q)for f in vmlinux vmlinuz; do ln -sfn $$f-$(KERNEL_INSTALLED) $(DESTDIR)$(SHARE)/$$f$(KERNEL_TYPE:%=-%).container; done
	$(Q)install -m 0644 $(KERNEL)/kernel.manifest.json $(DESTDIR)$(SHARE)
install: $(PROGRAMS) kernel-install $(O)/images/$(ARCH)/agent/kata-containers.img
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(SHARE) $(DESTDIR)$(DEFAULTS)
	$(Q)install -m 0755 -s --strip-program=$(STRIP) $(addprefix $(H)/bin/,osbuilder kata-runtime containerd-shim-kata-v2 kata-agent-ctl) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 0755 -s --strip-program=$(STRIP) $(G)/bin/runk $(DESTDIR)$(PREFIX)/bin
	$(Q)for f in $(MANUALS); do d=$(DESTDIR)$(MAN)/man$${f##*.}; install -d $$d && install -m 0644 $$f $$d || exit 1; done
	$(Q)cp --sparse=always $(O)/images/$(ARCH)/agent/kata-containers.img* $(O)/images/$(ARCH)/agent/kata-containers-initrd.img* $(DESTDIR)$(SHARE)
	$(Q)sed -e 's|@KERNEL@|$(SHARE)/vmlinux$(KERNEL_TYPE:%=-%).container|' -e 's|@IMAGE@|$(SHARE)/kata-containers.img|' -e 's|@QEMU@|$(QEMU)|' \
		runtime/config/configuration-qemu.toml.in > $(DESTDIR)$(DEFAULTS)/configuration.toml
