/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/strbuf.h"

#define COMPARE_CHUNK (256u << 10) /* bytes of each file compared at once */

struct diff {
	const struct diff_params *p;
	diff_line_fn fn;
	void *data;
	struct error *err;
	struct tree_node **first[2]; /* by mark - 1: the first name of each inode */
	size_t n_first[2], cap_first[2];
	uint8_t *buf; /* two chunks */
	bool different;
};

static int emit(struct diff *d, char sign, const struct tree_node *n, const char *what)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	char path[TREE_PATH_BUF];

	d->different = true;
	if (strbuf_addf(&line, "%c ", sign) < 0 || escape_name(&line, tree_path(n, path)) < 0 ||
	    (what && (strbuf_addstr(&line, ": ") < 0 || strbuf_addstr(&line, what) < 0)))
		return error_oom(d->err);
	return d->fn(d->data, line.buf);
}

static _printf_(3, 4) int changed(struct diff *d, const struct tree_node *n, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf what = STRBUF_INIT;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = strbuf_vaddf(&what, fmt, ap);
	va_end(ap);
	return r < 0 ? error_oom(d->err) : emit(d, '!', n, what.buf);
}

/* "WHAT A -> B" with both escaped. */
static int changed_text(struct diff *d, const struct tree_node *n, const char *what, const char *a,
			const char *b)
{
	_cleanup_strbuf_ struct strbuf s = STRBUF_INIT;

	if (strbuf_addf(&s, "%s ", what) < 0 || escape_name(&s, a) < 0 ||
	    strbuf_addstr(&s, " -> ") < 0 || escape_name(&s, b) < 0)
		return error_oom(d->err);
	return emit(d, '!', n, s.buf);
}

static int changed_xattr(struct diff *d, const struct tree_node *n, const char *name,
			 const char *how)
{
	_cleanup_strbuf_ struct strbuf s = STRBUF_INIT;

	if (strbuf_addstr(&s, "xattr ") < 0 || escape_name(&s, name) < 0 ||
	    strbuf_addf(&s, " %s", how) < 0)
		return error_oom(d->err);
	return emit(d, '!', n, s.buf);
}

static const char *type_name(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character-device";
	case S_IFBLK:
		return "block-device";
	case S_IFIFO:
		return "fifo";
	default:
		return "socket";
	}
}

static int compare_content(struct diff *d, const struct tree_node *a, const struct tree_node *b)
{
	_cleanup_blob_reader_ struct blob_reader ra = BLOB_READER_INIT;
	_cleanup_blob_reader_ struct blob_reader rb = BLOB_READER_INIT;
	const struct blob *ca = &a->inode->content, *cb = &b->inode->content;
	char path[TREE_PATH_BUF];
	int r;

	if (ca->size != cb->size)
		return changed(d, a, "size %llu -> %llu", (unsigned long long)ca->size,
			       (unsigned long long)cb->size);
	r = blob_reader_open(&ra, ca, d->err);
	if (r == 0)
		r = blob_reader_open(&rb, cb, d->err);
	for (uint64_t off = 0; r == 0 && off < ca->size; off += COMPARE_CHUNK) {
		size_t n = (size_t)MIN(ca->size - off, (uint64_t)COMPARE_CHUNK);

		r = blob_reader_pread(&ra, off, d->buf, n, d->err);
		if (r == 0)
			r = blob_reader_pread(&rb, off, d->buf + COMPARE_CHUNK, n, d->err);
		if (r == 0 && memcmp(d->buf, d->buf + COMPARE_CHUNK, n) != 0)
			return changed(d, a, "content differs");
	}
	return r < 0 ? error_prefix(d->err, "%.500s", tree_path(a, path)) : 0;
}

static int compare_xattrs(struct diff *d, const struct tree_node *n, const struct tree_inode *a,
			  const struct tree_inode *b)
{
	size_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < a->n_xattrs || k < b->n_xattrs)) {
		const struct tree_xattr *x = i < a->n_xattrs ? &a->xattrs[i] : NULL;
		const struct tree_xattr *y = k < b->n_xattrs ? &b->xattrs[k] : NULL;
		int c = !x ? 1 : !y ? -1 : strcmp(x->name, y->name);

		if (x && c < 0)
			r = changed_xattr(d, n, x->name, "only in the first");
		else if (y && c > 0)
			r = changed_xattr(d, n, y->name, "only in the second");
		else if (x && y &&
			 (x->len != y->len || (x->len && memcmp(x->value, y->value, x->len) != 0)))
			r = changed_xattr(d, n, x->name, "differs");
		i += c <= 0;
		k += c >= 0;
	}
	return r;
}

