/* SPDX-License-Identifier: Apache-2.0 */
#include "container/copyup.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"

static int copy_dir(int from, int to, unsigned int depth, struct error *err);

static int copy_file(int fromdir, int todir, const char *name)
{
	_cleanup_fd_ int in = openat(fromdir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	_cleanup_fd_ int out = -1;
	ssize_t n;

	if (in < 0)
		return -errno;
	out = openat(todir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	return n < 0 ? -errno : 0;
}

static int copy_link(int fromdir, int todir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fromdir, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, todir, name) < 0 ? -errno : 0;
}

static int copy_attrs(int todir, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchownat(todir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* After the owner, whose change takes set-id bits away. */
	if (!S_ISLNK(st->st_mode) && fchmodat(todir, name, st->st_mode & 07777, 0) < 0)
		return -errno;
	utimensat(todir, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_subdir(int fromdir, int todir, const char *name, unsigned int depth,
		       struct error *err)
{
	_cleanup_fd_ int from = -1, to = -1;

	if (mkdirat(todir, name, 0700) < 0)
		return error_sys(err, -errno, "\"%s\"", name);
	from = openat(fromdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	to = openat(todir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		return error_sys(err, -errno, "\"%s\"", name);
	return copy_dir(from, to, depth + 1, err);
}

static int copy_entry(int fromdir, int todir, const char *name, unsigned int depth,
		      struct error *err)
{
	struct stat st;
	int r;

	if (fstatat(fromdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, -errno, "\"%s\"", name);
	if (S_ISDIR(st.st_mode)) {
		r = copy_subdir(fromdir, todir, name, depth, err);
		if (r < 0)
			return r;
	} else if (S_ISREG(st.st_mode)) {
		r = copy_file(fromdir, todir, name);
	} else if (S_ISLNK(st.st_mode)) {
		r = copy_link(fromdir, todir, name);
	} else if (S_ISSOCK(st.st_mode)) {
		return 0; /* nobody listens on a copy */
	} else {
		r = mknodat(todir, name, (st.st_mode & S_IFMT) | 0600, st.st_rdev) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = copy_attrs(todir, name, &st);
	return r < 0 ? error_sys(err, r, "\"%s\"", name) : 0;
}

static int copy_dir(int from, int to, unsigned int depth, struct error *err)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct dirent *e;
	DIR *d;

	if (depth > COPYUP_MAX_DEPTH) {
		fd_close(fd);
		return error_set(err, -ELOOP, "more than %d directories deep", COPYUP_MAX_DEPTH);
	}
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		r = error_sys(err, -errno, "cannot read a directory");
		fd_close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = copy_entry(from, to, e->d_name, depth, err);
	closedir(d);
	return r;
}

int copyup(int from, int to, struct error *err)
{
	if (copy_dir(from, to, 0, err) < 0)
		return error_prefix(err, "cannot copy to the tmpfs");
	return 0;
}
