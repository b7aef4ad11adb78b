/* SPDX-License-Identifier: Apache-2.0 */
#include "source/erofs_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "compat/z.h"
#include "writer/le.h"

/*
 * Compressed files: the kernel's fs/erofs/zmap.c, decompressor.c and struct z_erofs_map_header.
 *
 * Behind the attributes, aligned to 8: le16 h_idata_size at 2, le16 h_advise at 4, u8 h_algorithmtype at 6, u8 h_clusterbits at 7;
 * then, 8 bytes further in the "full" layout, the index. It has one entry for each cluster of the file: a piece begins in it (PLAIN,
 * HEAD1, HEAD2; at a place in the cluster, from a block of the image) or none does (NONHEAD; how far back its piece begins, or, right
 * behind a head, how many blocks the piece takes).
 *
 * "Compact" entries are 14 or 16 bits in packs of 16 or 2, with the number of a block at the end of the pack, from which those of the
 * heads in it are counted.
 */
#define HEADER		  8u
#define ADVISE_2B	  0x1u
#define ADVISE_BIG	  0x6u /* big pclusters: bit 1 for HEAD1, bit 2 for HEAD2 */
#define ADVISE_INLINE	  0x8u
#define ADVISE_INTERLACED 0x10u
#define ADVISE_FRAGMENT	  0x20u
#define FRAGMENT_BIT	  0x80u /* of h_clusterbits */
#define D0_CBLKCNT	  0x800u
#define CLUSTER_BITS	  12u
#define CLUSTER		  (1u << CLUSTER_BITS)

/* Z_EROFS_PCLUSTER_MAX_SIZE and Z_EROFS_PCLUSTER_MAX_DSIZE of the kernel. */
#define PACKED_BLOCKS_MAX 256u
#define PIECE_MAX	  (12u << 20)

enum cluster_type { PLAIN, HEAD1, NONHEAD, HEAD2 };

struct cluster {
	enum cluster_type type;
	uint32_t ofs;	 /* heads: where in the cluster the piece begins */
	uint32_t block;	 /* heads: of the image */
	uint32_t back;	 /* NONHEAD: clusters back to the head, or towards it */
	uint32_t blocks; /* NONHEAD: blocks of the piece, 0: does not say */
};

struct zfile {
	struct fsread *f;
	const struct erofs_fs *e;
	const struct erofs_inode_info *in;
	uint32_t advise, algorithms;
	uint64_t index;			 /* byte position */
	uint64_t n;			 /* clusters */
	uint64_t initial_4b, compact_2b; /* compact: clusters before and in packs of 16 */
	uint8_t window[4096];		 /* of the index */
	uint64_t window_pos;
	uint32_t window_len;
	uint8_t *packed, *piece;
	size_t cap_packed, cap_piece;
};

/* The index at pos, `len` bytes of it that lie in one aligned block of the window's size. */
static int peek(struct zfile *z, uint64_t pos, uint32_t len, const uint8_t **ret, struct error *err)
{
	int r;

	if (pos < z->window_pos || pos + len > z->window_pos + z->window_len) {
		uint64_t start = pos / sizeof(z->window) * sizeof(z->window);

		z->window_len = 0;
		if (pos + len > z->f->size)
			return error_set(err, -EBADMSG, "its index is outside the file system");
		z->window_len = (uint32_t)MIN(z->f->size - start, (uint64_t)sizeof(z->window));
		z->window_pos = start;
		r = fsread_bytes(z->f, start, z->window, z->window_len, err);
		if (r < 0)
			return r;
	}
	*ret = z->window + (pos - z->window_pos);
	return 0;
}

static int load_full(struct zfile *z, uint64_t i, struct cluster *c, struct error *err)
{
	const uint8_t *b;
	int r = peek(z, z->index + i * 8, 8, &b, err);

	if (r < 0)
		return r;
	c->type = (enum cluster_type)(le_get16(b) & 3);
	if (c->type == NONHEAD) {
		c->back = le_get16(b + 4);
		if (c->back & D0_CBLKCNT) {
			c->blocks = c->back & ~D0_CBLKCNT;
			c->back = 1;
		}
		return 0;
	}
	c->ofs = le_get16(b + 2);
	c->block = le_get32(b + 4);
	return 0;
}

struct pack {
	const uint8_t *b;
	unsigned bits; /* of an entry */
	bool big;      /* the inode has big pclusters */
};

static uint32_t pack_entry(const struct pack *p, unsigned i, enum cluster_type *type)
{
	uint32_t pos = p->bits * i;
	uint32_t v = le_get32(p->b + pos / 8) >> (pos & 7);

	*type = (enum cluster_type)(v >> CLUSTER_BITS & 3);
	return v & (CLUSTER - 1);
}

