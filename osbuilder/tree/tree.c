/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/tree-internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"

struct tree *tree_new(void)
{
	static const struct tree_attr root_attr = { .mode = S_IFDIR | 0755 };
	struct tree *t = new0(struct tree);
	struct tree_inode *ino;

	if (!t)
		return NULL;
	t->spool_fd = -1;
	ino = inode_new(&root_attr, NULL);
	t->root = ino ? node_new("", 0, ino) : NULL;
	if (!t->root) {
		inode_unref(ino);
		free(t);
		return NULL;
	}
	t->count = 1;
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	node_free(t->root);
	for (size_t i = 0; i < t->n_fds; i++)
		fd_close(t->fds[i]);
	free(t->fds);
	fd_close(t->spool_fd);
	free(t);
}

struct tree_node *tree_root(struct tree *t)
{
	return t->root;
}

size_t tree_count(const struct tree *t)
{
	return t->count;
}

int tree_keep_fd(struct tree *t, int fd)
{
	if (array_reserve(&t->fds, &t->cap_fds, t->n_fds + 1, sizeof(*t->fds)) < 0) {
		fd_close(fd);
		return -ENOMEM;
	}
	t->fds[t->n_fds++] = fd;
	return 0;
}

int tree_spool_file(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd = -1;

	if (tmp && *tmp)
		fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		int r = fd_memfd("osbuilder-spool", &fd);

		return r < 0 ? r : fd;
	}
	return fd;
}

uint64_t tree_spool_pos(const struct tree *t)
{
	return t->spool_size;
}

static int spool_open(struct tree *t, struct error *err)
{
	if (t->spool_fd < 0)
		t->spool_fd = tree_spool_file();
	if (t->spool_fd < 0)
		return error_sys(err, t->spool_fd,
				 "cannot make a temporary file for unpacked content");
	return 0;
}

int tree_spool_hole(struct tree *t, uint64_t len, struct error *err)
{
	int r = spool_open(t, err);

	if (r < 0)
		return r;
	if (ftruncate(t->spool_fd, (off_t)(t->spool_size + len)) < 0)
		return error_sys(err, -errno,
				 "cannot enlarge the temporary file of unpacked content");
	t->spool_size += len;
	return 0;
}

int tree_spool_write(struct tree *t, const void *data, size_t len, struct error *err)
{
	int r = spool_open(t, err);

	if (r < 0)
		return r;
	r = fd_pwrite_full(t->spool_fd, data, len, (off_t)t->spool_size);
	if (r < 0)
		return error_sys(err, r, "cannot write the temporary file of unpacked content");
	t->spool_size += len;
	return 0;
}

void tree_spool_blob(const struct tree *t, uint64_t start, struct blob *out)
{
	blob_from_fd(out, t->spool_fd, start, t->spool_size - start);
}

const char *path_next(const char **path, size_t *len)
{
	const char *p = *path;

	for (;;) {
		while (*p == '/')
			p++;
		if (!*p)
			return NULL;
		*len = strcspn(p, "/");
		*path = p + *len;
		if (*len != 1 || *p != '.')
			return p;
		p = *path;
	}
}

static bool is_dotdot(const char *s, size_t len)
{
	return len == 2 && s[0] == '.' && s[1] == '.';
}

struct tree_node *tree_lookup(struct tree *t, const char *path)
{
	struct tree_node *n = t->root;
	const char *c;
	size_t len;

	while (n && (c = path_next(&path, &len)))
		n = is_dotdot(c, len) ? NULL : tree_child(n, c, len);
	return n;
}

