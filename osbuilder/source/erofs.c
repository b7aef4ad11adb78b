/* SPDX-License-Identifier: Apache-2.0 */
#include "source/erofs_priv.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "writer/crc32c.h"
#include "writer/le.h"

/*
 * On-disk structures: the kernel's fs/erofs/erofs_fs.h; their meaning: super.c, inode.c, data.c, dir.c and xattr.c there.
 *
 * struct erofs_super_block at byte 1024: 0 magic, 4 checksum, 8 feature_compat, 12 u8 blkszbits, 13 u8 sb_extslots, 14 le16
 * root_nid, 24 le64 build_time, 32 le32 build_time_nsec, 36 le32 blocks, 40 le32 meta_blkaddr, 44 le32 xattr_blkaddr, 80 le32
 * feature_incompat, 86 le16 extra_devices, 91 u8 xattr_prefix_count.
 */
#define SB_POS		 1024u
#define SB_SIZE		 128u
#define MAGIC		 0xe0f5e1e2u
#define COMPAT_SB_CHKSUM 0x1u
#define INCOMPAT_KNOWN_BITS                                                                   \
	(EROFS_INCOMPAT_ZERO_PADDING | EROFS_INCOMPAT_BIG_PCLUSTER | EROFS_INCOMPAT_CHUNKED | \
	 EROFS_INCOMPAT_DEVICES | EROFS_INCOMPAT_PACKED | EROFS_INCOMPAT_FRAGMENTS)

/* i_format: bit 0 extended (64 bytes, else 32), bits 1-3 data layout. */
#define CHUNK_BITS_MASK	  0x1fu
#define CHUNK_INDEXES	  0x20u /* entries of 8 bytes with a device number */
#define CHUNK_BITS_MAX	  40u	/* of bytes: more than any file may have */
#define NULL_ADDR	  UINT32_MAX

#define SLOT		  32u
#define DIRENT_SIZE	  12u
#define XATTR_HEAD	  12u
#define XATTR_ENTRY	  4u
#define XATTR_SHARED_MAX  255u
#define XATTR_LONG_PREFIX 0x80u
#define BLOCK_MAX	  65536u

static int parse_inode(const struct erofs_fs *e, const uint8_t *b, struct erofs_inode_info *in,
		       struct error *err)
{
	uint16_t format = le_get16(b), icount = le_get16(b + 2);

	in->head = format & 1 ? 64 : 32;
	in->layout = format >> 1 & 7;
	if (format & ~0xfu)
		return error_set(err, -EBADMSG, "inode of the unknown format 0x%x", format);
	if (in->layout > EROFS_LAYOUT_CHUNKED)
		return error_set(err, -EBADMSG, "inode of the unknown layout %u", in->layout);
	in->mode = le_get16(b + 4);
	in->u = le_get32(b + 16);
	if (format & 1) {
		in->size = le_get64(b + 8);
		in->uid = le_get32(b + 24);
		in->gid = le_get32(b + 28);
		in->mtime = (int64_t)le_get64(b + 32);
		in->mtime_nsec = le_get32(b + 40);
	} else {
		in->size = le_get32(b + 8);
		in->uid = le_get16(b + 24);
		in->gid = le_get16(b + 26);
		in->mtime = e->build_time;
		in->mtime_nsec = e->build_nsec;
	}
	if (in->mtime_nsec >= 1000000000)
		return error_set(err, -EBADMSG, "its time has %u nanoseconds", in->mtime_nsec);
	in->xattr_size = icount ? XATTR_HEAD + 4 * (icount - 1u) : 0;
	return 0;
}

static int read_inode(struct fsread *f, uint64_t ino, struct erofs_inode_info **ret,
		      struct error *err)
{
	struct erofs_fs *e = f->data;
	uint8_t b[64] = { 0 };
	int r;

	*ret = &e->in;
	if (e->in_ino == ino + 1)
		return 0;
	e->in_ino = 0;
	e->in = (struct erofs_inode_info){ 0 };
	if (ino > (f->size - e->meta) / SLOT)
		return error_set(err, -EBADMSG, "its inode %llu is outside the file system",
				 (unsigned long long)ino);
	e->in.pos = e->meta + ino * SLOT;
	r = fsread_bytes(f, e->in.pos, b, 32, err);
	if (r == 0 && b[0] & 1)
		r = fsread_bytes(f, e->in.pos, b, 64, err);
	if (r == 0)
		r = parse_inode(e, b, &e->in, err);
	if (r == 0)
		e->in_ino = ino + 1;
	return r;
}

