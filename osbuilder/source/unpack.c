/* SPDX-License-Identifier: Apache-2.0 */
#include "source/unpack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/strbuf.h"

#define UNPACK_FLAGS (TREE_ADD_PARENTS | TREE_ADD_FOLLOW)
#define SEEN	     1u /* mark of inodes that come from the archive that is being unpacked */

/* An archive's name for a path: relative, or "./x". What tries to leave the tree is refused here, not repaired. */
int unpack_check_name(const char *path, struct error *err)
{
	const char *p = path;

	if (*p == '/')
		return error_set(err, -EINVAL, "absolute path");
	if (strlen(path) > TREE_PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "path is longer than %d bytes", TREE_PATH_MAX);
	while (*p) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return error_set(err, -EINVAL, "path contains '..'");
		if (len > TREE_NAME_MAX)
			return error_set(err, -ENAMETOOLONG, "name is longer than %d bytes",
					 TREE_NAME_MAX);
		p += len;
		p += strspn(p, "/");
	}
	return 0;
}

/* An archive on its way into a tree. */
struct unpack {
	struct tree *tree;
	struct la_archive *a;
	const struct source_unpack *how;
	int fd; /* the archive's file, the tree's; -1: contents go to the spool */
};

static char *target_path(const struct source_unpack *u, const char *path)
{
	return str_printf("%s/%s", u->target ? u->target : "", path);
}

/* Holes of the archive stay holes. */
static int spool_content(struct unpack *u, const struct la_entry *e, struct blob *out,
			 struct error *err)
{
	uint64_t start = tree_spool_pos(u->tree), pos = 0, at;
	const void *buf;
	size_t n;
	int r;

	while ((r = la_read_block(u->a, &buf, &n, &at, err)) > 0) {
		r = at > pos ? tree_spool_hole(u->tree, at - pos, err) : 0;
		if (r == 0)
			r = tree_spool_write(u->tree, buf, n, err);
		if (r < 0)
			return r;
		pos = at + n;
	}
	/* a file that is one hole is not marked as sparse; of a link only what is there counts */
	if (r == 0 && !e->hardlink && e->size > pos)
		r = tree_spool_hole(u->tree, e->size - pos, err);
	if (r == 0)
		tree_spool_blob(u->tree, start, out);
	return r;
}

/* By reference where the archive is a file that the tree keeps, else by way of the spool. */
static int take_content(struct unpack *u, const struct la_entry *e, struct blob *out,
			struct error *err)
{
	uint64_t at = 0;
	int r = u->fd < 0 || e->sparse ? 0 : la_content_at(u->a, &at, err);

	if (r < 0)
		return r;
	if (r == 0)
		return spool_content(u, e, out, err);
	blob_from_fd(out, u->fd, at, e->size);
	return 0;
}

