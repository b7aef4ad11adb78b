/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/writer.h"

#include "base/alloc.h"
#include "writer/crc32c.h"
#include "writer/erofs_priv.h"
#include "writer/le.h"

/*
 * erofs for Linux 5.15 and later. Block 0 begins with the superblock, inodes follow (all of the extended, 64-byte form: any owner,
 * times), each with its attributes and, for directories and links, the tail of its data; then come the blocks of large directories,
 * then of files in list order. Compressed by LZ4 it is laid out in another way, which erofs_lz4.c describes.
 *
 * File contents are block aligned and contiguous, so they can be mapped directly (no inline tails). A file with holes is in
 * chunks of 64 KiB with a table of block addresses.
 */

static uint64_t align_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

/* Entries of the chunk table, le32 each; it begins 4-byte aligned right behind the attributes. */
static uint64_t chunk_count(const struct erofs_inode *x)
{
	return (x->size + SEG_HOLE_MIN - 1) / SEG_HOLE_MIN;
}

static bool has_holes(const struct erofs_inode *x)
{
	return x->map.blocks < (x->size + WRITER_BLOCK - 1) / WRITER_BLOCK;
}

/* Size, layout and tail of one inode. */
static int plan_inode(struct erofs *fs, size_t i, struct error *err)
{
	const struct witem *it = &fs->list.v[i];
	struct erofs_inode *x = &fs->in[i];
	int64_t xs = erofs_xattr_size(it->in, err);
	uint64_t tail;
	int r;

	if (xs < 0)
		return (int)xs;
	x->xattr_size = (uint32_t)xs;
	x->layout = EROFS_FLAT_PLAIN;
	if (S_ISREG(it->in->mode)) {
		x->size = it->in->content.size;
		if (fs->params->compression == WRITER_LZ4) /* erofs_lz4_contents() */
			return 0;
		r = segs_of_blob(&it->in->content, &x->map, err);
		if (r < 0)
			return r;
		if (has_holes(x)) {
			x->layout = EROFS_CHUNKED;
			fs->chunked = true;
		}
		return 0;
	}
	if (S_ISDIR(it->in->mode))
		x->size = erofs_dir_size(it->first);
	else if (S_ISLNK(it->in->mode))
		x->size = strlen(it->in->target);
	tail = x->size % WRITER_BLOCK;
	if (tail && erofs_tail_fits(x, tail)) {
		x->layout = EROFS_FLAT_INLINE;
		x->tail = (uint32_t)tail;
	}
	r = segs_whole(&x->map, (uint32_t)((x->size - x->tail + WRITER_BLOCK - 1) / WRITER_BLOCK));
	return r < 0 ? error_oom(err) : 0;
}

/* Positions of the inodes: on a slot, not across a block's end; with a tail, all of it in one block. */
static void place_inodes(struct erofs *fs)
{
	uint64_t pos = EROFS_SB + EROFS_SB_SIZE;

	for (size_t i = 0; i < fs->list.n; i++) {
		struct erofs_inode *x = &fs->in[i];
		uint64_t one = EROFS_INODE_SIZE + (x->tail ? x->xattr_size + x->tail : 0);

		pos = align_up(pos, EROFS_SLOT);
		if (pos % WRITER_BLOCK + one > WRITER_BLOCK)
			pos = align_up(pos, WRITER_BLOCK);
		x->pos = pos;
		pos += EROFS_INODE_SIZE + x->xattr_size + x->tail;
		if (x->layout == EROFS_CHUNKED)
			pos += chunk_count(x) * 4;
		if (x->index_size)
			pos += erofs_index_pad(pos) + x->index_size;
	}
	fs->meta_size = align_up(pos, WRITER_BLOCK);
}

