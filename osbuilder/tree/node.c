/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/tree-internal.h"

#include <string.h>

#include "base/alloc.h"

static void inode_free(struct tree_inode *ino)
{
	if (!ino)
		return;
	for (size_t i = 0; i < ino->n_xattrs; i++) {
		free(ino->xattrs[i].name);
		free(ino->xattrs[i].value);
	}
	free(ino->xattrs);
	free(ino->target);
	blob_release(&ino->content);
	free(ino);
}

static int attr_check(const struct tree_attr *a, struct error *err)
{
	uint32_t type = a->mode & S_IFMT;

	if (a->mode & ~(uint32_t)(S_IFMT | 07777))
		return error_set(err, -EINVAL, "mode 0%o has unknown bits", a->mode);
	if (a->mtime_nsec >= 1000000000u)
		return error_set(err, -EINVAL, "nanoseconds %u out of range", a->mtime_nsec);
	switch (type) {
	case S_IFREG:
		if (a->content && a->content->size > TREE_FILE_MAX)
			return error_set(err, -EFBIG, "file of %llu bytes is over the limit",
					 (unsigned long long)a->content->size);
		return 0;
	case S_IFLNK:
		if (!a->target || !*a->target)
			return error_set(err, -EINVAL, "symbolic link without a target");
		if (strlen(a->target) > TREE_PATH_MAX)
			return error_set(err, -ENAMETOOLONG,
					 "symbolic link target is longer than %d bytes",
					 TREE_PATH_MAX);
		return 0;
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return error_set(err, -EINVAL, "file type 0%o is unknown", type);
	}
}

struct tree_inode *inode_new(const struct tree_attr *a, struct error *err)
{
	struct tree_inode *ino;

	if (attr_check(a, err) < 0)
		return NULL;
	ino = new0(struct tree_inode);
	if (!ino) {
		error_oom(err);
		return NULL;
	}
	ino->mode = a->mode;
	ino->uid = a->uid;
	ino->gid = a->gid;
	ino->mtime_sec = a->mtime_sec;
	ino->mtime_nsec = a->mtime_nsec;
	ino->rdev_major = a->rdev_major;
	ino->rdev_minor = a->rdev_minor;
	ino->nlink = 1;
	ino->content = (struct blob)BLOB_INIT;
	if (S_ISLNK(a->mode)) {
		ino->target = strdup(a->target);
		if (!ino->target) {
			free(ino);
			error_oom(err);
			return NULL;
		}
	}
	if (S_ISREG(a->mode) && a->content) {
		ino->content = *a->content;
		*a->content = (struct blob)BLOB_INIT;
	}
	return ino;
}

void inode_unref(struct tree_inode *ino)
{
	if (ino && --ino->nlink == 0)
		inode_free(ino);
}

struct tree_node *node_new(const char *name, size_t len, struct tree_inode *ino)
{
	_cleanup_free_ struct tree_node *n = new0(struct tree_node);

	if (!n)
		return NULL;
	n->name = mem_dup0(name, len);
	if (!n->name)
		return NULL;
	n->name_len = len;
	n->inode = ino;
	return steal_ptr(n);
}

/* Depth is bounded by TREE_DEPTH_MAX, so recursion is. */
size_t node_free(struct tree_node *n)
{
	size_t freed = 1;

	if (!n)
		return 0;
	for (size_t i = 0; i < n->n_children; i++)
		freed += node_free(n->children[i]);
	free(n->children);
	inode_unref(n->inode);
	free(n->name);
	free(n);
	return freed;
}

static int name_cmp(const struct tree_node *n, const char *name, size_t len)
{
	int r = memcmp(n->name, name, MIN(n->name_len, len));

	if (r)
		return r;
	return n->name_len < len ? -1 : n->name_len > len;
}

