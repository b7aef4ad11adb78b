/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_ELF_MODULE_H
#define COMPAT_ELF_MODULE_H

#include <stddef.h>
#include "base/error.h"
#include "base/strv.h"

/* What a kernel module (a relocatable ELF file, *.ko) says about itself; through libelf. */

#define ELF_MODULE_MAX	       (256u << 20) /* bytes of a module */
#define ELF_MODULE_STRINGS_MAX 65536	    /* of .modinfo, and symbols, of one module: of each */

struct elf_module {
	struct strv info;      /* "key=value" of .modinfo, in its order */
	struct strv exported;  /* symbols that other modules may use, sorted, each once */
	struct strv undefined; /* symbols that must come from elsewhere, as the file has them */
};

/* `data` must stay as it is until the call returns. -ENOEXEC: no relocatable ELF file, or a damaged one; -EFBIG; -ENOMEM. */
int elf_module_read(const void *data, size_t len, struct elf_module *ret, struct error *err);
void elf_module_release(struct elf_module *m);
#define _cleanup_elf_module_ _cleanup_(elf_module_release)

#endif
