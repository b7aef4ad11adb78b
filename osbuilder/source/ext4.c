/* SPDX-License-Identifier: Apache-2.0 */
#include "source/fsread.h"

#include <string.h>

#include "base/alloc.h"
#include "compat/e2read.h"
#include "writer/le.h"

#define ROOT_INODE 2u
/* struct ext4_dir_entry_2 (fs/ext4/ext4.h): le32 inode, le16 rec_len, u8 name_len, u8 file_type, name. */
#define DIRENT_HEAD 8u
#define REC_LEN_MAX 65536u /* a block of 64 KiB has it as 0 or 65535 */

struct map {
	struct fsread *f;
	struct fsread_runs runs;
	uint64_t size;
};

static int add_blocks(void *data, uint64_t lblk, uint64_t pblk, uint64_t count, struct error *err)
{
	struct map *m = data;
	uint64_t block = e2read_block_size(m->f->data);

	/* 48-bit block numbers of at most 64 KiB: no overflow */
	return fsread_add_run(m->f, &m->runs, lblk * block, pblk * block, count * block, m->size,
			      err);
}

static int load_content(struct fsread *f, uint64_t ino, uint64_t size, struct blob *ret,
			struct error *err)
{
	struct map m = { .f = f, .size = size };
	int r = e2read_runs(f->data, ino, add_blocks, &m, err);

	if (r == 0)
		r = fsread_content(f, &m.runs, size, ret, err);
	fsread_runs_release(&m.runs);
	return r;
}

static int load_target(struct fsread *f, uint64_t ino, const struct e2read_inode *in, char **ret,
		       struct error *err)
{
	_cleanup_(blob_release) struct blob b = BLOB_INIT;
	_cleanup_free_ char *s = NULL;
	int r = fsread_check_link(in->size, err);

	if (r < 0)
		return r;
	s = calloc(1, in->size + 1);
	if (!s)
		return error_oom(err);
	if (in->fast_link[0]) {
		memcpy(s, in->fast_link, MIN(in->size, (uint64_t)sizeof(in->fast_link)));
	} else {
		r = load_content(f, ino, in->size, &b, err);
		if (r == 0)
			r = blob_read(&b, 0, s, in->size, err);
	}
	if (r == 0 && strlen(s) != in->size)
		r = error_set(err, -EBADMSG, "symbolic link with a NUL");
	if (r == 0)
		*ret = steal_ptr(s);
	return r;
}

static int ext4_inode(struct fsread *f, uint64_t ino, struct fsread_inode *ret, struct error *err)
{
	struct e2read_inode in;
	int r = e2read_inode(f->data, ino, &in, err);

	if (r < 0)
		return r;
	ret->attr = (struct tree_attr){ .mode = in.mode,
					.uid = in.uid,
					.gid = in.gid,
					.mtime_sec = in.mtime_sec,
					.mtime_nsec = in.mtime_nsec,
					.rdev_major = in.rdev_major,
					.rdev_minor = in.rdev_minor };
	if (S_ISREG(in.mode))
		return load_content(f, ino, in.size, &ret->content, err);
	return S_ISLNK(in.mode) ? load_target(f, ino, &in, &ret->target, err) : 0;
}

static int set_xattr(void *data, const char *name, const void *value, size_t len, struct error *err)
{
	return tree_set_xattr(data, name, value, len, err);
}

static int ext4_xattrs(struct fsread *f, uint64_t ino, struct tree_inode *in, struct error *err)
{
	return e2read_xattrs(f->data, ino, set_xattr, in, err);
}

/* Inner blocks of an index look like one unused entry. */
static int read_dir_block(struct fsread *f, const uint8_t *b, uint32_t len, struct error *err)
{
	for (uint32_t at = 0; at < len;) {
		const uint8_t *d = b + at;
		uint32_t rec = len - at >= DIRENT_HEAD ? le_get16(d + 4) : 0, n;
		const char *name = (const char *)d + DIRENT_HEAD;
		int r = 0;

		if (len == REC_LEN_MAX && (rec == 0 || rec == REC_LEN_MAX - 1))
			rec = REC_LEN_MAX;
		n = rec ? d[6] : 0;
		if (rec < DIRENT_HEAD || rec % 4 || rec > len - at || n > rec - DIRENT_HEAD)
			return error_set(err, -EBADMSG, "damaged directory block");
		if (le_get32(d) && !((n == 1 || n == 2) && memcmp(name, "..", n) == 0))
			r = fsread_entry(f, name, n, le_get32(d), err);
		if (r < 0)
			return r;
		at += rec;
	}
	return 0;
}

static int ext4_dir(struct fsread *f, uint64_t ino, struct error *err)
{
	uint32_t block = e2read_block_size(f->data);
	_cleanup_(fsread_runs_release) struct fsread_runs runs = { 0 };
	_cleanup_free_ uint8_t *b = malloc(block);
	struct e2read_inode in;
	struct map m = { .f = f };
	int r = b ? e2read_inode(f->data, ino, &in, err) : error_oom(err);

	if (r == 0)
		r = fsread_check_dir(in.size, err);
	if (r < 0)
		return r;
	m.size = in.size;
	r = e2read_runs(f->data, ino, add_blocks, &m, err);
	runs = m.runs;
	for (size_t i = 0; r == 0 && i < runs.n; i++) {
		for (uint64_t k = 0; r == 0 && k < runs.v[i].len; k += block) {
			r = e2read_dir_block(f->data, ino,
					     (runs.v[i].offset - f->offset + k) / block, b, err);
			if (r == 0)
				r = read_dir_block(f, b, block, err);
		}
	}
	return r;
}

int source_read_ext4(struct tree *t, int fd, uint64_t offset, uint64_t size, struct error *err)
{
	static const struct fsread_ops ops = { ext4_inode, ext4_xattrs, ext4_dir };
	_cleanup_(e2read_freep) struct e2read *e = NULL;
	_cleanup_(fsread_release) struct fsread f = { .ops = &ops };
	int r = e2read_open(fd, offset, size, &e, err);

	f.data = e;
	if (r == 0)
		r = fsread_run(&f, t, fd, offset, size, ROOT_INODE, err);
	return r < 0 ? error_prefix(err, "ext4") : 0;
}