/* Follows links from `dir`; *budget counts links left. The last component is followed only when asked. */
static struct tree_node *resolve(struct tree *t, struct tree_node *dir, const char *path,
				 bool follow_last, int *budget)
{
	struct tree_node *n = *path == '/' ? t->root : dir;
	const char *c;
	size_t len;

	while ((c = path_next(&path, &len))) {
		struct tree_node *child;
		const char *rest = path;
		size_t rest_len;

		if (!tree_is_dir(n))
			return NULL;
		if (is_dotdot(c, len)) {
			n = n->parent ? n->parent : n;
			continue;
		}
		child = tree_child(n, c, len);
		if (!child)
			return NULL;
		if (S_ISLNK(child->inode->mode) && (follow_last || path_next(&rest, &rest_len))) {
			if (--*budget < 0)
				return NULL;
			child = resolve(t, n, child->inode->target, true, budget);
			if (!child)
				return NULL;
		}
		n = child;
	}
	return n;
}

struct tree_node *tree_resolve(struct tree *t, const char *path)
{
	int budget = TREE_LINKS_FOLLOWED_MAX;

	return resolve(t, t->root, path, true, &budget);
}

static size_t node_depth(const struct tree_node *n)
{
	size_t d = 0;

	for (; n->parent; n = n->parent)
		d++;
	return d;
}

static size_t node_path_len(const struct tree_node *n)
{
	size_t len = 0;

	for (; n->parent; n = n->parent)
		len += n->name_len + 1;
	return len;
}

/* Makes node `name` below dir out of ino (whose link is taken over on success). */
static int put_node(struct tree *t, struct tree_node *dir, const char *name, size_t len,
		    struct tree_inode *ino, struct tree_node **ret, struct error *err)
{
	struct tree_node *n;
	int r;

	if (len > TREE_NAME_MAX)
		return error_set(err, -ENAMETOOLONG, "name is longer than %d bytes", TREE_NAME_MAX);
	if (node_path_len(dir) + 1 + len > TREE_PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "path is longer than %d bytes", TREE_PATH_MAX);
	if (node_depth(dir) + 1 > TREE_DEPTH_MAX)
		return error_set(err, -E2BIG, "more than %d directories deep", TREE_DEPTH_MAX);
	if (t->count >= TREE_ENTRIES_MAX)
		return error_set(err, -E2BIG, "more than %d entries", TREE_ENTRIES_MAX);
	n = node_new(name, len, ino);
	if (!n)
		return error_oom(err);
	r = node_attach(dir, n);
	if (r < 0) {
		n->inode = NULL;
		node_free(n);
		return error_sys(err, r, "cannot add");
	}
	t->count++;
	*ret = n;
	return 0;
}

static int make_parent(struct tree *t, struct tree_node *dir, const char *name, size_t len,
		       const struct tree_attr *like, struct tree_node **ret, struct error *err)
{
	const struct tree_attr attr = { .mode = S_IFDIR | 0755,
					.mtime_sec = like ? like->mtime_sec : 0,
					.mtime_nsec = like ? like->mtime_nsec : 0 };
	struct tree_inode *ino = inode_new(&attr, err);
	int r;

	if (!ino)
		return -ENOMEM;
	r = put_node(t, dir, name, len, ino, ret, err);
	if (r < 0)
		inode_unref(ino);
	return r;
}

/* Finds (or makes) the directory that shall hold the last component, which goes to *ret_name. */
static int open_parent(struct tree *t, const char *path, unsigned flags,
		       const struct tree_attr *like, struct tree_node **ret_dir,
		       const char **ret_name, size_t *ret_len, struct error *err)
{
	int budget = TREE_LINKS_FOLLOWED_MAX, r;
	struct tree_node *dir = t->root;
	const char *name = path_next(&path, ret_len), *next;
	size_t next_len;

	for (; name; name = next, *ret_len = next_len) {
		struct tree_node *child;

		if (is_dotdot(name, *ret_len))
			return error_set(err, -EINVAL, "path contains '..'");
		next = path_next(&path, &next_len);
		if (!next)
			break;
		child = tree_child(dir, name, *ret_len);
		if (child && S_ISLNK(child->inode->mode)) {
			if (!(flags & TREE_ADD_FOLLOW))
				return error_set(err, -ELOOP,
						 "path goes through the symbolic link '%s'",
						 child->name);
			child = resolve(t, dir, child->inode->target, true, &budget);
			if (!child)
				return error_set(err, -ENOENT,
						 "path goes through a dangling symbolic link");
		}
		if (!child && !(flags & TREE_ADD_PARENTS))
			return error_set(err, -ENOENT, "parent directory '%.*s' is missing",
					 (int)*ret_len, name);
		if (!child) {
			r = make_parent(t, dir, name, *ret_len, like, &child, err);
			if (r < 0 || !child)
				return r;
		}
		if (!tree_is_dir(child))
			return error_set(err, -ENOTDIR, "parent '%s' is not a directory",
					 child->name);
		dir = child;
	}
	*ret_dir = dir;
	*ret_name = name;
	return 0;
}