/* How many blocks the heads before entry i of a pack take: z_erofs' unpack_compacted_index(). -1: contradicts itself. */
static int64_t blocks_before(const struct pack *p, unsigned i)
{
	int64_t n = p->big ? 0 : 1;
	int64_t k = i;
	enum cluster_type type;

	while (k > 0) {
		uint32_t lo = pack_entry(p, (unsigned)--k, &type);

		if (type != NONHEAD) {
			n++;
		} else if (!p->big) {
			k -= lo;
			n += k >= 0;
		} else if (lo & D0_CBLKCNT) {
			k--;
			n += lo & ~D0_CBLKCNT;
		} else if (lo <= 1) {
			return -1;
		} else {
			k -= (int64_t)lo - 2;
		}
	}
	return n;
}

static int load_compact(struct zfile *z, uint64_t i, struct cluster *c, struct error *err)
{
	uint64_t pos = z->index, k = i;
	unsigned shift = 2, vcnt, at, size;
	struct pack p = { .big = z->advise & ADVISE_BIG };
	enum cluster_type before;
	uint32_t lo;
	int64_t n;
	int r;

	if (k >= z->initial_4b) {
		pos += z->initial_4b * 4;
		k -= z->initial_4b;
		if (k < z->compact_2b) {
			shift = 1;
		} else {
			pos += z->compact_2b * 2;
			k -= z->compact_2b;
		}
	}
	pos += k << shift;
	vcnt = shift == 1 ? 16 : 2;
	size = vcnt << shift;
	p.bits = (size - 4) * 8 / vcnt;
	at = (unsigned)(pos % size) >> shift;
	r = peek(z, pos / size * size, size, &p.b, err);
	if (r < 0)
		return r;
	lo = pack_entry(&p, at, &c->type);
	if (c->type != NONHEAD) {
		n = blocks_before(&p, at);
		if (n < 0)
			return error_set(err, -EBADMSG, "its index contradicts itself");
		c->ofs = lo;
		c->block = le_get32(p.b + size - 4) + (uint32_t)n;
		return 0;
	}
	if (lo & D0_CBLKCNT) {
		c->back = 1;
		c->blocks = lo & ~D0_CBLKCNT;
	} else if (at + 1 < vcnt) {
		c->back = lo;
	} else { /* the last has the way to the next head instead */
		lo = pack_entry(&p, at - 1, &before);
		c->back = before != NONHEAD ? 1 : lo & D0_CBLKCNT ? 2 : lo + 1;
	}
	return 0;
}

static int load(struct zfile *z, uint64_t i, struct cluster *c, struct error *err)
{
	*c = (struct cluster){ 0 };
	return z->in->layout == EROFS_LAYOUT_FULL ? load_full(z, i, c, err)
						  : load_compact(z, i, c, err);
}

struct piece {
	struct cluster head;
	uint64_t from, cluster; /* byte of the file; cluster with its head */
	uint32_t blocks;
};

static int unpack_plain(struct zfile *z, const struct piece *p, size_t len, struct error *err)
{
	uint64_t pos = (uint64_t)p->head.block << z->e->bits;
	size_t first = 0, turn = z->advise & ADVISE_INTERLACED ? p->from % CLUSTER : 0;
	int r = 0;

	if (len > CLUSTER)
		return error_set(err, -EBADMSG, "a plain piece at byte %llu has %zu bytes",
				 (unsigned long long)p->from, len);
	/* interlaced: at the same place of the block as of the cluster, the rest in front */
	if (turn) {
		first = MIN(len, CLUSTER - turn);
		r = fsread_bytes(z->f, pos + turn, z->piece, first, err);
	}
	return r < 0 ? r : fsread_bytes(z->f, pos, z->piece + first, len - first, err);
}

static int unpack_lz4(struct zfile *z, const struct piece *p, size_t len, struct error *err)
{
	size_t packed = (size_t)p->blocks << z->e->bits, skip = 0;
	int r;

	if ((p->head.type == HEAD2 ? z->algorithms >> 4 : z->algorithms & 15) != 0)
		return error_set(err, -ENOTSUP, "is compressed by something else than LZ4");
	if (array_reserve(&z->packed, &z->cap_packed, packed, 1) < 0)
		return error_oom(err);
	r = fsread_bytes(z->f, (uint64_t)p->head.block << z->e->bits, z->packed, packed, err);
	if (r < 0)
		return r;
	while (z->e->incompat & EROFS_INCOMPAT_ZERO_PADDING && skip < packed && !z->packed[skip])
		skip++;
	if (z_lz4_unpack(z->packed + skip, packed - skip, z->piece, len) < 0)
		return error_set(err, -EBADMSG, "damaged LZ4 data for its byte %llu",
				 (unsigned long long)p->from);
	return 0;
}

