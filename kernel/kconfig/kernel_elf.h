/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_KERNEL_ELF_H
#define KCONFIG_KERNEL_ELF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/*
 * What an ELF kernel says about itself. kernel_elf.c is the only file here that sees libelf.
 */

#define KERNEL_BANNER_MAX 512

struct kernel_elf {
	uint16_t machine; /* e_machine of the ELF header, EM_* of <elf.h> */
	bool is_64bit;
	bool pvh;	    /* has the PVH entry note: owner "Xen", type 18 */
	uint64_t pvh_entry; /* physical address of the 32-bit entry, when pvh */
	bool writable_code; /* a loaded segment is both writable and executable */
	uint64_t
		writable_code_at; /* virtual address of the first such segment, when writable_code */
	char banner
		[KERNEL_BANNER_MAX]; /* "Linux version 6.1.0 (...) #1 ...", without the newline; "" when not found */
	char release
		[KERNEL_BANNER_MAX]; /* the third word of the banner, as uname -r; "" when not found */
};

/*
 * Reads the ELF file behind fd. -ENOEXEC when it is no ELF executable, -EINVAL when it is damaged, -ENOMEM. A missing note or banner
 * is not an error here. XEN_ELFNOTE_PHYS32_ENTRY is 18: Linux, include/xen/interface/elfnote.h.
 */
int kernel_elf_read(int fd, struct kernel_elf *ret, struct error *err);

/* The name of this project for an e_machine value ("x86_64", "aarch64", "ppc64le", "s390x"), or NULL. */
const char *kernel_elf_arch(uint16_t machine);

#endif
