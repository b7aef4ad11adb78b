/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/ext4_priv.h"

#include "base/alloc.h"
#include "writer/crc32c.h"
#include "writer/le.h"
#include "writer/xattr.h"

/*
 * fs/ext4/xattr.h. ext4_xattr_entry: u8 name_len, u8 name_index, le16 value_offs, le32 value_inum (0), le32 value_size, le32
 * hash, name; padded to 4. Entries grow from the front and end in 4 zero bytes, values from the back. In the inode after a
 * le32 magic, offsets counted from the first entry; else in one block with a 32-byte header, offsets from the block's start.
 */
#define XATTR_MAGIC	  0xea020000u
#define XATTR_ENTRY	  16u
#define XATTR_BLOCK_HEAD  32u
#define XATTR_INODE_HEAD  4u
#define XATTR_HASH_SHIFT  5
#define XATTR_VALUE_SHIFT 16

/* POSIX ACL: value of the system call (include/uapi/linux/posix_acl_xattr.h) and ext4's own (fs/ext4/acl.h). */
#define ACL_XATTR_VERSION 2u
#define ACL_EXT4_VERSION  1u
#define ACL_USER	  0x02
#define ACL_GROUP	  0x08

struct attr {
	int index;
	const char *name;
	size_t name_len;
	const uint8_t *value;
	size_t len;
	uint8_t *own; /* converted ACL */
};

/* Where entries go: `base` is what offsets count from. */
struct area {
	uint8_t *base;
	uint32_t front, back;
	uint32_t hash;
	unsigned n;
};

static uint32_t pad4(size_t n)
{
	return (uint32_t)(n + 3) & ~3u;
}

static int convert_acl(struct attr *a, struct error *err)
{
	size_t n = a->len >= 4 ? (a->len - 4) / 8 : 0;
	uint8_t *o;

	if (a->len < 4 || (a->len - 4) % 8 || le_get32(a->value) != ACL_XATTR_VERSION)
		return error_set(err, -EINVAL, "malformed POSIX ACL of %zu bytes", a->len);
	a->own = o = calloc(1, 4 + n * 8);
	if (!o)
		return error_oom(err);
	le_put32(o, ACL_EXT4_VERSION);
	o += 4;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *e = a->value + 4 + i * 8;
		uint16_t tag = le_get16(e);
		size_t k = tag == ACL_USER || tag == ACL_GROUP ? 8 : 4;

		memcpy(o, e, k);
		o += k;
	}
	a->value = a->own;
	a->len = (size_t)(o - a->own);
	return 0;
}

/* ext4_xattr_hash_entry() of fs/ext4/xattr.c. */
static uint32_t entry_hash(const struct attr *a)
{
	uint32_t h = 0;

	for (size_t i = 0; i < a->name_len; i++)
		h = h << XATTR_HASH_SHIFT ^ h >> (32 - XATTR_HASH_SHIFT) ^ (uint8_t)a->name[i];
	for (size_t i = 0; i < a->len; i += 4) {
		uint8_t w[4] = { 0 };

		memcpy(w, a->value + i, MIN(a->len - i, (size_t)4));
		h = h << XATTR_VALUE_SHIFT ^ h >> (32 - XATTR_VALUE_SHIFT) ^ le_get32(w);
	}
	return h;
}

/* False when there is no room for the entry, its value and the end mark. */
static bool area_add(struct area *ar, const struct attr *a)
{
	uint32_t e = pad4(XATTR_ENTRY + a->name_len), v = pad4(a->len), hash;
	uint8_t *p = ar->base + ar->front;

	if (a->len > WRITER_BLOCK || ar->front + e + 4 + v > ar->back)
		return false;
	hash = entry_hash(a);
	ar->back -= v;
	p[0] = (uint8_t)a->name_len;
	p[1] = (uint8_t)a->index;
	le_put16(p + 2, a->len ? (uint16_t)ar->back : 0);
	le_put32(p + 8, (uint32_t)a->len);
	le_put32(p + 12, hash);
	memcpy(p + XATTR_ENTRY, a->name, a->name_len);
	if (a->len)
		memcpy(ar->base + ar->back, a->value, a->len);
	ar->front += e;
	ar->hash = ar->hash << 16 ^ ar->hash >> 16 ^ hash;
	ar->n++;
	return true;
}

