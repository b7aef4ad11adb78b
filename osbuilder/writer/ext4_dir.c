/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/ext4_priv.h"

#include <string.h>
#include "writer/crc32c.h"
#include "writer/le.h"

/*
 * struct ext4_dir_entry_2: le32 inode, le16 rec_len, u8 name_len, u8 file_type, name; 4-byte aligned. A block ends in
 * ext4_dir_entry_tail: an entry with inode 0, rec_len 12, file_type 0xde and the checksum. fs/ext4/ext4.h.
 */
#define DIR_HEAD      8u
#define DIR_TAIL_TYPE 0xde

uint32_t ext4_dirent_size(size_t name_len)
{
	return (uint32_t)(DIR_HEAD + name_len + 3) & ~3u;
}

static uint32_t linear_blocks(const struct tree_node *dir)
{
	uint32_t blocks = 1, used = ext4_dirent_size(1) + ext4_dirent_size(2);

	for (size_t i = 0; i < dir->n_children; i++) {
		uint32_t n = ext4_dirent_size(dir->children[i]->name_len);

		if (used + n > WRITER_BLOCK - EXT4_DIR_TAIL) {
			blocks++;
			used = 0;
		}
		used += n;
	}
	return blocks;
}

int ext4_dir_plan(const struct ext4 *fs, const struct tree_node *dir, struct ext4_inode *x,
		  uint32_t *ret_blocks, struct error *err)
{
	*ret_blocks = linear_blocks(dir);
	x->indexed = *ret_blocks > EXT4_LINEAR_MAX;
	return x->indexed ? ext4_htree_blocks(fs, dir, ret_blocks, err) : 0;
}

void ext4_dirent_put(struct ext4_dir_block *d, uint32_t ino, uint8_t type, const char *name,
		     size_t len)
{
	uint8_t *e = d->b + d->used;
	uint32_t n = ext4_dirent_size(len);

	le_put32(e, ino);
	le_put16(e + 4, (uint16_t)n);
	e[6] = (uint8_t)len;
	e[7] = type;
	memcpy(e + DIR_HEAD, name, len);
	d->last = d->used;
	d->used += n;
}

void ext4_dir_block_close(struct ext4_dir_block *d)
{
	uint8_t *tail = d->b + WRITER_BLOCK - EXT4_DIR_TAIL;

	le_put16(d->b + d->last + 4, (uint16_t)(WRITER_BLOCK - EXT4_DIR_TAIL - d->last));
	le_put16(tail + 4, EXT4_DIR_TAIL);
	tail[7] = DIR_TAIL_TYPE;
	le_put32(tail + 8, crc32c(d->seed, d->b, WRITER_BLOCK - EXT4_DIR_TAIL));
}

int ext4_dir_fill(const struct ext4 *fs, const struct tree_node *dir, const struct ext4_inode *x,
		  uint8_t *buf, struct error *err)
{
	const struct tree_node *parent = dir->parent ? dir->parent : dir;
	struct ext4_dir_block d = { buf, 0, 0, ext4_inode_seed(fs, x->num) };

	if (x->indexed)
		return ext4_htree_fill(fs, dir, d.seed, buf, err);
	ext4_dirent_put(&d, x->num, 2, ".", 1);
	ext4_dirent_put(&d, fs->in[wlist_index(parent->inode)].num, 2, "..", 2);
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];

		if (d.used + ext4_dirent_size(n->name_len) > WRITER_BLOCK - EXT4_DIR_TAIL) {
			ext4_dir_block_close(&d);
			d.b += WRITER_BLOCK;
			d.used = 0;
		}
		ext4_dirent_put(&d, fs->in[wlist_index(n->inode)].num,
				writer_file_type(n->inode->mode), n->name, n->name_len);
	}
	ext4_dir_block_close(&d);
	return 0;
}
