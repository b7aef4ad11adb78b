/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_ELF_DYNAMIC_H
#define COMPAT_ELF_DYNAMIC_H

#include <stddef.h>
#include "base/error.h"
#include "base/strv.h"

/* What a program or shared library asks the dynamic loader for; through libelf. */

#define ELF_NEEDED_MAX 4096 /* DT_NEEDED entries of one file */

struct elf_dynamic {
	char *interp;	    /* PT_INTERP; NULL: none */
	struct strv needed; /* DT_NEEDED, in order */
	char *rpath;	    /* DT_RPATH, NULL when there is none or a DT_RUNPATH takes its place */
	char *runpath;	    /* DT_RUNPATH */
};

/* All of a file in memory. A static program gives an empty result. -ENOEXEC: damaged; -EFBIG; -ENOMEM. */
int elf_dynamic_read(const void *data, size_t len, struct elf_dynamic *ret, struct error *err);
void elf_dynamic_release(struct elf_dynamic *d);
#define _cleanup_elf_dynamic_ _cleanup_(elf_dynamic_release)

#endif
