/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/ext4_priv.h"

#include <string.h>
#include "writer/crc32c.h"
#include "writer/le.h"

/*
 * struct ext4_dir_entry_2: le32 inode, le16 rec_len, u8 name_len, u8 file_type, name; 4-byte aligned. A block ends in
 * ext4_dir_entry_tail: an entry with inode 0, rec_len 12, file_type 0xde and the checksum. fs/ext4/ext4.h.
 *
 * Directories are linear lists sorted by name, without hash tree: the kernel reads them all the same, and a lookup in a few
 * blocks is as fast.
 */
#define DIR_HEAD      8u
#define DIR_TAIL      12u
#define DIR_TAIL_TYPE 0xde

static uint32_t entry_size(size_t name_len)
{
	return (uint32_t)(DIR_HEAD + name_len + 3) & ~3u;
}

uint32_t ext4_dir_blocks(const struct tree_node *dir)
{
	uint32_t blocks = 1, used = entry_size(1) + entry_size(2);

	for (size_t i = 0; i < dir->n_children; i++) {
		uint32_t n = entry_size(dir->children[i]->name_len);

		if (used + n > WRITER_BLOCK - DIR_TAIL) {
			blocks++;
			used = 0;
		}
		used += n;
	}
	return blocks;
}

struct dir_cursor {
	uint8_t *block;
	uint32_t used;
	uint32_t last; /* offset of the last entry in the block */
	uint32_t seed;
};

static void put(struct dir_cursor *c, uint32_t ino, uint8_t type, const char *name, size_t len)
{
	uint8_t *e = c->block + c->used;
	uint32_t n = entry_size(len);

	le_put32(e, ino);
	le_put16(e + 4, (uint16_t)n);
	e[6] = (uint8_t)len;
	e[7] = type;
	memcpy(e + DIR_HEAD, name, len);
	c->last = c->used;
	c->used += n;
}

/* Stretches the last entry to the tail and writes the tail. */
static void close_block(struct dir_cursor *c)
{
	uint8_t *tail = c->block + WRITER_BLOCK - DIR_TAIL;

	le_put16(c->block + c->last + 4, (uint16_t)(WRITER_BLOCK - DIR_TAIL - c->last));
	le_put16(tail + 4, DIR_TAIL);
	tail[7] = DIR_TAIL_TYPE;
	le_put32(tail + 8, crc32c(c->seed, c->block, WRITER_BLOCK - DIR_TAIL));
}

void ext4_dir_fill(const struct ext4 *fs, const struct tree_node *dir, uint8_t *buf)
{
	const struct tree_node *parent = dir->parent ? dir->parent : dir;
	uint32_t self = fs->in[wlist_index(dir->inode)].num;
	struct dir_cursor c = { buf, 0, 0, ext4_inode_seed(fs, self) };

	put(&c, self, 2, ".", 1);
	put(&c, fs->in[wlist_index(parent->inode)].num, 2, "..", 2);
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];

		if (c.used + entry_size(n->name_len) > WRITER_BLOCK - DIR_TAIL) {
			close_block(&c);
			c.block += WRITER_BLOCK;
			c.used = 0;
		}
		put(&c, fs->in[wlist_index(n->inode)].num, writer_file_type(n->inode->mode),
		    n->name, n->name_len);
	}
	close_block(&c);
}