static int emit(struct zfile *z, const struct piece *p, uint64_t to, struct error *err)
{
	uint64_t len = to - p->from;
	int r;

	if (to < p->from || len > PIECE_MAX)
		return error_set(err, -EBADMSG,
				 "its pieces at bytes %llu and %llu are out of order",
				 (unsigned long long)p->from, (unsigned long long)to);
	if (!len)
		return 0;
	if (array_reserve(&z->piece, &z->cap_piece, (size_t)len, 1) < 0)
		return error_oom(err);
	if (p->head.type == PLAIN)
		r = unpack_plain(z, p, (size_t)len, err);
	else
		r = unpack_lz4(z, p, (size_t)len, err);
	return r < 0 ? r : tree_spool_write(z->f->tree, z->piece, (size_t)len, err);
}

/* A cluster without a head, `i`: does it fit its piece? */
static int check_nonhead(const struct zfile *z, struct piece *p, const struct cluster *c,
			 uint64_t i, struct error *err)
{
	const uint32_t big = p->head.type == HEAD2 ? 4 : 2;

	if (!c->back || c->back > i - p->cluster)
		return error_set(err, -EBADMSG, "its index points %u clusters back from %llu",
				 c->back, (unsigned long long)i);
	if (i != p->cluster + 1 || !c->blocks)
		return 0;
	if (!(z->advise & big) || p->head.type == PLAIN || c->blocks > PACKED_BLOCKS_MAX)
		return error_set(err, -EBADMSG, "a piece of %u blocks at byte %llu", c->blocks,
				 (unsigned long long)p->from);
	p->blocks = c->blocks;
	return 0;
}

static int unpack_all(struct zfile *z, struct error *err)
{
	struct piece p = { .blocks = 0 };
	struct cluster c;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < z->n; i++) {
		uint64_t at;

		r = load(z, i, &c, err);
		if (r < 0)
			return r;
		at = i * CLUSTER + c.ofs;
		if (i == 0 && (c.type == NONHEAD || c.ofs))
			return error_set(err, -EBADMSG, "its index does not begin with a piece");
		if (c.type == NONHEAD) {
			r = check_nonhead(z, &p, &c, i, err);
			continue;
		}
		if (c.ofs >= CLUSTER || at > z->in->size)
			return error_set(err, -EBADMSG, "a piece begins at byte %llu",
					 (unsigned long long)at);
		if (i)
			r = emit(z, &p, at, err);
		p = (struct piece){ c, at, i, 1 };
	}
	return r < 0 ? r : emit(z, &p, z->in->size, err);
}

/* The header, and where the index is. */
static int open_index(struct zfile *z, struct error *err)
{
	const struct erofs_inode_info *in = z->in;
	const uint32_t extended =
		EROFS_INCOMPAT_BIG_PCLUSTER | EROFS_INCOMPAT_PACKED | EROFS_INCOMPAT_FRAGMENTS;
	uint64_t pos = (in->pos + in->head + in->xattr_size + 7) / 8 * 8;
	uint8_t h[HEADER] = { 0 };
	int r = 0;

	z->index = pos + HEADER;
	z->n = (in->size + CLUSTER - 1) / CLUSTER;
	if (in->layout == EROFS_LAYOUT_FULL)
		z->index += HEADER;
	/* as the kernel: the full layout had no header before these features */
	if (in->layout == EROFS_LAYOUT_COMPACT || z->e->incompat & extended)
		r = fsread_bytes(z->f, pos, h, sizeof(h), err);
	if (r < 0)
		return r;
	z->advise = le_get16(h + 4);
	z->algorithms = h[6];
	if (z->advise & (ADVISE_INLINE | ADVISE_FRAGMENT) || h[7] & FRAGMENT_BIT)
		return error_set(err, -ENOTSUP, "has a compressed tail among others' data");
	if (h[7] & 7)
		return error_set(err, -ENOTSUP, "has clusters of %u blocks", 1u << (h[7] & 7));
	if (in->layout == EROFS_LAYOUT_FULL)
		return 0;
	z->initial_4b = (32 - z->index % 32) / 4 % 8;
	if (z->advise & ADVISE_2B && z->initial_4b < z->n)
		z->compact_2b = (z->n - z->initial_4b) / 16 * 16;
	return 0;
}

int erofs_z_content(struct fsread *f, struct erofs_fs *e, const struct erofs_inode_info *in,
		    struct blob *ret, struct error *err)
{
	struct zfile *z;
	uint64_t start = tree_spool_pos(f->tree);
	int r;

	if (e->bits != CLUSTER_BITS)
		return error_set(err, -ENOTSUP, "is compressed in blocks of %u bytes",
				 1u << e->bits);
	if (in->size > READ_UNPACKED_MAX - e->unpacked)
		return error_set(err, -EFBIG, "compressed files have more than %llu bytes",
				 (unsigned long long)READ_UNPACKED_MAX);
	e->unpacked += in->size;
	if (!in->size)
		return 0;
	z = new0(struct zfile);
	if (!z)
		return error_oom(err);
	z->f = f;
	z->e = e;
	z->in = in;
	r = open_index(z, err);
	if (r == 0)
		r = unpack_all(z, err);
	if (r == 0)
		tree_spool_blob(f->tree, start, ret);
	free(z->packed);
	free(z->piece);
	free(z);
	return r;
}
