/* SPDX-License-Identifier: Apache-2.0 */
#include "source/fsread.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

int fsread_bytes(const struct fsread *f, uint64_t pos, void *buf, size_t len, struct error *err)
{
	int r;

	if (pos > f->size || len > f->size - pos)
		return error_set(err, -EBADMSG,
				 "points to byte %llu, the file system has %llu bytes",
				 (unsigned long long)pos, (unsigned long long)f->size);
	r = fd_pread_full(f->fd, buf, len, (off_t)(f->offset + pos));
	return r < 0 ? error_sys(err, r, "cannot read the image") : 0;
}

static size_t slot_of(const struct fsread *f, uint64_t ino)
{
	/* the multiplier of Knuth's multiplicative hashing, 2^64 / golden ratio */
	size_t i = (size_t)(ino * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (f->cap_known - 1);

	while (f->known[i].node && f->known[i].ino != ino)
		i = (i + 1) & (f->cap_known - 1);
	return i;
}

static int known_grow(struct fsread *f)
{
	struct fsread_known *old = f->known;
	size_t cap = f->cap_known;

	if (cap && f->n_known < cap / 2)
		return 0;
	f->cap_known = cap ? cap * 2 : 1024;
	f->known = new0_array(struct fsread_known, f->cap_known);
	if (!f->known) {
		f->known = old;
		f->cap_known = cap;
		return -ENOMEM;
	}
	for (size_t i = 0; i < cap; i++)
		if (old[i].node)
			f->known[slot_of(f, old[i].ino)] = old[i];
	free(old);
	return 0;
}

/* Remembers what the inode became, and queues a directory. */
static int remember(struct fsread *f, uint64_t ino, struct tree_node *n, struct error *err)
{
	if (known_grow(f) < 0)
		return error_oom(err);
	f->known[slot_of(f, ino)] = (struct fsread_known){ ino, n };
	f->n_known++;
	if (!tree_is_dir(n))
		return 0;
	if (array_reserve(&f->queue, &f->cap_queue, f->n_queue + 1, sizeof(*f->queue)) < 0)
		return error_oom(err);
	f->queue[f->n_queue++] = (struct fsread_dir){ ino, n };
	return 0;
}

static int add_inode(struct fsread *f, const char *path, uint64_t ino, struct error *err)
{
	struct fsread_inode in = { .content = BLOB_INIT };
	struct tree_node *n = NULL;
	int r = f->ops->inode(f, ino, &in, err);

	if (r == 0 && S_ISREG(in.attr.mode)) {
		if (in.content.size > READ_CONTENT_MAX - f->content)
			r = error_set(err, -EFBIG, "the image's files have more than %llu bytes",
				      (unsigned long long)READ_CONTENT_MAX);
		else
			f->content += in.content.size;
	}
	if (r == 0) {
		in.attr.target = in.target;
		in.attr.content = &in.content;
		r = tree_add(f->tree, path, &in.attr, TREE_ADD_EXCL, &n, err);
	}
	if (r == 0)
		r = f->ops->xattrs(f, ino, n->inode, err);
	if (r == 0)
		r = remember(f, ino, n, err);
	blob_release(&in.content);
	free(in.target);
	return r;
}

static int check_name(const char *name, size_t len, struct error *err)
{
	if (!len || len > TREE_NAME_MAX)
		return error_set(err, -EBADMSG, "an entry's name has %zu bytes", len);
	if (memchr(name, '/', len) || memchr(name, '\0', len))
		return error_set(err, -EBADMSG, "an entry's name contains '/' or NUL");
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return error_set(err, -EBADMSG, "'.' or '..' comes where it must not");
	return 0;
}

int fsread_entry(struct fsread *f, const char *name, size_t len, uint64_t ino, struct error *err)
{
	char dir[TREE_PATH_BUF], target[TREE_PATH_BUF];
	_cleanup_free_ char *path = NULL;
	struct tree_node *old;
	int r;

	tree_path(f->dir, dir);
	r = check_name(name, len, err);
	if (r < 0)
		return error_prefix(err, "%.500s", dir);
	path = str_printf("%s/%.*s", f->dir->parent ? dir : "", (int)len, name);
	if (!path)
		return error_oom(err);
	old = f->cap_known ? f->known[slot_of(f, ino)].node : NULL;
	if (!old)
		r = add_inode(f, path, ino, err);
	else if (tree_is_dir(old))
		r = error_set(err, -EBADMSG, "is the same directory as '%.300s'",
			      tree_path(old, target));
	else
		r = tree_link(f->tree, path, tree_path(old, target), TREE_ADD_EXCL, NULL, err);
	return r < 0 ? error_prefix(err, "%.500s", path) : 0;
}

int fsread_run(struct fsread *f, struct tree *t, int fd, uint64_t offset, uint64_t size,
	       uint64_t root_ino, struct error *err)
{
	char path[TREE_PATH_BUF];
	struct fsread_inode in = { .content = BLOB_INIT };
	int own, r;

	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return error_sys(err, -errno, "duplicate the image's descriptor");
	if (tree_keep_fd(t, own) < 0)
		return error_oom(err);
	f->tree = t;
	f->fd = own;
	f->offset = offset;
	f->size = size;
	r = f->ops->inode(f, root_ino, &in, err);
	if (r == 0 && !S_ISDIR(in.attr.mode))
		r = error_set(err, -EBADMSG, "is no directory");
	if (r == 0)
		r = tree_add(t, "", &in.attr, 0, NULL, err);
	if (r == 0)
		r = f->ops->xattrs(f, root_ino, tree_root(t)->inode, err);
	if (r == 0)
		r = remember(f, root_ino, tree_root(t), err);
	blob_release(&in.content);
	free(in.target);
	if (r < 0)
		return error_prefix(err, "/");
	while (f->head < f->n_queue) {
		struct fsread_dir d = f->queue[f->head++];
		struct error e = ERROR_INIT;

		f->dir = d.node;
		r = f->ops->dir(f, d.ino, &e);
		if (r < 0 && e.msg[0] == '/') /* the entry is named already */
			return error_set(err, r, "%s", e.msg);
		if (r < 0)
			return error_set(err, r, "%.500s: %.500s", tree_path(d.node, path), e.msg);
	}
	return 0;
}

void fsread_release(struct fsread *f)
{
	free(f->known);
	free(f->queue);
	f->known = NULL;
	f->queue = NULL;
}

int fsread_add_run(struct fsread *f, struct fsread_runs *r, uint64_t at, uint64_t pos, uint64_t len,
		   uint64_t size, struct error *err)
{
	struct blob_run *last = r->n ? &r->v[r->n - 1] : NULL;

	if (++f->runs > READ_RUNS_MAX)
		return error_set(err, -EFBIG, "the image's files have more than %u pieces",
				 READ_RUNS_MAX);
	if (at >= size)
		return 0;
	if (len > size - at)
		len = size - at;
	if (!len)
		return 0;
	if (pos > f->size || len > f->size - pos)
		return error_set(err, -EBADMSG,
				 "its content ends at byte %llu, the file system has %llu",
				 (unsigned long long)(pos + len), (unsigned long long)f->size);
	if (last && last->at + last->len > at)
		return error_set(err, -EBADMSG, "pieces of its content overlap at byte %llu",
				 (unsigned long long)at);
	if (last && last->at + last->len == at && last->offset + last->len == f->offset + pos) {
		last->len += len;
		return 0;
	}
	if (array_reserve(&r->v, &r->cap, r->n + 1, sizeof(*r->v)) < 0)
		return error_oom(err);
	r->v[r->n++] = (struct blob_run){ at, f->offset + pos, len };
	return 0;
}

int fsread_content(struct fsread *f, struct fsread_runs *r, uint64_t size, struct blob *ret,
		   struct error *err)
{
	int rc;

	if (size > TREE_FILE_MAX)
		return error_set(err, -EFBIG, "has %llu bytes, more than a file may have",
				 (unsigned long long)size);
	if (r->n == 1 && r->v[0].at == 0 && r->v[0].len == size) {
		blob_from_fd(ret, f->fd, r->v[0].offset, size);
		return 0;
	}
	rc = blob_from_runs(ret, f->fd, steal_ptr(r->v), r->n, size);
	r->n = r->cap = 0;
	return rc < 0 ? error_set(err, rc, "its pieces are out of order") : 0;
}

void fsread_runs_release(struct fsread_runs *r)
{
	free(r->v);
	*r = (struct fsread_runs){ 0 };
}

int fsread_check_link(uint64_t size, struct error *err)
{
	if (!size || size > TREE_PATH_MAX)
		return error_set(err, -EBADMSG, "symbolic link of %llu bytes",
				 (unsigned long long)size);
	return 0;
}

int fsread_check_dir(uint64_t size, struct error *err)
{
	if (size > READ_DIR_MAX)
		return error_set(err, -EFBIG, "directory of %llu bytes, the limit is %llu",
				 (unsigned long long)size, (unsigned long long)READ_DIR_MAX);
	return 0;
}