static int map_chunks(struct fsread *f, const struct erofs_inode_info *in, struct fsread_runs *runs,
		      struct error *err)
{
	const struct erofs_fs *e = f->data;
	unsigned bits = (in->u & CHUNK_BITS_MASK) + e->bits;
	uint32_t unit = in->u & CHUNK_INDEXES ? 8 : 4;
	uint64_t n, at = in->pos + in->head + in->xattr_size;
	uint8_t b[512];
	int r = 0;

	if (in->u & ~(CHUNK_BITS_MASK | CHUNK_INDEXES) & 0xffff || bits > CHUNK_BITS_MAX)
		return error_set(err, -EBADMSG, "chunks of the unknown format 0x%x", in->u);
	if (in->size > TREE_FILE_MAX)
		return error_set(err, -EFBIG, "has %llu bytes, more than a file may have",
				 (unsigned long long)in->size);
	n = (in->size + (UINT64_C(1) << bits) - 1) >> bits;
	at = (at + unit - 1) / unit * unit;
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		size_t k = i % (sizeof(b) / unit);
		uint32_t blk;

		if (k == 0)
			r = fsread_bytes(f, at + i * unit, b,
					 (size_t)MIN((n - i) * unit, (uint64_t)sizeof(b)), err);
		if (r < 0)
			break;
		blk = le_get32(b + k * unit + (unit == 8 ? 4 : 0));
		if (blk == NULL_ADDR)
			continue;
		if (unit == 8 && le_get16(b + k * unit + 2))
			return error_set(err, -ENOTSUP, "has content on another device");
		r = fsread_add_run(f, runs, i << bits, (uint64_t)blk << e->bits,
				   UINT64_C(1) << bits, in->size, err);
	}
	return r;
}

/* Where the data of a file, directory or link is. */
static int map_data(struct fsread *f, const struct erofs_inode_info *in, struct fsread_runs *runs,
		    struct error *err)
{
	const struct erofs_fs *e = f->data;
	uint64_t full = in->size, tail = in->pos + in->head + in->xattr_size;
	int r = 0;

	if (in->layout == EROFS_LAYOUT_CHUNKED)
		return map_chunks(f, in, runs, err);
	if (in->layout == EROFS_LAYOUT_INLINE)
		full = in->size >> e->bits << e->bits;
	if (full)
		r = fsread_add_run(f, runs, 0, (uint64_t)in->u << e->bits, full, in->size, err);
	if (r < 0 || full == in->size)
		return r;
	if ((tail & ((UINT64_C(1) << e->bits) - 1)) + (in->size - full) > UINT64_C(1) << e->bits)
		return error_set(err, -EBADMSG, "its inline data crosses a block");
	return fsread_add_run(f, runs, full, tail, in->size - full, in->size, err);
}

static int load_content(struct fsread *f, const struct erofs_inode_info *in, struct blob *ret,
			struct error *err)
{
	_cleanup_(fsread_runs_release) struct fsread_runs runs = { 0 };
	int r;

	if (in->layout == EROFS_LAYOUT_FULL || in->layout == EROFS_LAYOUT_COMPACT)
		return S_ISREG(in->mode)
			       ? erofs_z_content(f, f->data, in, ret, err)
			       : error_set(err, -ENOTSUP, "is compressed, and no regular file");
	r = map_data(f, in, &runs, err);
	return r < 0 ? r : fsread_content(f, &runs, in->size, ret, err);
}

static int load_target(struct fsread *f, const struct erofs_inode_info *in, char **ret,
		       struct error *err)
{
	_cleanup_(blob_release) struct blob b = BLOB_INIT;
	_cleanup_free_ char *s = NULL;
	int r = fsread_check_link(in->size, err);

	if (r == 0)
		r = load_content(f, in, &b, err);
	if (r < 0)
		return r;
	s = calloc(1, in->size + 1);
	if (!s)
		return error_oom(err);
	r = blob_read(&b, 0, s, in->size, err);
	if (r == 0 && strlen(s) != in->size)
		r = error_set(err, -EBADMSG, "symbolic link with a NUL");
	if (r == 0)
		*ret = steal_ptr(s);
	return r;
}

