/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_IKCONFIG_H
#define KCONFIG_IKCONFIG_H

#include "kconfig/kconfig.h"

/*
 * The configuration of a kernel that somebody else built, in any of the forms in which one has it:
 *
 *	.config, /boot/config-*	text
 *	/proc/config.gz		the text through gzip
 *	vmlinux			an ELF file (or an uncompressed Image) with CONFIG_IKCONFIG: the same gzip data between the marks IKCFG_ST
 *				and IKCFG_ED (Linux, kernel/configs.c)
 *
 * -ENODATA for a kernel without its configuration inside, -EINVAL for a compressed one (bzImage, Image.gz), -EBADMSG for damaged gzip
 * data, else the errors of kconfig_parse(). Only this module sees zlib.
 */
#define IKCONFIG_FILE_MAX (512u << 20) /* bytes of a kernel */

int ikconfig_load(struct kconfig *kc, const char *path, struct error *err);

/* The same of bytes in memory; for the fuzz target. */
int ikconfig_parse(struct kconfig *kc, const char *file, const void *data, size_t len,
		   struct error *err);

#endif