static int add_xattrs(struct la_archive *a, struct tree_node *n, struct error *err)
{
	const char *name;
	const void *value;
	size_t len;

	while (la_next_xattr(a, &name, &value, &len)) {
		int r = name ? tree_set_xattr(n->inode, name, value, len, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* In cpio archives the content comes with the last of several links. */
static int add_link(struct unpack *u, const struct la_entry *e, const char *path, const char *to,
		    struct error *err)
{
	_cleanup_(blob_release) struct blob content = BLOB_INIT;
	struct tree_node *n = NULL;
	int r = tree_link(u->tree, path, to, UNPACK_FLAGS, &n, err);

	if (r == 0)
		r = spool_content(u, e, &content, err);
	if (r < 0 || !content.size || !S_ISREG(n->inode->mode))
		return r;
	blob_release(&n->inode->content);
	n->inode->content = content;
	content = (struct blob)BLOB_INIT;
	return 0;
}

struct tree_node *unpack_existing(struct tree *t, const char *path)
{
	size_t len = strlen(path), start;
	struct tree_node *dir;
	char *parent;

	/* "a/" and "a/." are "a" */
	while (len && (path[len - 1] == '/' ||
		       (path[len - 1] == '.' && (len == 1 || path[len - 2] == '/'))))
		len--;
	for (start = len; start && path[start - 1] != '/';)
		start--;
	parent = mem_dup0(path, start);
	dir = parent ? tree_resolve(t, parent) : NULL;
	free(parent);
	return dir && tree_is_dir(dir) && len > start ? tree_child(dir, path + start, len - start)
						      : NULL;
}

/* Who gives a name twice means only one of them, and other programs may take the other one. */
static int refuse_twice(const struct unpack *u, const struct la_entry *e, const char *path,
			struct error *err)
{
	const struct tree_node *n = unpack_existing(u->tree, path);

	if (!n || n->inode->mark != SEEN || (tree_is_dir(n) && S_ISDIR(e->mode)))
		return 0;
	return error_set(err, -EEXIST, "is there twice");
}

static int add_entry(struct unpack *u, const struct la_entry *e, struct error *err)
{
	_cleanup_free_ char *path = target_path(u->how, e->path);
	_cleanup_free_ char *to = e->hardlink ? target_path(u->how, e->hardlink) : NULL;
	_cleanup_(blob_release) struct blob content = BLOB_INIT;
	struct tree_node *n = NULL;
	struct tree_attr attr = { .mode = e->mode,
				  .uid = e->uid,
				  .gid = e->gid,
				  .mtime_sec = e->mtime_sec,
				  .mtime_nsec = e->mtime_nsec,
				  .rdev_major = e->rdev_major,
				  .rdev_minor = e->rdev_minor,
				  .target = e->symlink,
				  .content = &content };
	int r;

	if (!path || (e->hardlink && !to))
		return error_oom(err);
	r = unpack_check_name(e->path, err);
	if (r < 0)
		return r;
	if (to && unpack_check_name(e->hardlink, err) < 0)
		return error_prefix(err, "hard link target '%.200s'", e->hardlink);
	r = u->how->filter ? u->how->filter(u->tree, path, e, u->how->data, err) : 0;
	if (r != 0)
		return r < 0 ? r : 0;
	r = refuse_twice(u, e, path, err);
	if (r < 0)
		return r;
	if (to)
		return add_link(u, e, path, to, err);
	if (S_ISREG(e->mode)) {
		r = take_content(u, e, &content, err);
		if (r < 0)
			return r;
	}
	r = tree_add(u->tree, path, &attr, UNPACK_FLAGS, &n, err);
	if (r < 0)
		return r;
	n->inode->mark = SEEN;
	return add_xattrs(u->a, n, err);
}

static int unpack_all(struct unpack *u, struct error *err)
{
	struct la_entry e;
	int r;

	while ((r = la_next(u->a, &e, err)) > 0) {
		r = add_entry(u, &e, err);
		if (r < 0)
			return error_wrap(err, r, "entry '%.200s'", e.path);
	}
	tree_clear_marks(u->tree);
	return r;
}

int unpack_archive(struct tree *t, struct la_archive *a, const struct source_unpack *how,
		   struct error *err)
{
	struct unpack u = { t, a, how, -1 };

	return unpack_all(&u, err);
}

/* The tree's own descriptor of a regular file; -1 for anything else. */
static int keep_file(struct tree *t, int fd, int *ret, struct error *err)
{
	struct stat st;

	*ret = -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (*ret < 0)
		return error_sys(err, -errno, "duplicate the descriptor");
	return tree_keep_fd(t, *ret) < 0 ? error_oom(err) : 0;
}

int source_unpack_tar_fd(struct tree *t, int fd, const struct source_unpack *how, struct error *err)
{
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	_cleanup_la_ struct la_archive *a = NULL;
	struct unpack u = { t, NULL, how, -1 };
	int r = keep_file(t, fd, &u.fd, err);

	if (r == 0)
		r = la_open_fd(fd, LA_TAR, &limits, &a, err);
	if (r < 0)
		return r;
	u.a = a;
	return unpack_all(&u, err);
}
