/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/xattr.h"

#include <string.h>
#include "base/strbuf.h"

int xattr_index(const char *name, const char **rest, struct error *err)
{
	static const struct {
		const char *prefix;
		int index;
	} known[] = {
		{ "user.", 1 },
		{ "trusted.", 4 },
		{ "security.", 6 },
	};

	*rest = name + strlen(name);
	if (str_eq(name, "system.posix_acl_access"))
		return XATTR_INDEX_ACL_ACCESS;
	if (str_eq(name, "system.posix_acl_default"))
		return XATTR_INDEX_ACL_DEFAULT;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const char *r = str_after(name, known[i].prefix);

		if (r && *r) {
			*rest = r;
			return known[i].index;
		}
	}
	return error_set(err, -ENOTSUP, "the file system cannot store extended attribute \"%s\"",
			 name);
}