static int place_data(struct erofs *fs, struct error *err)
{
	const int passes = fs->params->compression == WRITER_LZ4 ? 1 : 2;
	uint64_t at = fs->meta_block + fs->meta_size / WRITER_BLOCK;

	for (int pass = 0; pass < passes; pass++) {
		for (size_t i = 0; i < fs->list.n; i++) {
			struct erofs_inode *x = &fs->in[i];

			if (S_ISREG(fs->list.v[i].in->mode) != (pass == 1))
				continue;
			x->blkaddr = (uint32_t)at;
			at += x->map.blocks;
		}
	}
	if (at >= EROFS_NULL_ADDR)
		return error_set(err, -EFBIG, "%llu blocks are too many for erofs",
				 (unsigned long long)at);
	fs->blocks = (uint32_t)at;
	return 0;
}

static int plan(struct erofs *fs, struct error *err)
{
	for (size_t i = 0; i < fs->list.n; i++)
		if (plan_inode(fs, i, err) < 0)
			return writer_blame(fs->list.v[i].first, err);
	return 0;
}

static int place(struct erofs *fs, struct error *err)
{
	place_inodes(fs);
	fs->meta = calloc(1, fs->meta_size);
	return fs->meta ? place_data(fs, err) : error_oom(err);
}

int erofs_copy_file(struct erofs *fs, size_t i, struct wseed *seed, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	const struct erofs_inode *x = &fs->in[i];
	int r = blob_reader_open(&rd, &fs->list.v[i].in->content, err);

	for (size_t k = 0; r == 0 && k < x->map.n; k++) {
		uint64_t off = (uint64_t)x->map.v[k].start * WRITER_BLOCK;
		uint64_t len = MIN((uint64_t)x->map.v[k].count * WRITER_BLOCK, x->size - off);

		r = out_blob(&fs->out, &rd, off, len, seed, err);
		if (r == 0)
			r = out_pad(&fs->out, WRITER_BLOCK, err);
	}
	return r;
}

/* Files are the last and lie in list order, so this is one sequential pass. */
static int copy_contents(struct erofs *fs, struct error *err)
{
	int r = 0;

	if (fs->params->compression == WRITER_LZ4)
		return erofs_lz4_contents(fs, &fs->seed, err);
	for (size_t i = 0; r == 0 && i < fs->list.n; i++) {
		if (!S_ISREG(fs->list.v[i].in->mode) || !fs->in[i].map.n)
			continue;
		r = out_seek(&fs->out, (uint64_t)fs->in[i].blkaddr * WRITER_BLOCK, err);
		if (r == 0 && erofs_copy_file(fs, i, &fs->seed, err) < 0)
			r = writer_blame(fs->list.v[i].first, err);
	}
	return r;
}

static void put_chunks(const struct erofs_inode *x, uint8_t *p)
{
	uint64_t n = chunk_count(x);
	uint32_t at = x->blkaddr;

	memset(p, 0xff, n * 4); /* EROFS_NULL_ADDR */
	for (size_t k = 0; k < x->map.n; k++) {
		const struct seg *s = &x->map.v[k];

		/* Runs begin on chunk bounds; only the file's last chunk may be shorter. */
		for (uint32_t b = 0; b < s->count; b += 1u << EROFS_CHUNK_BITS)
			le_put32(p + (size_t)((s->start + b) >> EROFS_CHUNK_BITS) * 4, at + b);
		at += s->count;
	}
}