static int erofs_inode(struct fsread *f, uint64_t ino, struct fsread_inode *ret, struct error *err)
{
	struct erofs_inode_info *in;
	int r = read_inode(f, ino, &in, err);

	if (r < 0)
		return r;
	ret->attr = (struct tree_attr){ .mode = in->mode,
					.uid = in->uid,
					.gid = in->gid,
					.mtime_sec = in->mtime,
					.mtime_nsec = in->mtime_nsec };
	if (S_ISCHR(in->mode) || S_ISBLK(in->mode)) {
		/* new_decode_dev() of the kernel's include/linux/kdev_t.h */
		ret->attr.rdev_major = in->u >> 8 & 0xfff;
		ret->attr.rdev_minor = (in->u & 0xff) | (in->u >> 12 & 0xfff00);
	}
	if (S_ISREG(in->mode))
		return load_content(f, in, &ret->content, err);
	return S_ISLNK(in->mode) ? load_target(f, in, &ret->target, err) : 0;
}

/* Prefixes: EROFS_XATTR_INDEX_*; see writer/xattr.h. */
static const char *prefix_of(unsigned index)
{
	static const char *const names[] = {
		NULL, "user.",	  "system.posix_acl_access", "system.posix_acl_default", "trusted.",
		NULL, "security."
	};

	return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

/* One attribute at b, of which `room` bytes are there; *used becomes its size. */
static int set_xattr(struct tree_inode *to, const uint8_t *b, size_t room, size_t *used,
		     struct error *err)
{
	_cleanup_free_ char *name = NULL;
	const char *prefix;
	size_t n, len;

	if (room < XATTR_ENTRY)
		return error_set(err, -EBADMSG, "its extended attributes are cut off");
	n = b[0];
	len = le_get16(b + 2);
	if (n + len > room - XATTR_ENTRY)
		return error_set(err, -EBADMSG, "its extended attributes are cut off");
	if (b[1] & XATTR_LONG_PREFIX)
		return error_set(err, -ENOTSUP, "has an extended attribute with a long prefix");
	prefix = prefix_of(b[1]);
	if (!prefix || memchr(b + XATTR_ENTRY, '\0', n))
		return error_set(err, -EBADMSG, "has an extended attribute without a valid name");
	name = str_printf("%s%.*s", prefix, (int)n, (const char *)b + XATTR_ENTRY);
	if (!name)
		return error_oom(err);
	*used = (XATTR_ENTRY + n + len + 3) & ~(size_t)3;
	return tree_set_xattr(to, name, b + XATTR_ENTRY + n, len, err);
}

static int shared_xattr(struct fsread *f, struct tree_inode *to, uint32_t id, struct error *err)
{
	const struct erofs_fs *e = f->data;
	uint64_t pos = e->xattrs + (uint64_t)id * 4;
	_cleanup_free_ uint8_t *b = NULL;
	uint8_t head[XATTR_ENTRY];
	size_t n, used;
	int r = fsread_bytes(f, pos, head, sizeof(head), err);

	if (r < 0)
		return r;
	n = XATTR_ENTRY + head[0] + le_get16(head + 2);
	b = malloc(n);
	if (!b)
		return error_oom(err);
	r = fsread_bytes(f, pos, b, n, err);
	return r < 0 ? r : set_xattr(to, b, n, &used, err);
}

static int erofs_xattrs(struct fsread *f, uint64_t ino, struct tree_inode *to, struct error *err)
{
	struct erofs_inode_info *in;
	_cleanup_free_ uint8_t *b = NULL;
	size_t at, used, shared;
	int r = read_inode(f, ino, &in, err);

	if (r < 0 || !in->xattr_size)
		return r;
	b = malloc(in->xattr_size);
	if (!b)
		return error_oom(err);
	r = fsread_bytes(f, in->pos + in->head, b, in->xattr_size, err);
	if (r < 0)
		return r;
	shared = b[4];
	at = XATTR_HEAD + 4 * shared;
	if (at > in->xattr_size)
		return error_set(err, -EBADMSG, "its extended attributes are cut off");
	for (size_t i = 0; r == 0 && i < shared; i++)
		r = shared_xattr(f, to, le_get32(b + XATTR_HEAD + 4 * i), err);
	for (; r == 0 && at < in->xattr_size; at += used) {
		/* four zero bytes pad the area: no name, no value */
		used = 4;
		if (le_get32(b + at))
			r = set_xattr(to, b + at, in->xattr_size - at, &used, err);
	}
	return r;
}

/* One block: entries, then names. `len` is the used part. */
static int read_dir_block(struct fsread *f, const uint8_t *b, size_t len, struct error *err)
{
	size_t n = len >= DIRENT_SIZE ? le_get16(b + 8) / DIRENT_SIZE : 0;

	if (!n || n * DIRENT_SIZE > len || le_get16(b + 8) % DIRENT_SIZE)
		return error_set(err, -EBADMSG, "damaged directory block");
	for (size_t i = 0; i < n; i++) {
		const uint8_t *d = b + i * DIRENT_SIZE;
		size_t from = le_get16(d + 8), to = i + 1 < n ? le_get16(d + DIRENT_SIZE + 8) : len;
		const char *name = (const char *)b + from;
		size_t name_len;
		int r;

		if (from < n * DIRENT_SIZE || from > to || to > len)
			return error_set(err, -EBADMSG, "damaged directory block");
		name_len = i + 1 < n ? to - from : strnlen(name, to - from);
		if ((name_len == 1 || name_len == 2) && memcmp(name, "..", name_len) == 0)
			continue;
		r = fsread_entry(f, name, name_len, le_get64(d), err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int erofs_dir(struct fsread *f, uint64_t ino, struct error *err)
{
	const struct erofs_fs *e = f->data;
	_cleanup_(blob_release) struct blob data = BLOB_INIT;
	_cleanup_free_ uint8_t *b = NULL;
	size_t block = (size_t)1 << e->bits;
	struct erofs_inode_info *in;
	uint64_t size;
	int r = read_inode(f, ino, &in, err);

	if (r == 0)
		r = fsread_check_dir(in->size, err);
	if (r == 0)
		r = load_content(f, in, &data, err);
	if (r < 0)
		return r;
	size = in->size; /* `in` is overwritten by the entries */
	b = malloc(block);
	if (!b)
		return error_oom(err);
	for (uint64_t off = 0; r == 0 && off < size; off += block) {
		size_t n = (size_t)MIN(size - off, (uint64_t)block);

		r = blob_read(&data, off, b, n, err);
		if (r == 0)
			r = read_dir_block(f, b, n, err);
	}
	return r;
}

static int check_sum(const struct fsread *f, const uint8_t *sb, unsigned bits, struct error *err)
{
	_cleanup_free_ uint8_t *b = NULL;
	size_t block = (size_t)1 << bits, len = block > SB_POS ? block - SB_POS : block;
	int r;

	if (!(le_get32(sb + 8) & COMPAT_SB_CHKSUM))
		return 0;
	b = malloc(len);
	if (!b)
		return error_oom(err);
	r = fsread_bytes(f, SB_POS, b, len, err);
	if (r < 0)
		return r;
	le_put32(b + 4, 0);
	if (crc32c(UINT32_MAX, b, len) != le_get32(sb + 4))
		return error_set(err, -EBADMSG, "the superblock's checksum is wrong");
	return 0;
}

static int read_super(struct fsread *f, struct erofs_fs *e, struct error *err)
{
	uint8_t sb[SB_SIZE];
	int r = fsread_bytes(f, SB_POS, sb, sizeof(sb), err);

	if (r < 0)
		return r;
	if (le_get32(sb) != MAGIC)
		return error_set(err, -EBADMSG, "there is no superblock");
	e->bits = sb[12];
	if (e->bits < 9 || e->bits > 16)
		return error_set(err, -EBADMSG, "blocks of 2^%u bytes", e->bits);
	e->incompat = le_get32(sb + 80);
	if (e->incompat & ~INCOMPAT_KNOWN_BITS)
		return error_set(err, -ENOTSUP, "unknown features 0x%x",
				 e->incompat & ~INCOMPAT_KNOWN_BITS);
	if ((uint64_t)le_get32(sb + 36) << e->bits > f->size)
		return error_set(err, -EBADMSG, "has %u blocks of %u bytes, there are %llu bytes",
				 le_get32(sb + 36), 1u << e->bits, (unsigned long long)f->size);
	e->meta = (uint64_t)le_get32(sb + 40) << e->bits;
	e->xattrs = (uint64_t)le_get32(sb + 44) << e->bits;
	e->root = le_get16(sb + 14);
	e->build_time = (int64_t)le_get64(sb + 24);
	e->build_nsec = le_get32(sb + 32);
	if (e->meta > f->size)
		return error_set(err, -EBADMSG, "its inodes are outside the file system");
	return check_sum(f, sb, e->bits, err);
}

int source_read_erofs(struct tree *t, int fd, uint64_t offset, uint64_t size, struct error *err)
{
	static const struct fsread_ops ops = { erofs_inode, erofs_xattrs, erofs_dir };
	struct erofs_fs e = { 0 };
	_cleanup_(fsread_release) struct fsread f = {
		.ops = &ops, .data = &e, .fd = fd, .offset = offset, .size = size
	};
	int r = read_super(&f, &e, err);

	if (r == 0)
		r = fsread_run(&f, t, fd, offset, size, e.root, err);
	return r < 0 ? error_prefix(err, "erofs") : 0;
}
