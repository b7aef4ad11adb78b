/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "writer/erofs_priv.h"
#include "writer/le.h"
#include "writer/zpool.h"

/*
 * Contents by LZ4, as the kernel's fs/erofs/zmap.c reads them: the "full" index, physical clusters of one block, data at their end
 * (EROFS_FEATURE_INCOMPAT_ZERO_PADDING).
 *
 * Behind the attributes of such an inode, aligned to 8: struct z_erofs_map_header and 8 more bytes, all zero (clusters of one block,
 * LZ4); then 8 bytes for each block of the file (struct z_erofs_vle_decompressed_index):
 *   le16 type	PLAIN or HEAD: a piece begins in this block; NONHEAD: none does
 *   le16	PLAIN, HEAD: where in the block
 *   le32	PLAIN, HEAD: the block of the image that holds the piece; NONHEAD: le16 blocks back to the one where its piece begins, le16
 *		blocks on to the one where the next does
 * A last block that is not full and in which no piece begins is PLAIN with the file's end as place and block 0.
 *
 * Every piece but the last of a file fills a block or more, so no two begin in one block. Pieces depend on those before, so a file is
 * cut every SEGMENT bytes, and segments are compressed in parallel. What LZ4 does not make smaller is a plain file; small files are
 * tails of their inodes, because nothing here can be mapped by DAX anyway. Files that are mostly holes are in chunks as without LZ4.
 *
 * Data comes first in the image and inodes behind it: where they lie depends on how well it was compressed.
 */
#define INDEX_HEAD    16u
#define INDEX_ENTRY   8u
#define INDEX_PLAIN   0u
#define INDEX_HEAD1   1u
#define INDEX_NONHEAD 2u
#define SEGMENT	      (2u << 20) /* of whole blocks */
#define HOLES_MOST    4u	 /* of so many blocks one has data: mostly holes */

struct lz4 {
	struct erofs *fs;
	struct zpool *pool;
	size_t *files;	      /* list indexes of what is compressed, in order */
	size_t n_files, done; /* one of them: the file whose segments come out */
	uint64_t done_at;     /* its bytes that have come out */
	uint32_t block;	      /* where the next data goes */
	bool packed;	      /* some piece of it is compressed */
};

static uint64_t blocks_of(uint64_t size)
{
	return (size + WRITER_BLOCK - 1) / WRITER_BLOCK;
}

/* The index of one piece [from, to) of a file of `size` bytes, but for the block in which the next one begins. */
static void put_piece(struct erofs_inode *x, uint64_t from, uint64_t to, bool plain, uint32_t block)
{
	uint8_t *e = x->index + INDEX_HEAD + from / WRITER_BLOCK * INDEX_ENTRY;
	uint64_t first = from / WRITER_BLOCK, next = to / WRITER_BLOCK;

	le_put16(e, plain ? INDEX_PLAIN : INDEX_HEAD1);
	le_put16(e + 2, (uint16_t)(from % WRITER_BLOCK));
	le_put32(e + 4, block);
	for (uint64_t i = first + 1; i < next; i++) {
		e += INDEX_ENTRY;
		le_put16(e, INDEX_NONHEAD);
		le_put16(e + 4, (uint16_t)(i - first));
		le_put16(e + 6, (uint16_t)(next - i));
	}
	if (to == x->size && to % WRITER_BLOCK && next > first) {
		le_put16(e + INDEX_ENTRY, INDEX_PLAIN);
		le_put16(e + INDEX_ENTRY + 2, (uint16_t)(to % WRITER_BLOCK));
	}
}

/* All of a file is out. What has no compressed piece is a plain file. */
static int end_file(struct lz4 *z, struct erofs_inode *x, struct error *err)
{
	z->done++;
	z->done_at = 0;
	if (z->packed) {
		x->layout = EROFS_COMPRESSED;
		x->packed = z->block - x->blkaddr;
		return 0;
	}
	free(x->index);
	x->index = NULL;
	x->index_size = 0;
	return segs_whole(&x->map, z->block - x->blkaddr) < 0 ? error_oom(err) : 0;
}

