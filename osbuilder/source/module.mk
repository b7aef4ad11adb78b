# SPDX-License-Identifier: Apache-2.0
OSB_SOURCE_SRCS := osbuilder/source/source.c osbuilder/source/unpack.c osbuilder/source/local.c \
	osbuilder/source/dir.c osbuilder/source/watch.c osbuilder/source/modules.c osbuilder/source/fetch.c \
	$(addprefix osbuilder/source/,apk.c apk_index.c apk_package.c apk_solve.c apk_version.c) osbuilder/compat/zmember.c \
	$(addprefix osbuilder/source/,rpm.c rpm_header.c rpm_package.c rpm_payload.c owner.c filecaps.c) \
	osbuilder/source/oci.c osbuilder/source/oci_json.c osbuilder/source/oci_layer.c \
	osbuilder/source/apt_sources.c osbuilder/source/apt.c osbuilder/source/deb.c \
	osbuilder/compat/la.c osbuilder/compat/la_lib.c osbuilder/compat/elf.c
# Package files: cache, lock files, unpacking.
OSB_SOURCE_SRCS += $(addprefix osbuilder/source/,store.c lock.c lock_read.c layer.c unpacked.c unpacked_index.c package_load.c deb_source.c)
