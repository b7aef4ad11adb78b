/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/writer.h"

#include <string.h>

static const struct writer_ops *const all[] = { &writer_ext4, &writer_erofs, &writer_cpio,
						&writer_tar };

const struct writer_ops *writer_at(size_t i)
{
	return i < ARRAY_SIZE(all) ? all[i] : NULL;
}

const struct writer_ops *writer_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
