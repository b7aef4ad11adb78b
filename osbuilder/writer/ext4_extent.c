/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/ext4_priv.h"

#include "base/alloc.h"
#include "writer/crc32c.h"
#include "writer/le.h"

/*
 * struct ext4_extent_header (12 bytes: magic, entries, max, depth, generation), then entries of 12 bytes: leaves
 * ext4_extent {le32 block, le16 len, le16 start_hi, le32 start_lo}, above them ext4_extent_idx {le32 block, le32 leaf_lo,
 * le16 leaf_hi, le16 unused}; a block ends in a le32 checksum behind its last possible entry. fs/ext4/ext4_extents.h.
 */
#define EXT_MAGIC     0xf30a
#define EXT_ENTRY     12u
#define EXT_ROOT_MAX  ((EXT4_I_BLOCK_SIZE - EXT_ENTRY) / EXT_ENTRY)
#define EXT_BLOCK_MAX ((WRITER_BLOCK - EXT_ENTRY) / EXT_ENTRY)
#define EXT_LEN_MAX   32768u /* an initialized extent */

void ext4_commit_run(struct ext4 *fs)
{
	if (fs->run_at > fs->run_first)
		e2_use_blocks(fs->e2, fs->run_first, fs->run_at - fs->run_first);
	fs->run_first = fs->run_at;
}

/* Up to `want` contiguous blocks; 0 when the file system is full. */
static uint32_t take(struct ext4 *fs, uint32_t want, uint64_t *ret)
{
	uint32_t n;

	if (fs->run_at >= fs->run_end) {
		uint64_t from = fs->run_end, start, end;

		ext4_commit_run(fs);
		if (!e2_next_free(fs->e2, from, &start, &end))
			return 0;
		fs->run_first = fs->run_at = start;
		fs->run_end = end;
	}
	n = (uint32_t)MIN((uint64_t)want, fs->run_end - fs->run_at);
	*ret = fs->run_at;
	fs->run_at += n;
	return n;
}

uint64_t ext4_take_block(struct ext4 *fs)
{
	uint64_t b = 0;

	return take(fs, 1, &b) ? b : 0;
}

static size_t nodes_of(size_t extents)
{
	size_t n = 0, level = extents;

	while (level > EXT_ROOT_MAX) {
		level = (level + EXT_BLOCK_MAX - 1) / EXT_BLOCK_MAX;
		n += level;
	}
	return n;
}

uint64_t ext4_nodes_uncut(const struct segs *map)
{
	uint64_t extents = 0;

	for (size_t i = 0; i < map->n; i++)
		extents += (map->v[i].count + EXT_LEN_MAX - 1) / EXT_LEN_MAX;
	return nodes_of(extents);
}

static int no_space(struct error *err)
{
	return error_set(err, -ENOSPC, "the computed size of the file system is too small");
}

int ext4_allocate(struct ext4 *fs, struct ext4_inode *x, struct error *err)
{
	for (size_t i = 0; i < x->map.n; i++) {
		uint32_t at = x->map.v[i].start, left = x->map.v[i].count;

		while (left) {
			uint64_t p = 0;
			uint32_t n = take(fs, MIN(left, EXT_LEN_MAX), &p);

			if (!n)
				return no_space(err);
			if (array_reserve(&x->ext, &x->cap_ext, x->n_ext + 1, sizeof(*x->ext)) < 0)
				return error_oom(err);
			x->ext[x->n_ext++] = (struct ext4_extent){ at, n, p };
			at += n;
			left -= n;
		}
	}
	x->n_nodes = nodes_of(x->n_ext);
	if (!x->n_nodes)
		return 0;
	x->nodes = new0_array(uint64_t, x->n_nodes);
	if (!x->nodes)
		return error_oom(err);
	for (size_t i = 0; i < x->n_nodes; i++) {
		x->nodes[i] = ext4_take_block(fs);
		if (!x->nodes[i])
			return no_space(err);
	}
	return 0;
}

static void put_header(uint8_t *b, size_t entries, size_t max, unsigned depth)
{
	le_put16(b, EXT_MAGIC);
	le_put16(b + 2, (uint16_t)entries);
	le_put16(b + 4, (uint16_t)max);
	le_put16(b + 6, (uint16_t)depth);
	le_put32(b + 8, 0);
}

static void put_entry(uint8_t *b, const struct ext4_extent *e, unsigned depth)
{
	le_put32(b, e->lblk);
	if (depth) {
		le_put32(b + 4, (uint32_t)e->pblk);
		le_put16(b + 8, (uint16_t)(e->pblk >> 32));
		le_put16(b + 10, 0);
	} else {
		le_put16(b + 4, (uint16_t)e->len);
		le_put16(b + 6, (uint16_t)(e->pblk >> 32));
		le_put32(b + 8, (uint32_t)e->pblk);
	}
}

/* Packs one level into tree blocks; `e` becomes the list of those blocks. Returns how many. */
static int pack_level(struct ext4 *fs, const struct ext4_inode *x, struct ext4_extent *e, size_t n,
		      unsigned depth, size_t *node, size_t *ret_n, struct error *err)
{
	uint32_t seed = ext4_inode_seed(fs, x->num);
	uint8_t b[WRITER_BLOCK];
	size_t out = 0;

	for (size_t i = 0; i < n; i += EXT_BLOCK_MAX) {
		size_t k = MIN(n - i, (size_t)EXT_BLOCK_MAX);
		size_t tail = EXT_ENTRY + EXT_BLOCK_MAX * EXT_ENTRY;
		uint64_t p = x->nodes[(*node)++];
		int r;

		memset(b, 0, sizeof(b));
		put_header(b, k, EXT_BLOCK_MAX, depth);
		for (size_t j = 0; j < k; j++)
			put_entry(b + EXT_ENTRY + j * EXT_ENTRY, &e[i + j], depth);
		le_put32(b + tail, crc32c(seed, b, tail));
		r = out_seek(&fs->out, p * WRITER_BLOCK, err);
		if (r == 0)
			r = out_add(&fs->out, b, sizeof(b), err);
		if (r < 0)
			return r;
		e[out++] = (struct ext4_extent){ e[i].lblk, 0, p };
	}
	*ret_n = out;
	return 0;
}

int ext4_extents_write(struct ext4 *fs, const struct ext4_inode *x,
		       uint8_t i_block[EXT4_I_BLOCK_SIZE], struct error *err)
{
	_cleanup_free_ struct ext4_extent *e = new0_array(struct ext4_extent, x->n_ext);
	size_t n = x->n_ext, node = 0;
	unsigned depth = 0;

	if (!e)
		return error_oom(err);
	if (n)
		memcpy(e, x->ext, n * sizeof(*e));
	for (; n > EXT_ROOT_MAX; depth++) {
		int r = pack_level(fs, x, e, n, depth, &node, &n, err);

		if (r < 0)
			return r;
	}
	put_header(i_block, n, EXT_ROOT_MAX, depth);
	for (size_t i = 0; i < n; i++)
		put_entry(i_block + EXT_ENTRY + i * EXT_ENTRY, &e[i], depth);
	return 0;
}