/* A segment as z_pack() gives it. They come in the order of the files. */
static int take_segment(void *data, const void *bytes, size_t len, struct error *err)
{
	struct lz4 *z = data;
	const uint8_t *b = bytes;
	const uint32_t n = le_get32(b);
	struct erofs_inode *x = &z->fs->in[z->files[z->done]];
	int r = 0;

	if (z->done_at == 0) {
		x->blkaddr = z->block;
		z->packed = false;
	}
	if (n >= EROFS_NULL_ADDR - z->block)
		return error_set(err, -EFBIG, "too many blocks for erofs");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = le_get32(b + 4 + 4 * (size_t)i), piece = v & ~Z_LZ4_PLAIN;

		put_piece(x, z->done_at, z->done_at + piece, v & Z_LZ4_PLAIN, z->block++);
		z->done_at += piece;
		z->packed |= !(v & Z_LZ4_PLAIN);
	}
	if (z->done_at == x->size)
		r = end_file(z, x, err);
	return r < 0 ? r
		     : out_add(&z->fs->out, b + 4 + 4 * (size_t)n, (size_t)n * WRITER_BLOCK, err);
}

static int compress_file(struct lz4 *z, size_t i, struct wseed *seed, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	struct erofs_inode *x = &z->fs->in[i];
	int r = blob_reader_open(&rd, &z->fs->list.v[i].in->content, err);

	if (r < 0)
		return r;
	x->index_size = INDEX_HEAD + INDEX_ENTRY * (uint32_t)blocks_of(x->size);
	x->index = calloc(1, x->index_size);
	if (!x->index)
		return error_oom(err);
	z->files[z->n_files++] = i;
	for (uint64_t off = 0; r == 0 && off < x->size; off += SEGMENT) {
		size_t n = (size_t)MIN(x->size - off, (uint64_t)SEGMENT);

		r = zpool_reserve(z->pool, n, err);
		if (r == 0)
			r = blob_reader_pread(&rd, off, zpool_buf(z->pool), n, err);
		if (r < 0)
			break;
		wseed_content(seed, zpool_buf(z->pool), n);
		r = zpool_submit(z->pool, n, err);
	}
	return r;
}

/* Blocks without compression, behind everything that is still on its way. */
static int copy_file(struct lz4 *z, size_t i, struct wseed *seed, struct error *err)
{
	struct erofs_inode *x = &z->fs->in[i];
	int r = zpool_flush(z->pool, err);

	if (r < 0)
		return r;
	if (x->map.blocks >= EROFS_NULL_ADDR - z->block)
		return error_set(err, -EFBIG, "too many blocks for erofs");
	x->blkaddr = z->block;
	z->block += x->map.blocks;
	return erofs_copy_file(z->fs, i, seed, err);
}

static int hash_tail(const struct erofs *fs, size_t i, struct wseed *seed, struct error *err)
{
	uint8_t b[WRITER_BLOCK];
	int r = blob_read(&fs->list.v[i].in->content, 0, b, fs->in[i].tail, err);

	if (r == 0)
		wseed_content(seed, b, fs->in[i].tail);
	return r;
}

static int add_file(struct lz4 *z, size_t i, struct wseed *seed, struct error *err)
{
	struct erofs *fs = z->fs;
	struct erofs_inode *x = &fs->in[i];
	int r;

	if (!x->size)
		return 0;
	if (x->size < WRITER_BLOCK && erofs_tail_fits(x, x->size)) {
		x->layout = EROFS_FLAT_INLINE;
		x->tail = (uint32_t)x->size;
		return hash_tail(fs, i, seed, err);
	}
	if (x->size <= WRITER_BLOCK) {
		r = segs_whole(&x->map, 1);
		return r < 0 ? error_oom(err) : copy_file(z, i, seed, err);
	}
	r = segs_of_blob(&fs->list.v[i].in->content, &x->map, err);
	if (r < 0)
		return r;
	if ((uint64_t)x->map.blocks * HOLES_MOST > blocks_of(x->size)) {
		segs_release(&x->map);
		return compress_file(z, i, seed, err);
	}
	x->layout = EROFS_CHUNKED;
	fs->chunked = true;
	return copy_file(z, i, seed, err);
}

int erofs_lz4_contents(struct erofs *fs, struct wseed *seed, struct error *err)
{
	struct lz4 z = { .fs = fs, .block = 1 };
	int r;

	z.files = new0_array(size_t, fs->list.n);
	if (!z.files)
		return error_oom(err);
	r = zpool_open(Z_LZ4_BLOCKS, 0, 0, take_segment, &z, &z.pool, err);

	if (r == 0)
		r = out_seek(&fs->out, WRITER_BLOCK, err);
	for (size_t i = 0; r == 0 && i < fs->list.n; i++) {
		if (!S_ISREG(fs->list.v[i].in->mode))
			continue;
		r = add_file(&z, i, seed, err);
		if (r < 0)
			writer_blame(fs->list.v[i].first, err);
	}
	if (r == 0)
		r = zpool_flush(z.pool, err);
	zpool_free(z.pool);
	free(z.files);
	fs->meta_block = z.block;
	return r;
}
