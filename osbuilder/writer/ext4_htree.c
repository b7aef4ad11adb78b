/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/ext4_priv.h"

#include "base/alloc.h"
#include "writer/crc32c.h"
#include "writer/le.h"

/*
 * Hash trees of directories, fs/ext4/namei.c. Block 0 is struct dx_root: the entries "." and ".." (whose rec_len hides the rest), at
 * 24 dx_root_info {le32 0, u8 hash_version, u8 info_length 8, u8 indirect_levels, u8 0}, at 32 the index. With one indirect level
 * follow blocks of struct dx_node: an empty entry as long as the block, at 8 the index. Then the leaves, ordinary directory blocks.
 *
 * An index is an array of dx_entry {le32 hash, le32 block}, each the lowest hash of what is below; the first has, instead of a hash,
 * dx_countlimit {le16 limit, le16 count}. Behind its last possible entry is dx_tail {le32 0, le32 checksum}. The lowest bit of a
 * hash is free; set in an index it says that the block before ends with the same hash.
 *
 * Leaves are filled to the end, in the order of the hashes.
 */
#define DX_HALF_MD4   1
#define DX_INFO	      24u
#define DX_ROOT_INDEX 32u
#define DX_NODE_INDEX 8u
#define DX_ENTRY      8u
#define DX_TAIL	      8u
#define DX_ROOT_LIMIT ((WRITER_BLOCK - DX_ROOT_INDEX - DX_TAIL) / DX_ENTRY)
#define DX_NODE_LIMIT ((WRITER_BLOCK - DX_NODE_INDEX - DX_TAIL) / DX_ENTRY)

struct hashed {
	uint32_t hash;
	const struct tree_node *n;
};

/* A leaf: entries from `first` on, up to the next one's. */
struct leaf {
	size_t first;
	uint32_t hash; /* for the index */
};

struct htree {
	struct hashed *v; /* all entries, by hash */
	size_t n;
	struct leaf *leaves;
	size_t n_leaves, cap_leaves;
	uint32_t nodes; /* dx_node blocks */
};

static void htree_release(struct htree *h)
{
	free(h->v);
	free(h->leaves);
}

/* Equal hashes by name, so that the order depends on nothing else. */
static int hashed_cmp(const void *pa, const void *pb)
{
	const struct hashed *a = pa, *b = pb;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return strcmp(a->n->name, b->n->name);
}

static int cut_leaves(struct htree *h)
{
	uint32_t used = WRITER_BLOCK;

	for (size_t i = 0; i < h->n; i++) {
		uint32_t n = ext4_dirent_size(h->v[i].n->name_len), hash = h->v[i].hash;

		if (used + n > WRITER_BLOCK - EXT4_DIR_TAIL) {
			if (array_reserve(&h->leaves, &h->cap_leaves, h->n_leaves + 1,
					  sizeof(*h->leaves)) < 0)
				return -ENOMEM;
			if (i && h->v[i - 1].hash == hash)
				hash |= 1;
			h->leaves[h->n_leaves++] = (struct leaf){ i, hash };
			used = 0;
		}
		used += n;
	}
	return 0;
}

static int htree_make(const struct ext4 *fs, const struct tree_node *dir, struct htree *h,
		      struct error *err)
{
	h->n = dir->n_children;
	h->v = new0_array(struct hashed, h->n);
	if (!h->v)
		return error_oom(err);
	for (size_t i = 0; i < h->n; i++) {
		const struct tree_node *n = dir->children[i];

		h->v[i] = (struct hashed){ e2_name_hash(fs->hash_seed, n->name, n->name_len), n };
	}
	qsort(h->v, h->n, sizeof(*h->v), hashed_cmp);
	if (cut_leaves(h) < 0)
		return error_oom(err);
	if (h->n_leaves > DX_ROOT_LIMIT)
		h->nodes = (uint32_t)((h->n_leaves + DX_NODE_LIMIT - 1) / DX_NODE_LIMIT);
	if (h->nodes > DX_ROOT_LIMIT)
		return error_set(
			err, -E2BIG,
			"its %zu entries need more than the %u blocks of an ext4 directory", h->n,
			DX_ROOT_LIMIT * DX_NODE_LIMIT);
	return 0;
}

int ext4_htree_blocks(const struct ext4 *fs, const struct tree_node *dir, uint32_t *ret,
		      struct error *err)
{
	_cleanup_(htree_release) struct htree h = { 0 };
	int r = htree_make(fs, dir, &h, err);