static void put_inode(struct erofs *fs, size_t i)
{
	const struct witem *it = &fs->list.v[i];
	const struct tree_inode *in = it->in;
	const struct erofs_inode *x = &fs->in[i];
	uint8_t *b = fs->meta + x->pos;
	int64_t sec;
	uint32_t nsec;

	writer_mtime(fs->params, in, &sec, &nsec);
	le_put16(b, (uint16_t)(1 | x->layout << 1));
	le_put16(b + 2, x->xattr_size ? (uint16_t)((x->xattr_size - 12) / 4 + 1) : 0);
	le_put16(b + 4, (uint16_t)in->mode);
	le_put64(b + 8, x->size);
	if (S_ISCHR(in->mode) || S_ISBLK(in->mode))
		le_put32(b + 16, writer_encode_dev(in->rdev_major, in->rdev_minor));
	else if (x->layout == EROFS_COMPRESSED)
		le_put32(b + 16, x->packed);
	else if (x->layout == EROFS_CHUNKED)
		le_put16(b + 16, EROFS_CHUNK_BITS);
	else if (x->map.blocks)
		le_put32(b + 16, x->blkaddr);
	le_put32(b + 20, (uint32_t)i + 1);
	le_put32(b + 24, in->uid);
	le_put32(b + 28, in->gid);
	le_put64(b + 32, (uint64_t)sec);
	le_put32(b + 40, nsec);
	le_put32(b + 44, writer_links(it));
	b += EROFS_INODE_SIZE;
	if (x->xattr_size)
		erofs_xattr_fill(in, b);
	b += x->xattr_size;
	if (x->layout == EROFS_CHUNKED)
		put_chunks(x, b);
	else if (x->index_size)
		memcpy(b + erofs_index_pad((uint64_t)(b - fs->meta)), x->index, x->index_size);
}

/* Data of a directory or link: full blocks to their place, the tail behind the inode. A small file can be a tail, too. */
static int put_data(struct erofs *fs, size_t i, struct error *err)
{
	const struct witem *it = &fs->list.v[i];
	const struct erofs_inode *x = &fs->in[i];
	_cleanup_free_ uint8_t *buf = NULL;
	size_t full = x->size - x->tail;
	int r = 0;

	if (S_ISREG(it->in->mode) && x->tail)
		return blob_read(&it->in->content, 0,
				 fs->meta + x->pos + EROFS_INODE_SIZE + x->xattr_size, x->tail,
				 err);
	if (!S_ISDIR(it->in->mode) && !S_ISLNK(it->in->mode))
		return 0;
	buf = calloc(1, align_up(x->size, WRITER_BLOCK));
	if (!buf)
		return error_oom(err);
	if (S_ISDIR(it->in->mode))
		r = erofs_dir_fill(fs, it->first, buf, err);
	else
		memcpy(buf, it->in->target, x->size);
	if (r < 0)
		return r;
	memcpy(fs->meta + x->pos + EROFS_INODE_SIZE + x->xattr_size, buf + full, x->tail);
	if (!full)
		return 0;
	r = out_seek(&fs->out, (uint64_t)x->blkaddr * WRITER_BLOCK, err);
	return r < 0 ? r : out_add(&fs->out, buf, align_up(full, WRITER_BLOCK), err);
}

/* Into the first block of the image. */
static void put_super(struct erofs *fs, const struct writer_result *res, uint8_t *block)
{
	const struct writer_params *p = fs->params;
	uint8_t *b = block + EROFS_SB;
	uint32_t incompat = fs->chunked ? EROFS_INCOMPAT_CHUNKED : 0;

	le_put32(b, EROFS_MAGIC);
	le_put32(b + EROFS_SB_COMPAT, EROFS_COMPAT_CHKSUM | EROFS_COMPAT_MTIME);
	b[EROFS_SB_BLKSZBITS] = 12;
	le_put16(b + EROFS_SB_ROOT_NID, (uint16_t)(fs->in[0].pos / EROFS_SLOT));
	le_put64(b + EROFS_SB_INOS, fs->list.n);
	le_put64(b + EROFS_SB_BUILD_TIME, (uint64_t)p->epoch);
	le_put32(b + EROFS_SB_BLOCKS, fs->blocks);
	le_put32(b + EROFS_SB_META_BLKADDR, fs->meta_block);
	memcpy(b + EROFS_SB_UUID, res->uuid, sizeof(res->uuid));
	if (p->label)
		memcpy(b + EROFS_SB_NAME, p->label, strnlen(p->label, 15));
	if (p->compression == WRITER_LZ4)
		incompat |= EROFS_INCOMPAT_LZ4;
	le_put32(b + EROFS_SB_INCOMPAT, incompat);
	/* Over the rest of the superblock's block, the inodes in it included: erofs_superblock_csum_verify(). */
	le_put32(b + EROFS_SB_CHECKSUM, crc32c(UINT32_MAX, b, WRITER_BLOCK - EROFS_SB));
}