static void take_attrs(struct tree_inode *dst, const struct tree_attr *a)
{
	dst->mode = a->mode;
	dst->uid = a->uid;
	dst->gid = a->gid;
	dst->mtime_sec = a->mtime_sec;
	dst->mtime_nsec = a->mtime_nsec;
}

/*
 * What is to happen with an existing entry: 1 keep it (it is in *ret), 0 replaced by nothing yet (old removed when ready),
 * or an error.
 */
static int meet_existing(struct tree *t, struct tree_node *old, const struct tree_attr *attr,
			 unsigned flags, struct tree_node **ret, struct error *err)
{
	int budget = TREE_LINKS_FOLLOWED_MAX;

	if (flags & TREE_ADD_EXCL)
		return error_set(err, -EEXIST, "entry exists already");
	if (attr && S_ISDIR(attr->mode)) {
		if (tree_is_dir(old)) {
			take_attrs(old->inode, attr);
			*ret = old;
			return 1;
		}
		if (S_ISLNK(old->inode->mode)) {
			struct tree_node *to =
				resolve(t, old->parent, old->inode->target, true, &budget);

			if (to && tree_is_dir(to)) {
				*ret = to;
				return 1;
			}
		}
		return 0;
	}
	if (tree_is_dir(old) && (!(flags & TREE_ADD_EMPTY) || old->n_children))
		return error_set(err, -EISDIR, "a directory is in the way");
	return 0;
}

int tree_add(struct tree *t, const char *path, const struct tree_attr *attr, unsigned flags,
	     struct tree_node **ret, struct error *err)
{
	struct tree_node *dir = t->root, *old, *n;
	struct tree_inode *ino;
	const char *name = NULL;
	size_t len = 0;
	int r;

	r = open_parent(t, path, flags, attr, &dir, &name, &len, err);
	if (r < 0)
		return r;
	if (!name) {
		if (!S_ISDIR(attr->mode))
			return error_set(err, -EISDIR, "the root must be a directory");
		take_attrs(t->root->inode, attr);
		if (ret)
			*ret = t->root;
		return 0;
	}
	old = tree_child(dir, name, len);
	if (old) {
		r = meet_existing(t, old, attr, flags, &n, err);
		if (r < 0)
			return r;
		if (r == 1) {
			if (ret)
				*ret = n;
			return 0;
		}
	}
	ino = inode_new(attr, err);
	if (!ino)
		return err && err->code ? err->code : -EINVAL;
	tree_remove(t, old);
	r = put_node(t, dir, name, len, ino, &n, err);
	if (r < 0) {
		inode_unref(ino);
		return r;
	}
	if (ret)
		*ret = n;
	return 0;
}

int tree_link(struct tree *t, const char *path, const char *target, unsigned flags,
	      struct tree_node **ret, struct error *err)
{
	struct tree_node *dir = t->root, *old, *n, *to = NULL, *to_dir = t->root;
	const char *name = NULL;
	size_t len = 0;
	int r;

