/* SPDX-License-Identifier: Apache-2.0 */
#include "image_read.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "compat/zin.h"
#include "source/read.h"
#include "source/source.h"
#include "writer/le.h"

/* Where formats have their marks: ext4's s_magic at 1024 + 56, erofs's magic at 1024, "ustar" at 257, a partition table's at 510. */
#define HEAD_SIZE   2048u
#define SB_POS	    1024u
#define EXT4_MAGIC  0xef53u
#define EROFS_MAGIC 0xe0f5e1e2u
#define USTAR_POS   257u
#define MBR_MARK    510u

static const char *filesystem_of(const uint8_t head[HEAD_SIZE])
{
	if (le_get16(head + SB_POS + 56) == EXT4_MAGIC)
		return "ext4";
	if (le_get32(head + SB_POS) == EROFS_MAGIC)
		return "erofs";
	return memcmp(head, "XFSB", 4) == 0 ? "xfs" : NULL;
}

static int read_filesystem(struct tree *t, int fd, uint64_t offset, uint64_t size,
			   struct image_source *s, struct error *err)
{
	uint8_t head[HEAD_SIZE];
	const char *name;
	int r;

	if (size < HEAD_SIZE)
		return error_set(err, -EINVAL, "too short for a file system");
	r = fd_pread_full(fd, head, sizeof(head), (off_t)offset);
	if (r < 0)
		return error_sys(err, r, "cannot read the file system");
	name = filesystem_of(head);
	if (!name)
		return error_set(err, -EINVAL, "there is no ext4 and no erofs");
	snprintf(s->filesystem, sizeof(s->filesystem), "%s", name);
	if (strcmp(name, "ext4") == 0)
		return source_read_ext4(t, fd, offset, size, err);
	if (strcmp(name, "erofs") == 0)
		return source_read_erofs(t, fd, offset, size, err);
	return error_set(err, -ENOTSUP, "%s cannot be read without mounting it", name);
}

static int read_disk(struct tree *t, int fd, struct image_source *s, struct error *err)
{
	int r = disk_read(fd, &s->dax, &s->disk, err);

	s->kind = IMAGE_DISK;
	if (r < 0)
		return r;
	r = read_filesystem(t, fd, s->disk.parts[0].offset, s->disk.parts[0].size, s, err);
	return r < 0 ? error_prefix(err, "partition 1") : 0;
}

static int read_tar(struct tree *t, int fd, struct image_source *s, struct error *err)
{
	const struct source_unpack u = { .target = "" };
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3), r;

	if (own < 0)
		return error_sys(err, -errno, "duplicate the descriptor");
	s->kind = IMAGE_TAR;
	snprintf(s->filesystem, sizeof(s->filesystem), "tar");
	r = source_unpack_tar_fd(t, own, &u, err);
	fd_close(own);
	return r;
}

/* Is what is compressed a tar file? Its first block says so. */
static bool is_tar_inside(int fd, enum zin_kind kind)
{
	_cleanup_(zin_freep) struct zin *z = NULL;
	uint8_t b[512];
	size_t n = 0;
	ssize_t k = 1;

	if (zin_open(fd, 0, kind, &z, NULL) < 0)
		return false;
	for (; n < sizeof(b) && k > 0; n += k > 0 ? (size_t)k : 0)
		k = zin_read(z, b + n, sizeof(b) - n, NULL);
	return n == sizeof(b) && memcmp(b + USTAR_POS, "ustar", 5) == 0;
}

static int read_file(struct tree *t, int fd, uint64_t size, struct image_source *s,
		     struct error *err)
{
	uint8_t head[HEAD_SIZE] = { 0 };
	enum zin_kind kind;
	int r = fd_pread_full(fd, head, (size_t)MIN(size, (uint64_t)HEAD_SIZE), 0);

	if (r < 0)
		return error_sys(err, r, "cannot read");
	kind = zin_kind_of(head);
	if (memcmp(head + USTAR_POS, "ustar", 5) == 0 || (kind && is_tar_inside(fd, kind)))
		return read_tar(t, fd, s, err);
	if (kind || memcmp(head, "0707", 4) == 0) {
		s->kind = IMAGE_INITRD;
		snprintf(s->filesystem, sizeof(s->filesystem), "cpio");
		return source_read_cpio(t, fd, err);
	}
	if (filesystem_of(head)) {
		s->kind = IMAGE_FILESYSTEM;
		return read_filesystem(t, fd, 0, size, s, err);
	}
	if (head[MBR_MARK] == 0x55 && head[MBR_MARK + 1] == 0xaa)
		return read_disk(t, fd, s, err);
	return error_set(err, -EINVAL,
			 "is no disk image, file system, initrd, tar file or directory");
}

int image_read(const char *path, struct tree **ret, struct image_source *ret_source,
	       struct error *err)
{
	static const struct source_dir_params dir = { .target = "" };
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_tree_ struct tree *t = tree_new();
	struct image_source s = { 0 };
	struct stat st;
	int r;

	if (!t)
		return error_oom(err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "'%s'", path);
	if (S_ISDIR(st.st_mode)) {
		s.kind = IMAGE_DIRECTORY;
		r = source_add_dir(t, fd, &dir, err);
	} else if (S_ISREG(st.st_mode)) {
		r = read_file(t, fd, (uint64_t)st.st_size, &s, err);
	} else {
		r = error_set(err, -EINVAL, "is neither a regular file nor a directory");
	}
	if (r < 0)
		return error_prefix(err, "'%s'", path);
	*ret = steal_ptr(t);
	if (ret_source)
		*ret_source = s;
	return 0;
}
