/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/mirror.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"

#define PART	  ".kata-watch-part"
#define DEPTH_MAX 16

struct mirror {
	size_t files;
	uint64_t bytes;
};

static int sync_dir(struct mirror *m, int src, int dst, unsigned int depth);

static int copy_file(int src, int dst, const char *name, const struct stat *st)
{
	_cleanup_fd_ int in = openat(src, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_fd_ int out = -1;
	_cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	if (in < 0)
		return errno == ENOENT ? 0 : -errno;
	r = strbuf_read_fd(&data, in, MIRROR_MAX_BYTES);
	if (r < 0)
		return r;
	out = openat(dst, PART, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	r = fd_write_full(out, data.buf, data.len);
	if (r == 0 &&
	    (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0 ||
	     futimens(out, times) < 0 || renameat(dst, PART, dst, name) < 0))
		r = -errno;
	return r;
}

static int sync_file(struct mirror *m, int src, int dst, const char *name, const struct stat *st)
{
	struct stat have;

	if (++m->files > MIRROR_MAX_FILES || (m->bytes += (uint64_t)st->st_size) > MIRROR_MAX_BYTES)
		return -EFBIG;
	if (fstatat(dst, name, &have, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(have.st_mode) &&
	    have.st_size == st->st_size && have.st_mode == st->st_mode &&
	    have.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	    have.st_mtim.tv_nsec == st->st_mtim.tv_nsec)
		return 0;
	return copy_file(src, dst, name, st);
}

static int sync_link(int src, int dst, const char *name)
{
	char want[PATH_MAX] = "", have[PATH_MAX] = "";

	if (readlinkat(src, name, want, sizeof(want) - 1) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (readlinkat(dst, name, have, sizeof(have) - 1) > 0 && strcmp(want, have) == 0)
		return 0;
	unlinkat(dst, PART, 0);
	return symlinkat(want, dst, PART) < 0 || renameat(dst, PART, dst, name) < 0 ? -errno : 0;
}

static int sync_subdir(struct mirror *m, int src, int dst, const char *name, const struct stat *st,
		       unsigned int depth)
{
	_cleanup_fd_ int from = -1, to = -1;

	if (mkdirat(dst, name, st->st_mode & 07777) < 0 && errno != EEXIST)
		return -errno;
	from = openat(src, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	to = openat(dst, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		return -errno;
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	return sync_dir(m, from, to, depth + 1);
}

static int sync_entry(struct mirror *m, int src, int dst, const char *name, bool links,
		      unsigned int depth)
{
	struct stat st = { 0 };

	if (fstatat(src, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode))
		return links ? sync_link(src, dst, name) : 0;
	if (links)
		return 0;
	if (S_ISREG(st.st_mode))
		return sync_file(m, src, dst, name, &st);
	return S_ISDIR(st.st_mode) ? sync_subdir(m, src, dst, name, &st, depth) : 0;
}

static DIR *open_list(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d)
		fd_close(copy);
	return d;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int sync_pass(struct mirror *m, int src, int dst, bool links, unsigned int depth)
{
	DIR *d = open_list(src);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d)))
		if (!is_dot(e->d_name))
			r = sync_entry(m, src, dst, e->d_name, links, depth);
	closedir(d);
	return r;
}

static int remove_gone(int src, int dst)
{
	DIR *d = open_list(dst);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d)))
		if (!is_dot(e->d_name) && fstatat(src, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
		    errno == ENOENT)
			r = file_remove_tree(dst, e->d_name, NULL);
	closedir(d);
	return r;
}

static int sync_dir(struct mirror *m, int src, int dst, unsigned int depth)
{
	int r = depth > DEPTH_MAX ? -ELOOP : sync_pass(m, src, dst, false, depth);

	if (r == 0)
		r = sync_pass(m, src, dst, true, depth);
	return r < 0 ? r : remove_gone(src, dst);
}

int mirror_sync(const char *source, const char *target, struct error *err)
{
	_cleanup_fd_ int src = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dst = -1;
	struct mirror m = { 0, 0 };
	int r;

	if (src < 0)
		return error_sys(err, -errno, "cannot watch \"%s\"", source);
	dst = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dst < 0)
		return error_sys(err, -errno, "cannot open \"%s\"", target);
	r = sync_dir(&m, src, dst, 0);
	return r < 0 ? error_sys(err, r, "cannot keep up with \"%s\"", source) : 0;
}
