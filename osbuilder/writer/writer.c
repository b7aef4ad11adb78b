/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/writer.h"

#include <string.h>

const struct writer_ops *writer_find(const char *name)
{
	static const struct writer_ops *const all[] = { &writer_ext4, &writer_erofs, &writer_cpio };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
