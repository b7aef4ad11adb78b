/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "source/source.h"

#define XATTR_LIST_SIZE 65536 /* XATTR_LIST_MAX of Linux */

/* Files that are read at once, while they are open anyway: bytes of one, and of all together. */
#define SMALL_FILE 4096u
#define SMALL_ALL  (8u << 20)

/* A file with more than one link, seen at `path`; open addressing by device and inode. */
struct seen {
	dev_t dev;
	ino_t ino;
	char *path; /* NULL: free slot */
};

struct walk {
	struct tree *tree;
	const struct source_dir_params *params;
	int rootfd;
	struct strbuf path; /* below rootfd, no leading slash */
	struct seen *seen;
	size_t n_seen, cap_seen; /* capacity is a power of two */
	char first_unreadable[256];
	size_t n_unreadable;
	size_t small; /* bytes of small files held */
	uid_t uid;
	gid_t gid;
	char *xattr_list, *xattr_value; /* XATTR_LIST_SIZE and TREE_XATTR_VALUE_MAX bytes */
};

static size_t seen_slot(const struct seen *v, size_t cap, dev_t dev, ino_t ino)
{
	size_t h = (size_t)((ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

	while (v[h & (cap - 1)].path &&
	       (v[h & (cap - 1)].dev != dev || v[h & (cap - 1)].ino != ino))
		h++;
	return h & (cap - 1);
}

static int seen_grow(struct walk *w)
{
	size_t cap = w->cap_seen ? w->cap_seen * 2 : 256;
	struct seen *v = new0_array(struct seen, cap);

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < w->cap_seen; i++)
		if (w->seen[i].path)
			v[seen_slot(v, cap, w->seen[i].dev, w->seen[i].ino)] = w->seen[i];
	free(w->seen);
	w->seen = v;
	w->cap_seen = cap;
	return 0;
}

/* The first path of this inode, or NULL after noting `path` as such; *oom on failure. */
static const char *seen_before(struct walk *w, const struct stat *st, const char *path, bool *oom)
{
	size_t i;

	*oom = w->n_seen * 2 >= w->cap_seen && seen_grow(w) < 0;
	if (*oom)
		return NULL;
	i = seen_slot(w->seen, w->cap_seen, st->st_dev, st->st_ino);
	if (w->seen[i].path)
		return w->seen[i].path;
	w->seen[i] = (struct seen){ st->st_dev, st->st_ino, strdup(path) };
	*oom = !w->seen[i].path;
	w->n_seen++;
	return NULL;
}

static void note_unreadable(struct walk *w)
{
	if (w->n_unreadable++ == 0)
		snprintf(w->first_unreadable, sizeof(w->first_unreadable), "%s",
			 w->path.len ? w->path.buf : ".");
}

static bool xattr_wanted(const char *name)
{
	return str_after(name, "user.") || str_after(name, "trusted.") ||
	       str_after(name, "security.") || str_after(name, "system.posix_acl_");
}

/*
 * What stands for an entry: a descriptor that it was opened with (regular files and directories that can be read), else an O_PATH one,
 * whose attributes are reached by its name in /proc, which does not follow a symbolic link's target.
 */
struct entry {
	int fd;
	bool opened;
	char path[PATH_FD_MAX]; /* of an O_PATH one */
};

static int add_xattrs(const struct walk *w, struct tree_inode *ino, const struct entry *e,
		      struct error *err)
{
	char *list = w->xattr_list, *value = w->xattr_value;
	ssize_t n = e->opened ? flistxattr(e->fd, list, XATTR_LIST_SIZE)
			      : listxattr(e->path, list, XATTR_LIST_SIZE);

	if (n < 0)
		return errno == ENOTSUP || errno == EPERM || errno == EACCES || errno == ENOENT
			       ? 0
			       : error_sys(err, -errno, "cannot list extended attributes");
	for (char *p = list; p < list + n; p += strlen(p) + 1) {
		ssize_t len;
		int r;

		if (!xattr_wanted(p))
			continue;
		len = e->opened ? fgetxattr(e->fd, p, value, TREE_XATTR_VALUE_MAX)
				: getxattr(e->path, p, value, TREE_XATTR_VALUE_MAX);
		if (len < 0 && errno == ENODATA)
			continue;
		if (len < 0)
			return error_sys(err, -errno, "cannot read extended attribute %s", p);
		r = tree_set_xattr(ino, p, value, (size_t)len, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_target(int fd, struct strbuf *out, struct error *err)
{
	ssize_t n;

	if (strbuf_grow(out, TREE_PATH_MAX + 1) < 0)
		return error_oom(err);
	n = readlinkat(fd, "", out->buf, TREE_PATH_MAX + 1);
	if (n < 0)
		return error_sys(err, -errno, "cannot read the symbolic link");
	if (n > TREE_PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "symbolic link target is too long");
	strbuf_setlen(out, (size_t)n);
	return 0;
}

static char *image_path(const struct walk *w, const char *path)
{
	return str_printf("%s/%s", w->params->target ? w->params->target : "", path);
}

static void set_attr(const struct walk *w, const struct stat *st, struct tree_attr *a)
{
	const struct source_dir_params *p = w->params;

	a->mode = st->st_mode & (S_IFMT | 07777);
	a->rdev_major = major(st->st_rdev);
	a->rdev_minor = minor(st->st_rdev);
	if (p->plain) {
		if (!S_ISLNK(st->st_mode))
			a->mode = (st->st_mode & S_IFMT) |
				  (S_ISDIR(st->st_mode) || st->st_mode & 0100 ? 0755 : 0644);
		a->mtime_sec = TREE_MTIME_BUILD;
		return;
	}
	a->uid = p->own_as_root && st->st_uid == w->uid ? 0 : st->st_uid;
	a->gid = p->own_as_root && st->st_gid == w->gid ? 0 : st->st_gid;
	a->mtime_sec = st->st_mtim.tv_sec;
	a->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
}

static int set_content(struct walk *w, const struct entry *e, const struct stat *st,
		       struct blob *content, struct error *err)
{
	const uint64_t size = (uint64_t)st->st_size;
	uint8_t buf[SMALL_FILE];
	int r;

	if (!e->opened || size > SMALL_FILE || size > SMALL_ALL - w->small) {
		r = blob_from_path(content, w->rootfd, w->path.buf, size);
		return r < 0 ? error_oom(err) : 0;
	}
	r = fd_pread_full(e->fd, buf, (size_t)size, 0);
	if (r < 0)
		return error_sys(err, r, "cannot read");
	w->small += (size_t)size;
	return blob_from_bytes(content, buf, (size_t)size) < 0 ? error_oom(err) : 0;
}

/* Puts it into the tree; *ret_descend for directories. */
static int add_one(struct walk *w, const struct entry *e, bool *ret_descend, struct error *err)
{
	const unsigned flags = TREE_ADD_PARENTS | TREE_ADD_FOLLOW;
	_cleanup_(blob_release) struct blob content = BLOB_INIT;
	_cleanup_strbuf_ struct strbuf target = STRBUF_INIT;
	_cleanup_free_ char *path = image_path(w, w->path.buf);
	struct tree_attr a = { .content = &content };
	struct tree_node *n;
	struct stat st;
	int r;

	if (!path)
		return error_oom(err);
	if (fstat(e->fd, &st) < 0)
		return error_sys(err, -errno, "cannot stat");
	*ret_descend = S_ISDIR(st.st_mode);
	set_attr(w, &st, &a);
	if (S_ISREG(st.st_mode) && !e->opened &&
	    faccessat(AT_FDCWD, e->path, R_OK, AT_EACCESS) < 0) {
		note_unreadable(w);
		return 0;
	}
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
		bool oom;
		const char *first = seen_before(w, &st, path, &oom);

		if (oom)
			return error_oom(err);
		if (first)
			return tree_link(w->tree, path, first, flags, NULL, err);
	}
	if (S_ISREG(st.st_mode)) {
		r = set_content(w, e, &st, &content, err);
		if (r < 0)
			return r;
	}
	if (S_ISLNK(st.st_mode)) {
		r = read_target(e->fd, &target, err);
		if (r < 0)
			return r;
		a.target = target.buf;
	}
	r = tree_add(w->tree, path, &a, flags, &n, err);
	if (r < 0 || w->params->plain)
		return r;
	return add_xattrs(w, n->inode, e, err);
}

static int walk_dir(struct walk *w, struct entry *e, unsigned depth, struct error *err);

/* `type`: the directory's hint. Only what it says to be a regular file or a directory is really opened. */
static void open_entry(int dirfd, const char *name, unsigned char type, struct entry *e)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	e->fd = type == DT_REG || type == DT_DIR ? openat(dirfd, name, flags) : -1;
	e->opened = e->fd >= 0;
	if (e->opened)
		return;
	e->fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (e->fd >= 0)
		path_of_fd(e->path, e->fd);
}

static int walk_entry(struct walk *w, int dirfd, const struct dirent *de, unsigned depth,
		      struct error *err)
{
	size_t before = w->path.len;
	bool descend = false;
	struct entry e;
	int r;

	if (strbuf_addf(&w->path, "%s%s", before ? "/" : "", de->d_name) < 0)
		return error_oom(err);
	open_entry(dirfd, de->d_name, de->d_type, &e);
	if (e.fd < 0 && errno == EACCES) {
		note_unreadable(w);
		r = 0;
	} else if (e.fd < 0) {
		r = error_sys(err, -errno, "cannot open");
	} else {
		r = add_one(w, &e, &descend, err);
	}
	if (r < 0)
		error_prefix(err, "'%.300s'", w->path.buf);
	else if (descend)
		r = walk_dir(w, &e, depth + 1, err);
	fd_close(e.fd);
	strbuf_setlen(&w->path, before);
	return r;
}

/* Of a directory. One that is open is read from, and no longer e's. */
static int walk_dir(struct walk *w, struct entry *e, unsigned depth, struct error *err)
{
	struct dirent *de;
	int fd, r = 0;
	DIR *d;

	if (depth > TREE_DEPTH_MAX)
		return error_set(err, -E2BIG, "'%.300s': more than %d directories deep",
				 w->path.buf, TREE_DEPTH_MAX);
	fd = e->opened ? fd_steal(&e->fd) : openat(e->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES) {
		note_unreadable(w);
		return 0;
	}
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		r = error_sys(err, -errno, "cannot read directory '%.300s'", w->path.buf);
		fd_close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, de = readdir(d)))
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
			r = walk_entry(w, fd, de, depth, err);
	if (r == 0 && errno)
		r = error_sys(err, -errno, "cannot read directory '%.300s'", w->path.buf);
	closedir(d);
	return r;
}