/* The kernel searches a block in this order: ext4_xattr_find_entry() with `sorted`. */
static int attr_cmp(const void *pa, const void *pb)
{
	const struct attr *a = pa, *b = pb;

	if (a->index != b->index)
		return a->index - b->index;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return memcmp(a->name, b->name, a->name_len);
}

static int attrs_get(const struct tree_inode *in, struct attr *v, struct error *err)
{
	for (size_t i = 0; i < in->n_xattrs; i++) {
		const struct tree_xattr *x = &in->xattrs[i];
		struct attr *a = &v[i];
		int r = xattr_index(x->name, &a->name, err);

		if (r < 0)
			return r;
		a->index = r;
		a->name_len = strlen(a->name);
		a->value = x->value;
		a->len = x->len;
		if (a->name_len > 255)
			return error_set(err, -ENAMETOOLONG,
					 "the name of extended attribute \"%s\" is longer than 255",
					 x->name);
		if (r == XATTR_INDEX_ACL_ACCESS || r == XATTR_INDEX_ACL_DEFAULT) {
			r = convert_acl(a, err);
			if (r < 0)
				return error_prefix(err, "%s", x->name);
		}
	}
	qsort(v, in->n_xattrs, sizeof(*v), attr_cmp);
	return 0;
}

static int attrs_place(const struct attr *v, size_t n, struct ext4_inode *x, struct error *err)
{
	struct area in = { x->xattr_inline + XATTR_INODE_HEAD, 0,
			   EXT4_I_XATTR_SIZE - XATTR_INODE_HEAD, 0, 0 };
	struct area bl = { NULL, XATTR_BLOCK_HEAD, WRITER_BLOCK, 0, 0 };

	for (size_t i = 0; i < n; i++) {
		if (area_add(&in, &v[i]))
			continue;
		if (!x->xattr_block) {
			x->xattr_block = calloc(1, WRITER_BLOCK);
			if (!x->xattr_block)
				return error_oom(err);
		}
		bl.base = x->xattr_block;
		if (!area_add(&bl, &v[i]))
			return error_set(err, -E2BIG,
					 "its extended attributes do not fit ext4's one block of "
					 "4096 bytes");
	}
	if (in.n)
		le_put32(x->xattr_inline, XATTR_MAGIC);
	if (bl.n) {
		le_put32(bl.base, XATTR_MAGIC);
		le_put32(bl.base + 4, 1); /* h_refcount */
		le_put32(bl.base + 8, 1); /* h_blocks */
		le_put32(bl.base + 12, bl.hash);
	}
	return 0;
}

int ext4_xattrs_plan(const struct tree_inode *in, struct ext4_inode *x, struct error *err)
{
	struct attr v[TREE_XATTRS_MAX];
	int r;

	if (!in->n_xattrs)
		return 0;
	memset(v, 0, sizeof(v));
	r = attrs_get(in, v, err);
	if (r == 0)
		r = attrs_place(v, in->n_xattrs, x, err);
	for (size_t i = 0; i < in->n_xattrs; i++)
		free(v[i].own);
	return r;
}

void ext4_xattr_block_csum(const struct ext4 *fs, struct ext4_inode *x)
{
	uint8_t where[8];

	/* h_checksum, le32 at 16: over the block's number and the block with this field 0. */
	le_put64(where, x->xattr_pblk);
	le_put32(x->xattr_block + 16, 0);
	le_put32(x->xattr_block + 16,
		 crc32c(crc32c(fs->csum_seed, where, sizeof(where)), x->xattr_block, WRITER_BLOCK));
}
