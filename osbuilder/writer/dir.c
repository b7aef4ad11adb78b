/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "writer/list.h"
#include "writer/out.h"

/* How a directory is opened to work in it: by the name of one entry, which is no link. */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct dirw {
	const struct writer_params *params;
	struct tree *tree;
	struct wlist list;
	struct out out; /* its buffer serves all files */
	int rootfd;	/* not owned */
	uid_t uid;	/* effective */
	gid_t gid;
};

static int set_xattrs(const struct dirw *w, const struct tree_inode *in, const char *path,
		      struct error *err)
{
	for (size_t i = 0; i < in->n_xattrs && !w->params->drop_xattrs; i++) {
		const struct tree_xattr *x = &in->xattrs[i];

		if (setxattr(path, x->name, x->value, x->len, 0) < 0)
			return error_sys(err, -errno,
					 "cannot set its extended attribute \"%.100s\"%s", x->name,
					 w->uid ? " as an ordinary user" : "");
	}
	return 0;
}

/*
 * Owner, attributes, mode, times, in this order: chown clears set-id bits and file capabilities, and a file without the write
 * bit takes no "user." attributes. fd may be O_PATH: what it names is reached through /proc/self/fd, where even a symbolic
 * link is not followed.
 */
static int set_meta(const struct dirw *w, const struct tree_inode *in, int fd, struct error *err)
{
	uint32_t mode = in->mode & 07777;
	struct timespec ts[2] = { { 0 } };
	char path[PATH_FD_MAX];
	int64_t sec;
	uint32_t nsec;
	int r;

	path_of_fd(path, fd);
	if (w->uid && !S_ISDIR(in->mode))
		mode &= ~(uint32_t)(S_ISUID | S_ISGID);
	if (fchownat(fd, "", w->uid ? w->uid : in->uid, w->uid ? w->gid : in->gid, AT_EMPTY_PATH) <
	    0)
		return error_sys(err, -errno, "cannot give it to user %u and group %u", in->uid,
				 in->gid);
	r = set_xattrs(w, in, path, err);
	if (r < 0)
		return r;
	if (!S_ISLNK(in->mode) && chmod(path, mode) < 0)
		return error_sys(err, -errno, "cannot set its mode");
	writer_mtime(w->params, in, &sec, &nsec);
	ts[1].tv_sec = sec;
	ts[1].tv_nsec = nsec;
	ts[0] = ts[1];
	if (utimensat(AT_FDCWD, path, ts, 0) < 0)
		return error_sys(err, -errno, "cannot set its time");
	return 0;
}

static int write_content(struct dirw *w, const struct blob *b, int fd, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	int r = blob_reader_open(&rd, b, err);

	w->out.fd = fd;
	w->out.pos = 0;
	w->out.len = 0;
	if (r == 0)
		r = out_blob(&w->out, &rd, 0, b->size, NULL, err);
	return r < 0 ? r : out_finish(&w->out, b->size, err);
}

/* The directory of a node, opened anew from the root. */
static int open_parent(const struct dirw *w, const struct tree_node *dir, int *ret,
		       struct error *err)
{
	_cleanup_fd_ int up = -1;
	int r;

	if (dir->parent) {
		r = open_parent(w, dir->parent, &up, err);
		if (r < 0)
			return r;
	}
	*ret = openat(dir->parent ? up : w->rootfd, dir->parent ? dir->name : ".", DIR_FLAGS);
	return *ret < 0 ? error_sys(err, -errno, "cannot open its directory") : 0;
}

static int make_link(const struct dirw *w, int dirfd, const struct tree_node *n, struct error *err)
{
	const struct tree_node *first = w->list.v[wlist_index(n->inode)].first;
	_cleanup_fd_ int from = -1;
	int r = open_parent(w, first->parent, &from, err);

	if (r == 0 && linkat(from, first->name, dirfd, n->name, 0) < 0)
		r = error_sys(err, -errno, "cannot make the hard link");
	return r;
}

