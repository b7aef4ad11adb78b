/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/copyfile.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strbuf.h"

#define PART_NAME_MAX 40

/* Where the request goes: a directory, and a name in it. */
struct place {
	int dir; /* O_PATH */
	char *name;
};

static void place_release(struct place *p)
{
	fd_close(p->dir);
	free(p->name);
}

/* The path below root, or NULL: not there, or with a "..". */
static const char *below(const char *root, const char *path)
{
	const char *rest = str_after(path, root);

	if (!rest || *rest != '/')
		return NULL;
	for (const char *p = rest; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || !p[3])
			return NULL;
	return rest;
}

static int find_place(const char *root, const struct copyfile_req *req, struct place *ret,
		      struct error *err)
{
	const char *rest = below(root, req->path);
	_cleanup_free_ char *clean = NULL, *dir = NULL;
	_cleanup_fd_ int rootfd = -1;
	const char *base;
	int r;

	if (!rest)
		return error_set(err, -EPERM, "\"%.512s\" is not below %s", req->path, root);
	clean = path_clean(rest);
	if (!clean)
		return error_oom(err);
	base = path_base(clean);
	if (!*base)
		return error_set(err, -EPERM, "\"%.512s\" is the shared directory itself",
				 req->path);
	if (strlen(base) > NAME_MAX)
		return error_sys(err, -ENAMETOOLONG, "\"%.64s...\"", base);
	r = file_mkdir_p(AT_FDCWD, root, 0755, err);
	if (r < 0)
		return r;
	rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return error_sys(err, -errno, "cannot open %s", root);
	dir = mem_dup0(clean, (size_t)(base - clean));
	ret->name = strdup(base);
	if (!dir || !ret->name)
		return error_oom(err);
	ret->dir = path_mkdir_in_root(rootfd, dir, req->dir_mode & 07777);
	return ret->dir < 0 ? error_sys(err, ret->dir, "cannot make directory \"%s\"", dir) : 0;
}

/* As chown(2): the set-id bits go with it, so the mode comes after. */
static int set_owner_mode(int fd, const struct copyfile_req *req, struct error *err)
{
	if (fchown(fd, (uid_t)req->uid, (gid_t)req->gid) < 0)
		return error_sys(err, -errno, "cannot set owner %d:%d", req->uid, req->gid);
	if (fchmod(fd, req->mode & 07777) < 0)
		return error_sys(err, -errno, "cannot set mode");
	return 0;
}

/* The same name for all pieces of a file, and short however long its own is (FNV-1a, 64 bits). */
static void part_name(char buf[PART_NAME_MAX], const char *name)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3u;
	snprintf(buf, PART_NAME_MAX, ".kata-copy-%016llx", (unsigned long long)h);
}

static int copy_regular(const struct place *at, const struct copyfile_req *req, struct error *err)
{
	char part[PART_NAME_MAX];
	_cleanup_fd_ int fd = -1;
	struct stat st = { 0 };
	int r;

	part_name(part, at->name);
	fd = openat(at->dir, part,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (req->offset ? 0 : O_TRUNC),
		    0600);
	if (fd < 0)
		return error_sys(err, -errno, "cannot write beside \"%s\"", at->name);
	r = fd_pwrite_full(fd, req->data, req->len, req->offset);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(at->dir, part, 0);
		return error_sys(err, r, "cannot write \"%s\"", at->name);
	}
	if (st.st_size < req->size)
		return 0; /* more is to come */
	if (st.st_size > req->size)
		r = error_set(err, -EINVAL, "\"%s\" is larger than its %lld bytes", at->name,
			      (long long)req->size);
	else
		r = set_owner_mode(fd, req, err);
	if (r == 0 && renameat(at->dir, part, at->dir, at->name) < 0)
		r = error_sys(err, -errno, "cannot put \"%s\" into its place", at->name);
	if (r < 0)
		unlinkat(at->dir, part, 0);
	return r;
}

static int make_directory(const struct place *at, const struct copyfile_req *req, struct error *err)
{
	_cleanup_fd_ int fd = -1;

	if (mkdirat(at->dir, at->name, 0700) < 0 && errno != EEXIST)
		return error_sys(err, -errno, "cannot make directory \"%s\"", at->name);
	fd = openat(at->dir, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "directory \"%s\"", at->name);
	return set_owner_mode(fd, req, err);
}

static int make_link(const struct place *at, const struct copyfile_req *req, struct error *err)
{
	_cleanup_free_ char *target = mem_dup0(req->data, req->len);

	if (!target)
		return error_oom(err);
	if (!*target || strlen(target) != req->len || req->len >= PATH_MAX)
		return error_set(err, -EINVAL, "link \"%s\": its target has %zu bytes or a NUL",
				 at->name, req->len);
	if (unlinkat(at->dir, at->name, 0) < 0 && errno != ENOENT)
		return error_sys(err, -errno, "cannot replace \"%s\"", at->name);
	if (symlinkat(target, at->dir, at->name) < 0 ||
	    fchownat(at->dir, at->name, (uid_t)req->uid, (gid_t)req->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, -errno, "cannot make link \"%s\"", at->name);
	return 0;
}

static int check(const struct copyfile_req *req, struct error *err)
{
	if (req->uid < -1 || req->gid < -1)
		return error_set(err, -EINVAL, "owner %d:%d is not one", req->uid, req->gid);
	if ((req->mode & S_IFMT) && !S_ISREG(req->mode))
		return 0;
	if (req->size < 0 || req->offset < 0 || (uint64_t)req->offset > (uint64_t)req->size ||
	    req->len > (uint64_t)req->size - (uint64_t)req->offset)
		return error_set(err, -EINVAL, "%zu bytes at %lld of a file of %lld", req->len,
				 (long long)req->offset, (long long)req->size);
	return 0;
}

int copyfile_apply(const char *root, const struct copyfile_req *req, struct error *err)
{
	_cleanup_(place_release) struct place at = { -1, NULL };
	int r = check(req, err);

	if (r == 0)
		r = find_place(root, req, &at, err);
	if (r < 0 || !at.name)
		return r;
	switch (req->mode & S_IFMT) {
	case 0:
	case S_IFREG:
		return copy_regular(&at, req, err);
	case S_IFDIR:
		return make_directory(&at, req, err);
	case S_IFLNK:
		return make_link(&at, req, err);
	default:
		return error_set(err, -EINVAL,
				 "mode 0%o: neither a regular file nor a directory nor a link",
				 req->mode);
	}
}