/* The first name of the inode that n is another name of; remembers n as such when it is the first itself. */
static int first_name(struct diff *d, unsigned side, struct tree_node *n, struct tree_node **ret)
{
	struct tree_inode *in = n->inode;

	if (in->mark && in->mark <= d->n_first[side]) {
		*ret = d->first[side][in->mark - 1];
		return 0;
	}
	if (array_reserve(&d->first[side], &d->cap_first[side], d->n_first[side] + 1,
			  sizeof(struct tree_node *)) < 0)
		return error_oom(d->err);
	d->first[side][d->n_first[side]++] = n;
	in->mark = d->n_first[side];
	*ret = NULL;
	return 0;
}

static int compare_links(struct diff *d, struct tree_node *a, struct tree_node *b)
{
	char pa[TREE_PATH_BUF] = "none", pb[TREE_PATH_BUF] = "none";
	struct tree_node *fa, *fb;

	if (first_name(d, 0, a, &fa) < 0 || first_name(d, 1, b, &fb) < 0)
		return -ENOMEM;
	if (fa)
		tree_path(fa, pa);
	if (fb)
		tree_path(fb, pb);
	return strcmp(pa, pb) == 0 ? 0 : changed_text(d, a, "hard links", pa, pb);
}

static int compare_attrs(struct diff *d, const struct tree_node *n, const struct tree_inode *a,
			 const struct tree_inode *b)
{
	int r = 0;

	if ((a->mode ^ b->mode) & 07777)
		r = changed(d, n, "mode %04o -> %04o", a->mode & 07777, b->mode & 07777);
	if (r == 0 && (a->uid != b->uid || a->gid != b->gid))
		r = changed(d, n, "owner %u:%u -> %u:%u", a->uid, a->gid, b->uid, b->gid);
	if (r == 0 && d->p->times &&
	    (a->mtime_sec != b->mtime_sec || a->mtime_nsec != b->mtime_nsec))
		r = changed(d, n, "mtime %lld.%09u -> %lld.%09u", (long long)a->mtime_sec,
			    a->mtime_nsec, (long long)b->mtime_sec, b->mtime_nsec);
	if (r == 0 && (S_ISCHR(a->mode) || S_ISBLK(a->mode)) &&
	    (a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor))
		r = changed(d, n, "device %u:%u -> %u:%u", a->rdev_major, a->rdev_minor,
			    b->rdev_major, b->rdev_minor);
	if (r == 0 && S_ISLNK(a->mode) && !str_eq(a->target, b->target))
		r = changed_text(d, n, "target", a->target, b->target);
	return r;
}

/* Both have the name. 1 in *ret_down: both are directories, look below. */
static int compare_nodes(struct diff *d, struct tree_node *a, struct tree_node *b, bool *ret_down)
{
	const struct tree_inode *x = a->inode, *y = b->inode;
	int r;

	*ret_down = false;
	if ((x->mode & S_IFMT) != (y->mode & S_IFMT))
		return changed(d, a, "type %s -> %s", type_name(x->mode), type_name(y->mode));
	r = compare_attrs(d, a, x, y);
	if (r == 0 && S_ISREG(x->mode))
		r = compare_content(d, a, b);
	if (r == 0)
		r = compare_xattrs(d, a, x, y);
	if (r == 0 && !S_ISDIR(x->mode) && (x->nlink > 1 || y->nlink > 1))
		r = compare_links(d, a, b);
	*ret_down = S_ISDIR(x->mode);
	return r;
}

static int compare_names(const struct tree_node *a, const struct tree_node *b)
{
	int c = memcmp(a->name, b->name, MIN(a->name_len, b->name_len));

	return c ? c : a->name_len < b->name_len ? -1 : a->name_len > b->name_len;
}

/* Recursion ends at TREE_DEPTH_MAX. */
static int compare_dirs(struct diff *d, struct tree_node *a, struct tree_node *b)
{
	size_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < a->n_children || k < b->n_children)) {
		struct tree_node *x = i < a->n_children ? a->children[i] : NULL;
		struct tree_node *y = k < b->n_children ? b->children[k] : NULL;
		int c = !x ? 1 : !y ? -1 : compare_names(x, y);
		bool down = false;

		if (x && c < 0)
			r = emit(d, '-', x, NULL);
		else if (y && c > 0)
			r = emit(d, '+', y, NULL);
		else if (x && y)
			r = compare_nodes(d, x, y, &down);
		if (r == 0 && down)
			r = compare_dirs(d, x, y);
		i += c <= 0;
		k += c >= 0;
	}
	return r;
}

int diff_trees(struct tree *a, struct tree *b, const struct diff_params *p, diff_line_fn fn,
	       void *data, struct error *err)
{
	struct diff d = { .p = p, .fn = fn, .data = data, .err = err };
	bool down;
	int r;

	d.buf = malloc((size_t)2 * COMPARE_CHUNK);
	if (!d.buf)
		return error_oom(err);
	tree_clear_marks(a);
	tree_clear_marks(b);
	r = compare_nodes(&d, tree_root(a), tree_root(b), &down);
	if (r == 0)
		r = compare_dirs(&d, tree_root(a), tree_root(b));
	free(d.buf);
	free(d.first[0]);
	free(d.first[1]);
	return r ? r : d.different;
}
