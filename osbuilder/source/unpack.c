/* SPDX-License-Identifier: Apache-2.0 */
#include "source/unpack.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

#define UNPACK_FLAGS (TREE_ADD_PARENTS | TREE_ADD_FOLLOW)

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

static char *target_path(const struct source_unpack *u, const char *path)
{
	return str_printf("%s/%s", u->target ? u->target : "", path);
}

/* Holes of the archive stay holes. */
static int spool_content(struct tree *t, struct la_archive *a, const struct la_entry *e,
			 struct blob *out, struct error *err)
{
	uint64_t start = tree_spool_pos(t), pos = 0, at;
	const void *buf;
	size_t n;
	int r;

	while ((r = la_read_block(a, &buf, &n, &at, err)) > 0) {
		r = at > pos ? tree_spool_hole(t, at - pos, err) : 0;
		if (r == 0)
			r = tree_spool_write(t, buf, n, err);
		if (r < 0)
			return r;
		pos = at + n;
	}
	if (r == 0 && e->sparse && e->size > pos)
		r = tree_spool_hole(t, e->size - pos, err);
	if (r == 0)
		tree_spool_blob(t, start, out);
	return r;
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
static int add_link(struct tree *t, struct la_archive *a, const struct la_entry *e,
		    const char *path, const char *to, struct error *err)
{
	_cleanup_(blob_release) struct blob content = BLOB_INIT;
	struct tree_node *n = NULL;
	int r = tree_link(t, path, to, UNPACK_FLAGS, &n, err);

	if (r == 0)
		r = spool_content(t, a, e, &content, err);
	if (r < 0 || !content.size || !S_ISREG(n->inode->mode))
		return r;
	blob_release(&n->inode->content);
	n->inode->content = content;
	content = (struct blob)BLOB_INIT;
	return 0;
}

static int add_entry(struct tree *t, struct la_archive *a, const struct la_entry *e,
		     const struct source_unpack *u, struct error *err)
{
	_cleanup_free_ char *path = target_path(u, e->path);
	_cleanup_free_ char *to = e->hardlink ? target_path(u, e->hardlink) : NULL;
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
	r = u->filter ? u->filter(t, path, e, u->data, err) : 0;
	if (r != 0)
		return r < 0 ? r : 0;
	if (to)
		return add_link(t, a, e, path, to, err);
	if (S_ISREG(e->mode)) {
		r = spool_content(t, a, e, &content, err);
		if (r < 0)
			return r;
	}
	r = tree_add(t, path, &attr, UNPACK_FLAGS, &n, err);
	if (r < 0)
		return r;
	return add_xattrs(a, n, err);
}

int unpack_archive(struct tree *t, struct la_archive *a, const struct source_unpack *u,
		   struct error *err)
{
	struct la_entry e;
	int r;

	while ((r = la_next(a, &e, err)) > 0) {
		r = add_entry(t, a, &e, u, err);
		if (r < 0)
			return error_wrap(err, r, "entry '%.200s'", e.path);
	}
	return r;
}

int source_unpack_tar_fd(struct tree *t, int fd, const struct source_unpack *u, struct error *err)
{
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	_cleanup_la_ struct la_archive *a = NULL;
	int r = la_open_fd(fd, LA_TAR, &limits, &a, err);

	return r < 0 ? r : unpack_archive(t, a, u, err);
}
