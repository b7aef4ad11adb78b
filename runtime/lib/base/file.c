/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

/* Deeper trees than this are not removed: a bound on recursion and on open directories. */
#define REMOVE_MAX_DEPTH 512

int file_read(int dirfd, const char *path, size_t max, struct strbuf *out, struct error *err)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "%s", path);
	r = strbuf_read_fd(out, fd, max);
	if (r == -EFBIG)
		return error_set(err, r, "%s: larger than %zu bytes", path, max);
	if (r < 0)
		return error_sys(err, r, "read %s", path);
	return 0;
}

int file_write_existing(int dirfd, const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return error_sys(err, -errno, "%s", path);
	/* One write: kernel files take a value whole. */
	n = write(fd, text, strlen(text));
	if (n < 0)
		return error_sys(err, -errno, "write \"%s\" to %s", text, path);
	return 0;
}

int file_out_open(struct file_out *o, int dirfd, const char *path, mode_t mode, struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	const char *base = path_base(path);
	unsigned char rnd[8];
	char hex[17];

	*o = (struct file_out)FILE_OUT_INIT;
	dir = base == path ? strdup(".") : mem_dup0(path, (size_t)(base - path));
	if (!dir)
		return error_oom(err);
	if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return error_sys(err, -errno, "getrandom");
	hex_encode(hex, rnd, sizeof(rnd));
	o->name = strdup(base);
	o->tmp = str_printf(".tmp-%s-%.64s", hex, base);
	if (!o->name || !o->tmp) {
		file_out_release(o);
		return error_oom(err);
	}
	o->dirfd = openat(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->dirfd >= 0)
		o->fd = openat(o->dirfd, o->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (o->fd < 0) {
		int r = error_sys(err, -errno, "%s", path);

		free(o->tmp);
		o->tmp = NULL;
		file_out_release(o);
		return r;
	}
	return 0;
}

void file_out_start_sync(const struct file_out *o)
{
	/* A hint: what it could not start, fsync() does, with its error. */
	if (o->fd >= 0)
		sync_file_range(o->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

int file_out_publish(struct file_out *o, int *ret_fd, struct error *err)
{
	if (renameat(o->dirfd, o->tmp, o->dirfd, o->name) < 0)
		return error_sys(err, -errno, "rename to %s", o->name);
	free(o->tmp);
	o->tmp = NULL;
	if (ret_fd)
		*ret_fd = fd_steal(&o->fd);
	file_out_release(o);
	return 0;
}

int file_out_commit(struct file_out *o, struct error *err)
{
	if (fsync(o->fd) < 0)
		return error_sys(err, -errno, "fsync %s", o->name);
	return file_out_publish(o, NULL, err);
}

void file_out_release(struct file_out *o)
{
	if (o->tmp && o->dirfd >= 0)
		unlinkat(o->dirfd, o->tmp, 0);
	free(o->tmp);
	free(o->name);
	fd_close(o->fd);
	fd_close(o->dirfd);
	*o = (struct file_out)FILE_OUT_INIT;
}

int file_write_atomic(int dirfd, const char *path, mode_t mode, const void *data, size_t len,
		      struct error *err)
{
	_cleanup_file_out_ struct file_out o = FILE_OUT_INIT;
	int r = file_out_open(&o, dirfd, path, mode, err);

	if (r < 0)
		return r;
	r = fd_write_full(o.fd, data, len);
	if (r < 0)
		return error_sys(err, r, "write %s", path);
	return file_out_commit(&o, err);
}

static void cleanup_dirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/*
 * Whether something is mounted there: also a directory of the same file system, which the device number does not tell. Kernels
 * before 5.8 do not say (statx(2), STATX_ATTR_MOUNT_ROOT).
 */
static bool is_mount_root(int fd)
{
	struct statx stx;

	return statx(fd, "", AT_EMPTY_PATH, 0, &stx) == 0 &&
	       (stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Empties the directory behind fd (owned). */
static int remove_children(int fd, dev_t dev, int depth, struct error *err)
{
	_cleanup_(cleanup_dirp) DIR *d = fdopendir(fd);
	struct dirent *de;

	if (!d) {
		fd_close(fd);
		return error_sys(err, -errno, "fdopendir");
	}
	if (is_mount_root(dirfd(d)))
		return error_set(err, -EXDEV, "is a mount point");
	while ((de = readdir(d))) {
		struct stat st;
		int sub, r;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return error_sys(err, -errno, "%s", de->d_name);
		}
		if (S_ISDIR(st.st_mode)) {
			if (st.st_dev != dev)
				return error_set(err, -EXDEV, "%s: is a mount point", de->d_name);
			if (depth >= REMOVE_MAX_DEPTH)
				return error_set(err, -ELOOP, "%s: too deep", de->d_name);
			sub = openat(dirfd(d), de->d_name,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (sub < 0)
				return error_sys(err, -errno, "%s", de->d_name);
			r = remove_children(sub, dev, depth + 1, err);
			if (r < 0)
				return error_prefix(err, "%s", de->d_name);
		}
		if (unlinkat(dirfd(d), de->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 &&
		    errno != ENOENT)
			return error_sys(err, -errno, "%s", de->d_name);
	}
	return 0;
}

int file_remove_tree(int dirfd, const char *path, struct error *err)
{
	struct stat st;
	int fd, r;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, -errno, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return error_sys(err, -errno, "%s", path);
		r = remove_children(fd, st.st_dev, 0, err);
		if (r < 0)
			return error_wrap(err, r, "remove %s", path);
	}
	if (unlinkat(dirfd, path, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "remove %s", path);
	return 0;
}

int file_mkdir_p(int dirfd, const char *path, mode_t mode, struct error *err)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return error_oom(err);
	for (char *p = copy; *p;) {
		char save;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		save = *p;
		*p = '\0';
		if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
			return error_sys(err, -errno, "mkdir %s", copy);
		*p = save;
	}
	if (fstatat(dirfd, path, &st, 0) < 0)
		return error_sys(err, -errno, "%s", path);
	return S_ISDIR(st.st_mode) ? 0 : error_sys(err, -ENOTDIR, "%s", path);
}
