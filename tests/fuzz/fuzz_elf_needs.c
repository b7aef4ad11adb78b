/* SPDX-License-Identifier: Apache-2.0 */
/* What programs, libraries and kernel modules of packages say that they need. */
#include <stdint.h>
#include "compat/elf_dynamic.h"
#include "compat/elf_module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct elf_dynamic d;
	struct elf_module m;

	if (elf_dynamic_read(data, size, &d, &err) == 0)
		elf_dynamic_release(&d);
	if (elf_module_read(data, size, &m, &err) == 0)
		elf_module_release(&m);
	return 0;
}