static void erofs_release(struct erofs *fs)
{
	for (size_t i = 0; fs->in && i < fs->list.n; i++) {
		segs_release(&fs->in[i].map);
		free(fs->in[i].index);
	}
	free(fs->in);
	free(fs->meta);
	wlist_release(&fs->list);
	out_release(&fs->out);
	wseed_release(&fs->seed);
}

/* All but contents, when everything has its place. */
static int write_rest(struct erofs *fs, struct writer_result *res, struct error *err)
{
	const bool lz4 = fs->params->compression == WRITER_LZ4;
	uint8_t first[WRITER_BLOCK] = { 0 };
	int r = wseed_finish(&fs->seed, fs->params, res->seed, err);

	r = r < 0 ? r
		  : wseed_uuid(res->seed, lz4 ? "erofs lz4 uuid" : "erofs uuid", res->uuid, err);
	for (size_t i = 0; r == 0 && i < fs->list.n; i++) {
		put_inode(fs, i);
		r = put_data(fs, i, err);
	}
	if (r < 0)
		return r;
	put_super(fs, res, lz4 ? first : fs->meta);
	res->size = (uint64_t)fs->blocks * WRITER_BLOCK;
	r = out_seek(&fs->out, (uint64_t)fs->meta_block * WRITER_BLOCK, err);
	r = r < 0 ? r : out_add(&fs->out, fs->meta, fs->meta_size, err);
	if (r == 0 && lz4) {
		r = out_seek(&fs->out, 0, err);
		r = r < 0 ? r : out_add(&fs->out, first, sizeof(first), err);
	}
	return r < 0 ? r : out_finish(&fs->out, res->size, err);
}

static int write_all(struct erofs *fs, struct writer_result *res, struct error *err)
{
	const struct writer_params *p = fs->params;
	int r;

	/* What is compressed must be known before it has a place. */
	if (p->compression == WRITER_LZ4) {
		r = copy_contents(fs, err);
		r = r < 0 ? r : place(fs, err);
		return r < 0 ? r : write_rest(fs, res, err);
	}
	r = place(fs, err);
	if (r < 0)
		return r;
	if (!p->seed) { /* theirs gives the UUID */
		r = copy_contents(fs, err);
		return r < 0 ? r : write_rest(fs, res, err);
	}
	r = write_rest(fs, res, err);
	if (r == 0 && p->follow)
		r = out_follow(&fs->out, p->follow, res->size, res->seed, err);
	r = r < 0 ? r : copy_contents(fs, err);
	return r < 0 ? r : out_finish(&fs->out, res->size, err);
}

static int erofs_write(struct tree *t, const struct writer_params *p, int fd, uint64_t offset,
		       struct writer_result *ret, struct error *err)
{
	_cleanup_(erofs_release) struct erofs fs = { .params = p,
						     .out = OUT_INIT,
						     .seed = WSEED_INIT };
	struct writer_result res = { 0 };
	int r = wlist_build(t, &fs.list, err);

	fs.out.progress = p->progress;
	if (r == 0) {
		fs.in = new0_array(struct erofs_inode, fs.list.n);
		r = fs.in ? out_open(&fs.out, fd, offset, err) : error_oom(err);
		fs.out.threaded = true;
	}
	r = r < 0 ? r : plan(&fs, err);
	r = r < 0 ? r : wseed_begin(&fs.seed, &fs.list, p, err);
	r = r < 0 ? r : write_all(&fs, &res, err);
	if (r == 0)
		*ret = res;
	return r;
}

const struct writer_ops writer_erofs = { "erofs", erofs_write, 1u << WRITER_LZ4 };
