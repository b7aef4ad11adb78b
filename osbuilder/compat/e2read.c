/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/e2read.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "writer/le.h"

/* Extents looked at in one file, inner ones included: a hostile extent tree may name the same blocks again and again. */
#define EXTENTS_MAX (1u << 22)

struct e2read {
	ext2_filsys fs;
	struct ext2_inode_large inode; /* of `ino`, 0: none */
	ext2_ino_t ino;
};

static int e2_error(struct error *err, errcode_t e, const char *what)
{
	/* Codes below 256 are errno values; the rest are libext2fs's own. */
	int code = e == ENOMEM ? -ENOMEM : -EBADMSG;

	return error_set(err, code, "%s: %s", what, error_message(e));
}

static int check_super(struct ext2_super_block *s, uint64_t size, struct error *err)
{
	uint64_t blocks = ext2fs_blocks_count(s);

	if (s->s_magic != EXT2_SUPER_MAGIC)
		return error_set(err, -EBADMSG, "there is no superblock");
	if (s->s_log_block_size > 6 || blocks > size >> (10 + s->s_log_block_size))
		return error_set(
			err, -EBADMSG,
			"the superblock says %llu blocks of 2^%u KiB, there are %llu bytes",
			(unsigned long long)blocks, s->s_log_block_size, (unsigned long long)size);
	/* libext2fs reads as many descriptors as these two make groups */
	if (s->s_blocks_per_group < 256 || s->s_inodes_per_group < 1)
		return error_set(err, -EBADMSG, "groups of %u blocks and %u inodes",
				 s->s_blocks_per_group, s->s_inodes_per_group);
	if (s->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER)
		return error_set(err, -ENOTSUP, "its journal must be replayed first (e2fsck)");
	return 0;
}

int e2read_open(int fd, uint64_t offset, uint64_t size, struct e2read **ret, struct error *err)
{
	_cleanup_(e2read_freep) struct e2read *e = new0(struct e2read);
	_cleanup_fd_ int own = -1;
	struct ext2_super_block s;
	char name[16], option[40];
	errcode_t rc;
	int r;

	if (!e)
		return error_oom(err);
	if (size < SUPERBLOCK_OFFSET + sizeof(s))
		return error_set(err, -EBADMSG, "is too short for ext4");
	r = fd_pread_full(fd, &s, sizeof(s), (off_t)(offset + SUPERBLOCK_OFFSET));
	if (r < 0)
		return error_sys(err, r, "cannot read the superblock");
#ifdef WORDS_BIGENDIAN
	ext2fs_swap_super(&s);
#endif
	r = check_super(&s, size, err);
	if (r < 0)
		return r;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return error_sys(err, -errno, "duplicate the image's descriptor");
	snprintf(name, sizeof(name), "%d", fd_steal(&own)); /* the io channel closes it */
	snprintf(option, sizeof(option), "offset=%llu", (unsigned long long)offset);
	rc = ext2fs_open2(name, option, EXT2_FLAG_64BITS, 0, 0, unixfd_io_manager, &e->fs);
	if (rc)
		return e2_error(err, rc, "cannot open it");
	*ret = steal_ptr(e);
	return 0;
}

void e2read_free(struct e2read *e)
{
	if (!e)
		return;
	if (e->fs)
		ext2fs_free(e->fs);
	free(e);
}

uint32_t e2read_block_size(const struct e2read *e)
{
	return e->fs->blocksize;
}

static int load_inode(struct e2read *e, uint64_t ino, struct error *err)
{
	errcode_t rc;

	if (!ino || ino > e->fs->super->s_inodes_count)
		return error_set(err, -EBADMSG, "its inode %llu is outside the file system",
				 (unsigned long long)ino);
	if (e->ino == ino)
		return 0;
	e->ino = 0;
	memset(&e->inode, 0, sizeof(e->inode));
	rc = ext2fs_read_inode_full(e->fs, (ext2_ino_t)ino, (struct ext2_inode *)&e->inode,
				    sizeof(e->inode));
	if (rc)
		return e2_error(err, rc, "cannot read its inode");
	if (e->inode.i_flags & EXT4_ENCRYPT_FL)
		return error_set(err, -ENOTSUP, "is encrypted");
	if (e->inode.i_flags & EXT4_INLINE_DATA_FL)
		return error_set(err, -ENOTSUP, "has its data in the inode, which cannot be read");
	e->ino = (ext2_ino_t)ino;
	return 0;
}