size_t node_find(const struct tree_node *dir, const char *name, size_t len, bool *ret_found)
{
	size_t lo = 0, hi = dir->n_children;

	*ret_found = false;
	/* Sources mostly add in order: look at the end first. */
	if (hi && name_cmp(dir->children[hi - 1], name, len) < 0)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = name_cmp(dir->children[mid], name, len);

		if (r == 0) {
			*ret_found = true;
			return mid;
		}
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int node_attach(struct tree_node *dir, struct tree_node *n)
{
	bool found;
	size_t at = node_find(dir, n->name, n->name_len, &found);

	if (found)
		return -EEXIST;
	if (array_reserve(&dir->children, &dir->cap_children, dir->n_children + 1,
			  sizeof(struct tree_node *)) < 0)
		return -ENOMEM;
	memmove(dir->children + at + 1, dir->children + at,
		(dir->n_children - at) * sizeof(struct tree_node *));
	dir->children[at] = n;
	dir->n_children++;
	n->parent = dir;
	return 0;
}

void node_detach(struct tree_node *n)
{
	struct tree_node *dir = n->parent;
	bool found;
	size_t at;

	if (!dir)
		return;
	at = node_find(dir, n->name, n->name_len, &found);
	if (found) {
		dir->n_children--;
		memmove(dir->children + at, dir->children + at + 1,
			(dir->n_children - at) * sizeof(struct tree_node *));
	}
	n->parent = NULL;
}

struct tree_node *tree_child(const struct tree_node *dir, const char *name, size_t len)
{
	bool found;
	size_t at = node_find(dir, name, len, &found);

	return found ? dir->children[at] : NULL;
}

int tree_set_xattr(struct tree_inode *ino, const char *name, const void *value, size_t len,
		   struct error *err)
{
	size_t at = 0, cap = ino->n_xattrs, nlen = strlen(name);
	_cleanup_free_ uint8_t *v = NULL;
	_cleanup_free_ char *k = NULL;
	const char *dot = strchr(name, '.');

	if (nlen > TREE_NAME_MAX || !dot || dot == name || !dot[1])
		return error_set(err, -EINVAL, "bad extended attribute name '%.64s'", name);
	if (len > TREE_XATTR_VALUE_MAX)
		return error_set(err, -E2BIG, "extended attribute %s is longer than %d bytes", name,
				 TREE_XATTR_VALUE_MAX);
	v = (uint8_t *)mem_dup0(value, len);
	if (!v)
		return error_oom(err);
	while (at < ino->n_xattrs && strcmp(ino->xattrs[at].name, name) < 0)
		at++;
	if (at < ino->n_xattrs && strcmp(ino->xattrs[at].name, name) == 0) {
		free(ino->xattrs[at].value);
		ino->xattrs[at].value = steal_ptr(v);
		ino->xattrs[at].len = len;
		return 0;
	}
	if (ino->n_xattrs >= TREE_XATTRS_MAX)
		return error_set(err, -E2BIG, "more than %d extended attributes", TREE_XATTRS_MAX);
	k = strdup(name);
	if (!k || array_reserve(&ino->xattrs, &cap, ino->n_xattrs + 1, sizeof(*ino->xattrs)) < 0)
		return error_oom(err);
	memmove(ino->xattrs + at + 1, ino->xattrs + at,
		(ino->n_xattrs - at) * sizeof(*ino->xattrs));
	ino->xattrs[at] = (struct tree_xattr){ steal_ptr(k), steal_ptr(v), len };
	ino->n_xattrs++;
	return 0;
}

char *tree_path(const struct tree_node *n, char buf[TREE_PATH_BUF])
{
	size_t at = TREE_PATH_BUF - 1;

	buf[at] = '\0';
	for (; n->parent && n->name_len + 1 <= at; n = n->parent) {
		at -= n->name_len;
		memcpy(buf + at, n->name, n->name_len);
		buf[--at] = '/';
	}
	if (at == TREE_PATH_BUF - 1)
		buf[--at] = '/';
	return memmove(buf, buf + at, TREE_PATH_BUF - at);
}

int tree_walk(struct tree_node *from, tree_walk_fn fn, void *data)
{
	int r = fn(from, data);

	for (size_t i = 0; !r && i < from->n_children; i++)
		r = tree_walk(from->children[i], fn, data);
	return r;
}
