/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_MANIFEST_H
#define KCONFIG_MANIFEST_H

#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "kconfig/kconfig.h"

/*
 * kernel.manifest.json: what a built guest kernel is, for the engine, which reads it before boot.
 *
 *	{
 *		"format": 1,
 *		"kind": "kernel",
 *		"arch": "x86_64",
 *		"version": "6.1.192",		version of the source
 *		"config_version": 1,		counts changes of fragments and patches
 *		"release": "6.1.192-kata.1",	as uname -r; found in the file
 *		"banner": "Linux version ...",	as /proc/version; found in the file
 *		"pvh": true,			has the PVH entry
 *		"pvh_entry": 16777216,		its physical address; absent without PVH
 *		"size": 25000000,		bytes of the file that is booted
 *		"sha512": "...",		of that file, lower-case hex
 *		"patches": ["0001-..."],	in the order of application
 *		"features": ["9p", ...],	of our fragments (kconfig.h), those that the kernel has whole
 *		"options": { "EXT4_FS": "y" }	every option that is set, without CONFIG_, strings with their quotes
 *	}
 */

#define KERNEL_MANIFEST_FORMAT 1

struct kernel_manifest {
	const char *arch;
	const char *version;
	uint32_t config_version;
	char *const *patches;
	size_t n_patches;
	const struct kconfig *options; /* NULL: an empty object */
	const struct kconfig *ours;    /* the fragments, for the features; NULL: an empty list */
	int boot_fd;		       /* the file that a VMM boots; may be the ELF kernel itself */
};

/* Adds the manifest of the ELF kernel behind fd to `out`. Errors of kernel_elf_read(), or of reading. */
int kernel_manifest_write(const struct kernel_manifest *m, int fd, struct strbuf *out,
			  struct error *err);

#endif