	*ret = 1 + h.nodes + (uint32_t)h.n_leaves;
	return r;
}

static void put_entry(uint8_t *index, uint32_t at, uint32_t hash, uint32_t block)
{
	if (at)
		le_put32(index + (size_t)at * DX_ENTRY, hash);
	le_put32(index + (size_t)at * DX_ENTRY + 4, block);
}

/* Count, limit and checksum of the index in block b. */
static void close_index(uint8_t *b, uint32_t offset, uint32_t limit, uint32_t count, uint32_t seed)
{
	static const uint8_t zeros[DX_TAIL];
	uint8_t *tail = b + offset + (size_t)limit * DX_ENTRY;

	le_put16(b + offset, (uint16_t)limit);
	le_put16(b + offset + 2, (uint16_t)count);
	/* ext4_dx_csum(): what is in use, and the tail with its checksum 0. */
	seed = crc32c(seed, b, offset + (size_t)count * DX_ENTRY);
	le_put32(tail + 4, crc32c(seed, zeros, sizeof(zeros)));
}

static void fill_leaves(const struct ext4 *fs, const struct htree *h, uint32_t seed, uint8_t *buf)
{
	for (size_t k = 0; k < h->n_leaves; k++) {
		size_t end = k + 1 < h->n_leaves ? h->leaves[k + 1].first : h->n;
		struct ext4_dir_block d = { buf + k * WRITER_BLOCK, 0, 0, seed };

		for (size_t i = h->leaves[k].first; i < end; i++) {
			const struct tree_node *n = h->v[i].n;

			ext4_dirent_put(&d, fs->in[wlist_index(n->inode)].num,
					writer_file_type(n->inode->mode), n->name, n->name_len);
		}
		ext4_dir_block_close(&d);
	}
}

/* The blocks of dx_node; `first` is the first leaf's. */
static void fill_nodes(const struct htree *h, uint32_t first, uint32_t seed, uint8_t *buf)
{
	for (uint32_t k = 0; k < h->nodes; k++) {
		size_t from = (size_t)k * DX_NODE_LIMIT;
		uint32_t count = (uint32_t)MIN(h->n_leaves - from, (size_t)DX_NODE_LIMIT);
		uint8_t *b = buf + (size_t)k * WRITER_BLOCK;

		le_put16(b + 4, WRITER_BLOCK);
		for (uint32_t i = 0; i < count; i++)
			put_entry(b + DX_NODE_INDEX, i, h->leaves[from + i].hash,
				  first + (uint32_t)from + i);
		close_index(b, DX_NODE_INDEX, DX_NODE_LIMIT, count, seed);
	}
}

static void fill_root(const struct ext4 *fs, const struct tree_node *dir, const struct htree *h,
		      uint32_t seed, uint8_t *b)
{
	const struct tree_node *parent = dir->parent ? dir->parent : dir;
	struct ext4_dir_block d = { b, 0, 0, seed };
	uint32_t count = h->nodes ? h->nodes : (uint32_t)h->n_leaves;

	ext4_dirent_put(&d, fs->in[wlist_index(dir->inode)].num, 2, ".", 1);
	ext4_dirent_put(&d, fs->in[wlist_index(parent->inode)].num, 2, "..", 2);
	le_put16(b + d.last + 4, (uint16_t)(WRITER_BLOCK - d.last));
	b[DX_INFO + 4] = DX_HALF_MD4;
	b[DX_INFO + 5] = DX_ROOT_INDEX - DX_INFO;
	b[DX_INFO + 6] = h->nodes ? 1 : 0;
	for (uint32_t i = 0; i < count; i++)
		put_entry(b + DX_ROOT_INDEX, i,
			  h->leaves[h->nodes ? (size_t)i * DX_NODE_LIMIT : i].hash, 1 + i);
	close_index(b, DX_ROOT_INDEX, DX_ROOT_LIMIT, count, seed);
}

int ext4_htree_fill(const struct ext4 *fs, const struct tree_node *dir, uint32_t seed, uint8_t *buf,
		    struct error *err)
{
	_cleanup_(htree_release) struct htree h = { 0 };
	int r = htree_make(fs, dir, &h, err);

	if (r < 0)
		return r;
	fill_root(fs, dir, &h, seed, buf);
	fill_nodes(&h, 1 + h.nodes, seed, buf + WRITER_BLOCK);
	fill_leaves(fs, &h, seed, buf + (size_t)(1 + h.nodes) * WRITER_BLOCK);
	return 0;
}
