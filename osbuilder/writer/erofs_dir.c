/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/erofs_priv.h"

#include <string.h>
#include "base/alloc.h"
#include "writer/le.h"

/*
 * A directory block: struct erofs_dirent {le64 nid, le16 nameoff, u8 file_type, u8 reserved} for each entry, then the names
 * without end marks; the last name ends at the end of the data or at a NUL. All entries, "." and ".." too, are in byte order
 * over the whole directory.
 */
#define DIRENT_SIZE 12u

/* Iterates over the children with "." and ".." at their places. */
struct dir_iter {
	const struct tree_node *dir;
	size_t i;
	unsigned dots; /* of "." and "..", how many are behind us */
};

struct dir_name {
	const char *name;
	size_t len;
	const struct tree_inode *in;
};

static bool iter_next(struct dir_iter *it, struct dir_name *ret)
{
	const struct tree_node *d = it->dir, *parent = d->parent ? d->parent : d;
	const struct tree_node *c = it->i < d->n_children ? d->children[it->i] : NULL;
	static const char dots[] = "..";

	/* A name sorts before "." when its first byte is below it, before ".." when it also is not ".X" with X >= '.'. */
	if (it->dots < 2 && (!c || strcmp(c->name, it->dots ? ".." : ".") > 0)) {
		it->dots++;
		*ret = (struct dir_name){ dots, it->dots,
					  it->dots == 1 ? d->inode : parent->inode };
		return true;
	}
	if (!c)
		return false;
	*ret = (struct dir_name){ c->name, c->name_len, c->inode };
	it->i++;
	return true;
}

uint64_t erofs_dir_size(const struct tree_node *dir)
{
	struct dir_iter it = { dir, 0, 0 };
	struct dir_name n;
	uint64_t size = 0;
	uint32_t used = 0;

	while (iter_next(&it, &n)) {
		if (used + DIRENT_SIZE + n.len > WRITER_BLOCK) {
			size += WRITER_BLOCK;
			used = 0;
		}
		used += DIRENT_SIZE + (uint32_t)n.len;
	}
	return size + used;
}

static void fill_block(const struct erofs *fs, const struct dir_name *v, size_t n, uint8_t *b)
{
	uint32_t at = (uint32_t)n * DIRENT_SIZE;

	for (size_t i = 0; i < n; i++) {
		uint8_t *e = b + i * DIRENT_SIZE;

		le_put64(e, erofs_nid(fs, v[i].in));
		le_put16(e + 8, (uint16_t)at);
		e[10] = writer_file_type(v[i].in->mode);
		memcpy(b + at, v[i].name, v[i].len);
		at += (uint32_t)v[i].len;
	}
}

int erofs_dir_fill(const struct erofs *fs, const struct tree_node *dir, uint8_t *buf,
		   struct error *err)
{
	_cleanup_free_ struct dir_name *v =
		new0_array(struct dir_name, WRITER_BLOCK / (DIRENT_SIZE + 1));
	struct dir_iter it = { dir, 0, 0 };
	struct dir_name d;
	uint32_t used = 0;
	size_t n = 0;

	if (!v)
		return error_oom(err);
	while (iter_next(&it, &d)) {
		if (used + DIRENT_SIZE + d.len > WRITER_BLOCK) {
			fill_block(fs, v, n, buf);
			buf += WRITER_BLOCK;
			used = 0;
			n = 0;
		}
		used += DIRENT_SIZE + (uint32_t)d.len;
		v[n++] = d;
	}
	fill_block(fs, v, n, buf);
	return 0;
}
