# SPDX-License-Identifier: Apache-2.0
#
# The one place for the guest kernel's version. KERNEL_CONFIG_VERSION counts changes of configs/ and patches/: raise it with each
# (it is part of uname -r and of the names of the files).
KERNEL_SERIES := 6.1
KERNEL_CONFIG_VERSION := 2
# Installed by Debian's package linux-source-6.1, which `make deps` brings; its own version is read from the unpacked source.
KERNEL_TARBALL ?= /usr/src/linux-source-$(KERNEL_SERIES).tar.xz