int source_add_dir(struct tree *t, int dirfd, const struct source_dir_params *p, struct error *err)
{
	struct walk w = { .tree = t, .params = p, .path = STRBUF_INIT };
	struct entry root = { .opened = false };
	bool descend;
	int r;

	w.uid = geteuid();
	w.gid = getegid();
	w.rootfd = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.rootfd < 0)
		return error_sys(err, -errno, "cannot open the directory");
	if (tree_keep_fd(t, w.rootfd) < 0)
		return error_oom(err);
	root.fd = w.rootfd;
	path_of_fd(root.path, root.fd);
	w.xattr_list = malloc(XATTR_LIST_SIZE);
	w.xattr_value = malloc(TREE_XATTR_VALUE_MAX);
	r = w.xattr_list && w.xattr_value ? add_one(&w, &root, &descend, err) : error_oom(err);
	if (r == 0)
		r = walk_dir(&w, &root, 0, err);
	if (r == 0 && w.n_unreadable == 1)
		r = error_set(err, -EACCES, "cannot read '%s'", w.first_unreadable);
	else if (r == 0 && w.n_unreadable)
		r = error_set(err, -EACCES, "cannot read '%s' and %zu other files or directories",
			      w.first_unreadable, w.n_unreadable - 1);
	for (size_t i = 0; i < w.cap_seen; i++)
		free(w.seen[i].path);
	free(w.seen);
	free(w.xattr_list);
	free(w.xattr_value);
	strbuf_release(&w.path);
	return r;
}

static int dir_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	/* A recipe's overlay is content, not ownership: who checked it out does not matter. */
	const struct source_dir_params p = { .plain = true, .target = s->target };
	_cleanup_fd_ int fd = openat(env->dirfd, s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "cannot open directory '%s'", s->path);
	r = source_add_dir(t, fd, &p, err);
	return r < 0 ? error_prefix(err, "'%s'", s->path) : 0;
}

const struct source_ops source_dir = { .name = "dir", .load = dir_load };
