/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/erofs_priv.h"

#include <string.h>
#include "writer/le.h"
#include "writer/xattr.h"

/*
 * Behind the inode: erofs_xattr_ibody_header {le32 name filter, u8 shared count, reserved; 12 bytes}, then erofs_xattr_entry
 * {u8 name_len, u8 name_index, le16 value_size, name, value} each padded to 4. POSIX ACLs are stored as the system call
 * gives them. i_xattr_icount counts 4-byte units behind the header, plus 1.
 */
#define XATTR_HEAD     12u
#define XATTR_ENTRY    4u
#define XATTR_SIZE_MAX (XATTR_HEAD + 4u * (UINT16_MAX - 1))

static uint32_t entry_size(size_t name_len, size_t len)
{
	return (uint32_t)(XATTR_ENTRY + name_len + len + 3) & ~3u;
}

int64_t erofs_xattr_size(const struct tree_inode *in, struct error *err)
{
	uint64_t size = XATTR_HEAD;

	if (!in->n_xattrs)
		return 0;
	for (size_t i = 0; i < in->n_xattrs; i++) {
		const struct tree_xattr *x = &in->xattrs[i];
		const char *rest;
		int r = xattr_index(x->name, &rest, err);

		if (r < 0)
			return r;
		if (strlen(rest) > UINT8_MAX || x->len > UINT16_MAX)
			return error_set(err, -E2BIG,
					 "extended attribute \"%s\" has a name over 255 or a value "
					 "over 65535 bytes",
					 x->name);
		size += entry_size(strlen(rest), x->len);
	}
	if (size > XATTR_SIZE_MAX)
		return error_set(err, -E2BIG,
				 "its extended attributes take %llu bytes, erofs has room for %u",
				 (unsigned long long)size, XATTR_SIZE_MAX);
	return (int64_t)size;
}

void erofs_xattr_fill(const struct tree_inode *in, uint8_t *p)
{
	p += XATTR_HEAD;
	for (size_t i = 0; i < in->n_xattrs; i++) {
		const struct tree_xattr *x = &in->xattrs[i];
		const char *rest;
		int index = xattr_index(x->name, &rest, NULL);
		size_t n = strlen(rest); /* checked by erofs_xattr_size() */

		p[0] = (uint8_t)n;
		p[1] = (uint8_t)index;
		le_put16(p + 2, (uint16_t)x->len);
		/* Names are counted on disk. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
		memcpy(p + XATTR_ENTRY, rest, n);
		if (x->len)
			memcpy(p + XATTR_ENTRY + n, x->value, x->len);
		p += entry_size(n, x->len);
	}
}