/* Seconds with the two extra bits, and nanoseconds: fs/ext4/ext4.h, ext4_decode_extra_time(). */
static void decode_time(const struct e2read *e, struct e2read_inode *ret)
{
	const struct ext2_inode_large *i = &e->inode;
	uint32_t extra = 0;

	ret->mtime_sec = (int32_t)i->i_mtime;
	if (EXT2_INODE_SIZE(e->fs->super) > EXT2_GOOD_OLD_INODE_SIZE && i->i_extra_isize >= 12)
		extra = i->i_mtime_extra;
	ret->mtime_sec += (int64_t)(extra & 3) << 32;
	ret->mtime_nsec = extra >> 2;
}

static void decode_dev(const struct ext2_inode_large *i, struct e2read_inode *ret)
{
	uint32_t v = i->i_block[0];

	/* i_block[0] has the old 8:8 form, i_block[1] the one of new_encode_dev(): fs/ext4/inode.c */
	if (v) {
		ret->rdev_major = v >> 8 & 0xff;
		ret->rdev_minor = v & 0xff;
		return;
	}
	v = i->i_block[1];
	ret->rdev_major = v >> 8 & 0xfff;
	ret->rdev_minor = (v & 0xff) | (v >> 12 & 0xfff00);
}

int e2read_inode(struct e2read *e, uint64_t ino, struct e2read_inode *ret, struct error *err)
{
	const struct ext2_inode_large *i = &e->inode;
	int r = load_inode(e, ino, err);

	if (r < 0)
		return r;
	*ret = (struct e2read_inode){ .mode = i->i_mode,
				      .uid = inode_uid(*i),
				      .gid = inode_gid(*i),
				      .size = EXT2_I_SIZE((const struct ext2_inode *)i) };
	if (!i->i_links_count)
		return error_set(err, -EBADMSG, "its inode %llu is not in use",
				 (unsigned long long)ino);
	decode_time(e, ret);
	if (ret->mtime_nsec >= 1000000000)
		return error_set(err, -EBADMSG, "its time has %u nanoseconds", ret->mtime_nsec);
	if (LINUX_S_ISCHR(i->i_mode) || LINUX_S_ISBLK(i->i_mode))
		decode_dev(i, ret);
	/* ext2fs_is_fast_symlink(), but by the size alone where there are no extents */
	if (LINUX_S_ISLNK(i->i_mode) && !(i->i_flags & EXT4_EXTENTS_FL) &&
	    ret->size < sizeof(i->i_block))
		memcpy(ret->fast_link, i->i_block, ret->size);
	return 0;
}

static int extent_runs(struct e2read *e, e2read_run_fn fn, void *data, struct error *err)
{
	ext2_extent_handle_t h;
	struct ext2fs_extent x;
	errcode_t rc;
	unsigned n = 0;
	int r = 0;

	rc = ext2fs_extent_open2(e->fs, e->ino, (struct ext2_inode *)&e->inode, &h);
	if (rc)
		return e2_error(err, rc, "cannot read its extents");
	for (rc = ext2fs_extent_get(h, EXT2_EXTENT_ROOT, &x); !rc && r == 0;
	     rc = ext2fs_extent_get(h, EXT2_EXTENT_NEXT, &x)) {
		if (++n > EXTENTS_MAX)
			r = error_set(err, -EFBIG, "has more than %u extents", EXTENTS_MAX);
		else if ((x.e_flags & EXT2_EXTENT_FLAGS_LEAF) &&
			 !(x.e_flags & EXT2_EXTENT_FLAGS_UNINIT))
			r = fn(data, x.e_lblk, x.e_pblk, x.e_len, err);
	}
	ext2fs_extent_free(h);
	if (r == 0 && rc && rc != EXT2_ET_EXTENT_NO_NEXT)
		r = e2_error(err, rc, "cannot read its extents");
	return r;
}

struct block_walk {
	e2read_run_fn fn;
	void *data;
	struct error *err;
	uint64_t lblk, pblk, count; /* blocks that adjoin, not yet given */
	int r;
};

static int walk_flush(struct block_walk *w)
{
	if (w->count && w->r == 0)
		w->r = w->fn(w->data, w->lblk, w->pblk, w->count, w->err);
	w->count = 0;
	return w->r;
}

static int walk_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t at, blk64_t ref, int ref_off,
		      void *data)
{
	struct block_walk *w = data;

	if (at < 0)
		return 0;
	if (w->count && w->lblk + w->count == (uint64_t)at && w->pblk + w->count == *block) {
		w->count++;
		return 0;
	}
	if (walk_flush(w) < 0)
		return BLOCK_ABORT;
	w->lblk = (uint64_t)at;
	w->pblk = *block;
	w->count = 1;
	return 0;
}