static int make_special(const struct dirw *w, int dirfd, const struct tree_node *n,
			struct error *err)
{
	const struct tree_inode *in = n->inode;
	bool dev = S_ISCHR(in->mode) || S_ISBLK(in->mode);

	if (mknodat(dirfd, n->name, (in->mode & S_IFMT) | 0600,
		    dev ? makedev(in->rdev_major, in->rdev_minor) : 0) < 0)
		return error_sys(err, -errno, "cannot make %s%s",
				 !dev		     ? "the special file"
				 : S_ISCHR(in->mode) ? "the character device"
						     : "the block device",
				 w->uid ? " as an ordinary user" : "");
	return 0;
}

/* Anything but a directory, finished. */
static int make_leaf(struct dirw *w, int dirfd, const struct tree_node *n, struct error *err)
{
	const struct tree_inode *in = n->inode;
	_cleanup_fd_ int fd = -1;
	int r = 0;

	if (in->nlink > 1 && w->list.v[wlist_index(in)].first != n)
		return make_link(w, dirfd, n, err);
	if (S_ISREG(in->mode)) {
		fd = openat(dirfd, n->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
		r = fd < 0 ? error_sys(err, -errno, "cannot make the file")
			   : write_content(w, &in->content, fd, err);
	} else if (S_ISLNK(in->mode)) {
		if (symlinkat(in->target, dirfd, n->name) < 0)
			r = error_sys(err, -errno, "cannot make the symbolic link");
	} else {
		r = make_special(w, dirfd, n, err);
	}
	if (r < 0)
		return r;
	if (fd < 0)
		fd = openat(dirfd, n->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_sys(err, -errno, "cannot open it") : set_meta(w, in, fd, err);
}

/* Everything in `dir`, which fd is open on; the directories are left 0700 and without their other properties. */
static int make_children(struct dirw *w, int fd, const struct tree_node *dir, struct error *err)
{
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];
		_cleanup_fd_ int sub = -1;
		int r = 0;

		if (!tree_is_dir(n)) {
			if (make_leaf(w, fd, n, err) < 0)
				return writer_blame(n, err);
			continue;
		}
		if (mkdirat(fd, n->name, 0700) < 0)
			r = error_sys(err, -errno, "cannot make the directory");
		else if ((sub = openat(fd, n->name, DIR_FLAGS)) < 0)
			r = error_sys(err, -errno, "cannot open the directory");
		if (r < 0)
			return writer_blame(n, err);
		r = make_children(w, sub, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Properties of the directories, from the deepest up: by then nothing more is made in them. */
static int finish_dirs(const struct dirw *w, int fd, const struct tree_node *dir, struct error *err)
{
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];
		_cleanup_fd_ int sub = -1;
		int r;

		if (!tree_is_dir(n))
			continue;
		sub = openat(fd, n->name, DIR_FLAGS);
		if (sub < 0) {
			error_sys(err, -errno, "cannot open the directory");
			return writer_blame(n, err);
		}
		r = finish_dirs(w, sub, n, err);
		if (r < 0)
			return r;
	}
	return set_meta(w, dir->inode, fd, err) < 0 ? writer_blame(dir, err) : 0;
}

/* Lets the caller in again where the tree's modes shut it out, so that what is half made can be removed. */
static void reopen_dirs(int fd, const struct tree_node *dir)
{
	for (size_t i = 0; i < dir->n_children; i++) {
		const struct tree_node *n = dir->children[i];
		char path[PATH_FD_MAX];
		int at, sub;

		if (!tree_is_dir(n))
			continue;
		at = openat(fd, n->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0)
			continue;
		chmod(path_of_fd(path, at), 0700);
		fd_close(at);
		sub = openat(fd, n->name, DIR_FLAGS);
		if (sub >= 0)
			reopen_dirs(sub, n);
		fd_close(sub);
	}
}

/* Splits path into o->dirfd and o->name, and makes the empty directory under its temporary name. */
static int make_place(struct dir_out *o, int dirfd, const char *path, struct error *err)
{
	_cleanup_free_ char *copy = strdup(path), *dir = NULL;
	size_t len = strlen(path);
	unsigned char rnd[8];
	const char *base;
	struct stat st;
	char hex[17];

	if (!copy)
		return error_oom(err);
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return error_set(err, -EEXIST, "'%s' exists already", path);
	while (len && copy[len - 1] == '/')
		copy[--len] = '\0';
	base = path_base(copy);
	if (!*base || str_eq(base, ".") || str_eq(base, ".."))
		return error_set(err, -EINVAL, "'%s' is no name for a new directory", path);
	if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return error_sys(err, -errno, "getrandom");
	hex_encode(hex, rnd, sizeof(rnd));
	dir = base == copy ? strdup(".") : mem_dup0(copy, (size_t)(base - copy));
	o->name = strdup(base);
	o->tmp = str_printf(".tmp-%s-%.64s", hex, base);
	if (!dir || !o->name || !o->tmp)
		return error_oom(err);
	o->dirfd = openat(dirfd, dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->dirfd < 0 || mkdirat(o->dirfd, o->tmp, 0700) < 0)
		return error_sys(err, -errno, "'%s'", path);
	o->made = true;
	o->fd = openat(o->dirfd, o->tmp, DIR_FLAGS);
	return o->fd < 0 ? error_sys(err, -errno, "'%s'", path) : 0;
}

static int write_tree(struct dirw *w, int fd, struct error *err)
{
	struct tree_node *root = tree_root(w->tree);
	int r = wlist_build(w->tree, &w->list, err);

	if (r == 0)
		r = out_open(&w->out, -1, 0, err);
	if (r == 0)
		r = make_children(w, fd, root, err);
	return r < 0 ? r : finish_dirs(w, fd, root, err);
}

int dir_out_write(struct dir_out *o, struct tree *t, int dirfd, const char *path,
		  const struct writer_params *p, struct error *err)
{
	struct dirw w = { .params = p, .tree = t, .list = WLIST_INIT, .out = OUT_INIT };
	int r;

	w.out.progress = p->progress;
	*o = (struct dir_out)DIR_OUT_INIT;
	o->tree = t;
	r = make_place(o, dirfd, path, err);
	w.rootfd = o->fd;
	w.uid = geteuid();
	w.gid = getegid();
	if (r == 0)
		r = write_tree(&w, o->fd, err);
	wlist_release(&w.list);
	out_release(&w.out);
	if (r < 0)
		dir_out_release(o);
	return r;
}

int dir_out_commit(struct dir_out *o, struct error *err)
{
	int r = renameat2(o->dirfd, o->tmp, o->dirfd, o->name, RENAME_NOREPLACE) < 0 ? -errno : 0;

	/* Not every file system knows the flag. Without it only an empty directory could be replaced. */
	if (r == -EINVAL || r == -ENOSYS)
		r = renameat(o->dirfd, o->tmp, o->dirfd, o->name) < 0 ? -errno : 0;
	if (r == -EEXIST || r == -ENOTEMPTY || r == -ENOTDIR)
		return error_set(err, -EEXIST, "'%s' exists already", o->name);
	if (r < 0)
		return error_sys(err, r, "rename to '%s'", o->name);
	o->made = false;
	dir_out_release(o);
	return 0;
}

void dir_out_release(struct dir_out *o)
{
	if (o->made) {
		if (o->fd >= 0) {
			fchmod(o->fd, 0700);
			reopen_dirs(o->fd, tree_root(o->tree));
		}
		file_remove_tree(o->dirfd, o->tmp, NULL);
	}
	free(o->tmp);
	free(o->name);
	fd_close(o->fd);
	fd_close(o->dirfd);
	*o = (struct dir_out)DIR_OUT_INIT;
}

int writer_dir(struct tree *t, int dirfd, const char *path, const struct writer_params *p,
	       struct error *err)
{
	_cleanup_dir_out_ struct dir_out o = DIR_OUT_INIT;
	int r = dir_out_write(&o, t, dirfd, path, p, err);

	return r < 0 ? r : dir_out_commit(&o, err);
}