	r = open_parent(t, target, flags & TREE_ADD_FOLLOW, NULL, &to_dir, &name, &len, err);
	if (r < 0)
		return error_prefix(err, "hard link target '%.200s'", target);
	if (name)
		to = tree_child(to_dir, name, len);
	if (!to)
		return error_set(err, -ENOENT, "hard link target '%.200s' is missing", target);
	if (tree_is_dir(to))
		return error_set(err, -EPERM, "hard link to the directory '%.200s'", target);
	if (to->inode->nlink >= TREE_NLINK_MAX)
		return error_set(err, -EMLINK, "more than %d hard links", TREE_NLINK_MAX);
	r = open_parent(t, path, flags, NULL, &dir, &name, &len, err);
	if (r < 0)
		return r;
	if (!name)
		return error_set(err, -EISDIR, "the root must be a directory");
	old = tree_child(dir, name, len);
	if (old) {
		r = meet_existing(t, old, NULL, flags, &n, err);
		if (r < 0)
			return r;
	}
	if (old && old->inode == to->inode) {
		if (ret)
			*ret = old;
		return 0;
	}
	tree_remove(t, old);
	to->inode->nlink++;
	r = put_node(t, dir, name, len, to->inode, &n, err);
	if (r < 0) {
		to->inode->nlink--;
		return r;
	}
	if (ret)
		*ret = n;
	return 0;
}

void tree_remove(struct tree *t, struct tree_node *n)
{
	if (!n)
		return;
	if (n == t->root) {
		while (n->n_children)
			tree_remove(t, n->children[n->n_children - 1]);
		return;
	}
	node_detach(n);
	t->count -= node_free(n);
}

int tree_move(struct tree *t, struct tree_node *n, struct tree_node *dir, const char *name,
	      struct error *err)
{
	size_t len = strlen(name);
	struct tree_node *old_dir = n->parent;
	char *copy;
	int r;

	if (!len || len > TREE_NAME_MAX || strchr(name, '/'))
		return error_set(err, -EINVAL, "bad name '%.64s'", name);
	if (!old_dir)
		return error_set(err, -EINVAL, "the root cannot be moved");
	for (const struct tree_node *p = dir; p->parent; p = p->parent)
		if (p == n)
			return error_set(err, -EINVAL, "cannot move a directory into itself");
	if (tree_child(dir, name, len))
		return error_set(err, -EEXIST, "'%s' exists already", name);
	copy = strdup(name);
	if (!copy || array_reserve(&dir->children, &dir->cap_children, dir->n_children + 1,
				   sizeof(struct tree_node *)) < 0) {
		free(copy);
		return error_oom(err);
	}
	node_detach(n);
	free(n->name);
	n->name = copy;
	n->name_len = len;
	r = node_attach(dir, n); /* cannot fail: room was made, the name is free */
	if (r < 0) {
		n->parent = old_dir;
		return error_sys(err, r, "cannot move");
	}
	return 0;
}

static const unsigned short_flags = TREE_ADD_PARENTS | TREE_ADD_FOLLOW;

int tree_add_dir(struct tree *t, const char *path, uint32_t perm, struct error *err)
{
	const struct tree_attr a = { .mode = S_IFDIR | perm };

	return tree_add(t, path, &a, short_flags, NULL, err);
}

int tree_add_symlink(struct tree *t, const char *path, const char *target, struct error *err)
{
	const struct tree_attr a = { .mode = S_IFLNK | 0777, .target = target };

	return tree_add(t, path, &a, short_flags, NULL, err);
}

int tree_add_file(struct tree *t, const char *path, uint32_t perm, const void *data, size_t len,
		  struct error *err)
{
	struct blob b = BLOB_INIT;
	const struct tree_attr a = { .mode = S_IFREG | perm, .content = &b };
	int r;

	if (blob_from_bytes(&b, data, len) < 0)
		return error_oom(err);
	r = tree_add(t, path, &a, short_flags, NULL, err);
	blob_release(&b);
	return r;
}

static int clear_mark(struct tree_node *n, void *data)
{
	n->inode->mark = 0;
	return 0;
}

void tree_clear_marks(struct tree *t)
{
	tree_walk(t->root, clear_mark, NULL);
}
