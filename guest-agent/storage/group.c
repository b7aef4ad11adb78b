/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/group.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"

#define DEPTH_MAX 256 /* directories within directories */

struct walk {
	dev_t dev;
	gid_t gid;
	mode_t file_bits; /* 0660 or 0440 */
};

static mode_t wanted_mode(const struct walk *w, const struct stat *st)
{
	mode_t m = (st->st_mode & 07777) | w->file_bits;

	if (S_ISDIR(st->st_mode))
		return m | S_ISGID | 0110;
	return m & S_IXUSR ? m | S_IXGRP : m;
}

/* fd: of the file itself. */
static int own_fd(const struct walk *w, int fd, const struct stat *st)
{
	mode_t mode = wanted_mode(w, st);

	if (st->st_gid != w->gid && fchown(fd, (uid_t)-1, w->gid) < 0)
		return -errno;
	/* After fchown(), which takes set-id bits away. */
	return (mode != (st->st_mode & 07777) || st->st_gid != w->gid) && fchmod(fd, mode) < 0
		       ? -errno
		       : 0;
}

static int own_dir(const struct walk *w, int dirfd_, unsigned int depth);

static int own_entry(const struct walk *w, int dir, const char *name, unsigned int depth)
{
	_cleanup_fd_ int fd = -1;
	struct stat st = { 0 };

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_dev != w->dev)
		return 0;
	/* What is neither a file nor a directory has no use for modes, and opening it could wait. */
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fchownat(dir, name, (uid_t)-1, w->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
	fd = openat(dir, name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
			    (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return own_dir(w, fd, depth);
	return own_fd(w, fd, &st);
}

static int own_dir(const struct walk *w, int fd, unsigned int depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	struct stat st = { 0 };
	int r = 0;

	if (!d) {
		fd_close(copy);
		return -errno;
	}
	if (depth > DEPTH_MAX)
		r = -ELOOP;
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = own_entry(w, fd, e->d_name, depth + 1);
	closedir(d);
	/* The directory last: an interrupted walk leaves a top that says so. */
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	return r < 0 ? r : own_fd(w, fd, &st);
}

int storage_own_tree(const char *path, uint32_t gid, bool read_only, bool on_mismatch,
		     struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct walk w = { .gid = gid, .file_bits = read_only ? 0440 : 0660 };
	struct stat st = { 0 };
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "storage \"%s\"", path);
	if (on_mismatch && st.st_gid == gid && (st.st_mode & 07777) == wanted_mode(&w, &st))
		return 0;
	w.dev = st.st_dev;
	r = own_dir(&w, fd, 0);
	return r < 0 ? error_sys(err, r, "storage \"%s\": cannot give it to group %u", path, gid)
		     : 0;
}