int e2read_runs(struct e2read *e, uint64_t ino, e2read_run_fn fn, void *data, struct error *err)
{
	struct block_walk w = { .fn = fn, .data = data, .err = err };
	errcode_t rc;
	int r = load_inode(e, ino, err);

	if (r < 0)
		return r;
	if (e->inode.i_flags & EXT4_EXTENTS_FL)
		return extent_runs(e, fn, data, err);
	rc = ext2fs_block_iterate3(e->fs, e->ino, BLOCK_FLAG_DATA_ONLY | BLOCK_FLAG_READ_ONLY, NULL,
				   walk_block, &w);
	if (rc && w.r == 0)
		return e2_error(err, rc, "cannot read its block map");
	return walk_flush(&w);
}

int e2read_dir_block(struct e2read *e, uint64_t ino, uint64_t pblk, void *buf, struct error *err)
{
	errcode_t rc;

	if (pblk >= ext2fs_blocks_count(e->fs->super))
		return error_set(err, -EBADMSG, "its block %llu is outside the file system",
				 (unsigned long long)pblk);
	/* checks the checksum, too */
	rc = ext2fs_read_dir_block4(e->fs, pblk, buf, 0, (ext2_ino_t)ino);
#ifdef WORDS_BIGENDIAN
	if (!rc) /* that was in this machine's byte order: once more, as it is on disk */
		rc = io_channel_read_blk64(e->fs->io, pblk, 1, buf);
#endif
	return rc ? e2_error(err, rc, "cannot read directory block") : 0;
}

struct xattr_walk {
	e2read_xattr_fn fn;
	void *data;
	struct error *err;
	int r;
};

/*
 * An ACL on disk (fs/ext4/acl.h): le32 1, then {le16 tag, le16 perm} and, for the tags that name somebody, le32 id; as the
 * system calls have it (include/uapi/linux/posix_acl_xattr.h): le32 2, then {le16 tag, le16 perm, le32 id}, the id all ones
 * where there is none. libext2fs's own conversion makes it 0, so it is not used.
 */
#define ACL_DISK_VERSION  1u
#define ACL_XATTR_VERSION 2u
#define ACL_TAG_USER	  2u
#define ACL_TAG_GROUP	  8u

static int convert_acl(const uint8_t *in, size_t len, uint8_t **ret, size_t *ret_len)
{
	size_t at = 4, n = 4;
	uint8_t *out;

	if (len < 4 || le_get32(in) != ACL_DISK_VERSION)
		return -EBADMSG;
	out = calloc(1, 4 + len / 4 * 8);
	if (!out)
		return -ENOMEM;
	le_put32(out, ACL_XATTR_VERSION);
	while (len - at >= 4) {
		uint16_t tag = le_get16(in + at);
		bool named = tag == ACL_TAG_USER || tag == ACL_TAG_GROUP;

		if (named && len - at < 8)
			break;
		memcpy(out + n, in + at, 4);
		le_put32(out + n + 4, named ? le_get32(in + at + 4) : UINT32_MAX);
		at += named ? 8 : 4;
		n += 8;
	}
	if (at != len) {
		free(out);
		return -EBADMSG;
	}
	*ret = out;
	*ret_len = n;
	return 0;
}

static int walk_xattr(char *name, char *value, size_t len, void *data)
{
	_cleanup_free_ uint8_t *acl = NULL;
	struct xattr_walk *w = data;
	const void *v = value;

	if (strncmp(name, "system.posix_acl_", 17) == 0) {
		w->r = convert_acl((const uint8_t *)value, len, &acl, &len);
		if (w->r < 0) {
			error_set(w->err, w->r, "has a damaged ACL");
			return XATTR_ABORT;
		}
		v = acl;
	}
	w->r = w->fn(w->data, name, v, len, w->err);
	return w->r < 0 ? XATTR_ABORT : 0;
}

int e2read_xattrs(struct e2read *e, uint64_t ino, e2read_xattr_fn fn, void *data, struct error *err)
{
	struct xattr_walk w = { .fn = fn, .data = data, .err = err };
	struct ext2_xattr_handle *h;
	errcode_t rc;
	int r = load_inode(e, ino, err);

	if (r < 0)
		return r;
	rc = ext2fs_xattrs_open(e->fs, e->ino, &h);
	if (!rc) {
		rc = ext2fs_xattrs_read(h);
		if (!rc)
			rc = ext2fs_xattrs_iterate(h, walk_xattr, &w);
		ext2fs_xattrs_close(&h);
	}
	if (rc && w.r == 0)
		return e2_error(err, rc, "cannot read its extended attributes");
	return w.r;
}
