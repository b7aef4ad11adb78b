/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hypervisor.h"

#include "base/strbuf.h"

void vm_params_preset(struct vm_params *p)
{
	*p = (struct vm_params){ .vcpus = 1, .memory_mib = 256 };
}

const struct vm_ops *vm_ops_find(const char *name)
{
	static const struct vm_ops *const all[] = { &vm_qemu_ops, &vm_fake_ops };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_eq(all[i]->name, name))
			return all[i];
	return NULL;
}
