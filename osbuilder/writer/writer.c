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

int writer_compression(const struct writer_ops *w, const char *name, enum writer_compression *ret,
		       struct error *err)
{
	static const char *const names[] = { "none", "gzip", "zstd", "lz4" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		if (i && !(w->compressions & 1u << i))
			return error_set(err, -EINVAL, "%s cannot be compressed by %s", w->name,
					 name);
		*ret = (enum writer_compression)i;
		return 0;
	}
	return error_set(err, -EINVAL, "unknown compression '%s'", name);
}
