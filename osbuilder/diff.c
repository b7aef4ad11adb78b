/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/strbuf.h"

#define COMPARE_CHUNK (256u << 10) /* bytes of each file compared at once */

struct diff {
	const struct diff_params *p;
	diff_fn fn;
	void *data;
	struct error *err;
	struct tree_node **first[2]; /* by mark - 1: the first name of each inode */
	size_t n_first[2], cap_first[2];
	uint8_t *buf; /* two chunks */
	bool different;
};

static int tell(struct diff *d, char sign, const struct tree_node *n, struct diff_change c)
{
	char path[TREE_PATH_BUF];

	d->different = true;
	c.sign = sign;
	c.path = tree_path(n, path);
	return d->fn(d->data, &c);
}

static int changed(struct diff *d, const struct tree_node *n, const char *what, const char *first,
		   const char *second)
{
	const struct diff_change c = { .what = what, .first = first, .second = second };

	return tell(d, '!', n, c);
}

#define VALUE_MAX 64 /* of the values that are no names */
static _printf_(2, 3) void print(char out[VALUE_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, VALUE_MAX, fmt, ap);
	va_end(ap);
}

/* The values are not told, only where the attribute is. */
static int changed_xattr(struct diff *d, const struct tree_node *n, const char *name, bool in_first,
			 bool in_second)
{
	const struct diff_change c = { .what = "xattr",
				       .xattr = name,
				       .first = in_first ? "" : NULL,
				       .second = in_second ? "" : NULL };

	return tell(d, '!', n, c);
}

/* What stands behind "WHAT". */
static int add_values(const struct diff_change *c, struct strbuf *out)
{
	int r;

	if (c->xattr) {
		r = strbuf_addch(out, ' ') | escape_name(out, c->xattr);
		return r | strbuf_addstr(out, !c->second  ? " only in the first"
					      : !c->first ? " only in the second"
							  : " differs");
	}
	if (!c->first)
		return strbuf_addstr(out, " differs");
	r = strbuf_addch(out, ' ') | escape_name(out, c->first);
	return r | strbuf_addstr(out, " -> ") | escape_name(out, c->second);
}

int diff_change_line(const struct diff_change *c, struct strbuf *out)
{
	int r = strbuf_addf(out, "%c ", c->sign) | escape_name(out, c->path);

	if (c->what)
		r |= strbuf_addf(out, ": %s", c->what) | add_values(c, out);
	return r ? -ENOMEM : 0;
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

static int changed_size(struct diff *d, const struct tree_node *n, uint64_t a, uint64_t b)
{
	char x[VALUE_MAX], y[VALUE_MAX];

	print(x, "%llu", (unsigned long long)a);
	print(y, "%llu", (unsigned long long)b);
	return changed(d, n, "size", x, y);
}

static int compare_content(struct diff *d, const struct tree_node *a, const struct tree_node *b)
{
	_cleanup_blob_reader_ struct blob_reader ra = BLOB_READER_INIT;
	_cleanup_blob_reader_ struct blob_reader rb = BLOB_READER_INIT;
	const struct blob *ca = &a->inode->content, *cb = &b->inode->content;
	char path[TREE_PATH_BUF];
	int r;

	if (ca->size != cb->size)
		return changed_size(d, a, ca->size, cb->size);
	r = blob_reader_open(&ra, ca, d->err);
	if (r == 0)
		r = blob_reader_open(&rb, cb, d->err);
	for (uint64_t off = 0; r == 0 && off < ca->size; off += COMPARE_CHUNK) {
		size_t n = (size_t)MIN(ca->size - off, (uint64_t)COMPARE_CHUNK);

		r = blob_reader_pread(&ra, off, d->buf, n, d->err);
		if (r == 0)
			r = blob_reader_pread(&rb, off, d->buf + COMPARE_CHUNK, n, d->err);
		if (r == 0 && memcmp(d->buf, d->buf + COMPARE_CHUNK, n) != 0)
			return changed(d, a, "content", NULL, NULL);
		progress_add(d->p->progress, PROGRESS_CHECK, 0, n);
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
			r = changed_xattr(d, n, x->name, true, false);
		else if (y && c > 0)
			r = changed_xattr(d, n, y->name, false, true);
		else if (x && y &&
			 (x->len != y->len || (x->len && memcmp(x->value, y->value, x->len) != 0)))
			r = changed_xattr(d, n, x->name, true, true);
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
	return strcmp(pa, pb) == 0 ? 0 : changed(d, a, "hard links", pa, pb);
}

static int compare_attrs(struct diff *d, const struct tree_node *n, const struct tree_inode *a,
			 const struct tree_inode *b)
{
	char x[VALUE_MAX], y[VALUE_MAX];
	int r = 0;

	if ((a->mode ^ b->mode) & 07777) {
		print(x, "%04o", a->mode & 07777);
		print(y, "%04o", b->mode & 07777);
		r = changed(d, n, "mode", x, y);
	}
	if (r == 0 && (a->uid != b->uid || a->gid != b->gid)) {
		print(x, "%u:%u", a->uid, a->gid);
		print(y, "%u:%u", b->uid, b->gid);
		r = changed(d, n, "owner", x, y);
	}
	if (r == 0 && d->p->times &&
	    (a->mtime_sec != b->mtime_sec || a->mtime_nsec != b->mtime_nsec)) {
		print(x, "%lld.%09u", (long long)a->mtime_sec, a->mtime_nsec);
		print(y, "%lld.%09u", (long long)b->mtime_sec, b->mtime_nsec);
		r = changed(d, n, "mtime", x, y);
	}
	if (r == 0 && (S_ISCHR(a->mode) || S_ISBLK(a->mode)) &&
	    (a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor)) {
		print(x, "%u:%u", a->rdev_major, a->rdev_minor);
		print(y, "%u:%u", b->rdev_major, b->rdev_minor);
		r = changed(d, n, "device", x, y);
	}
	if (r == 0 && S_ISLNK(a->mode) && !str_eq(a->target, b->target))
		r = changed(d, n, "target", a->target, b->target);
	return r;
}

/* Both have the name. 1 in *ret_down: both are directories, look below. */
static int compare_nodes(struct diff *d, struct tree_node *a, struct tree_node *b, bool *ret_down)
{
	const struct tree_inode *x = a->inode, *y = b->inode;
	int r;

	*ret_down = false;
	if ((x->mode & S_IFMT) != (y->mode & S_IFMT))
		return changed(d, a, "type", type_name(x->mode), type_name(y->mode));
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
			r = tell(d, '-', x, (struct diff_change){ 0 });
		else if (y && c > 0)
			r = tell(d, '+', y, (struct diff_change){ 0 });
		else if (x && y)
			r = compare_nodes(d, x, y, &down);
		if (r == 0 && down)
			r = compare_dirs(d, x, y);
		i += c <= 0;
		k += c >= 0;
	}
	return r;
}

int diff_trees(struct tree *a, struct tree *b, const struct diff_params *p, diff_fn fn, void *data,
	       struct error *err)
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
