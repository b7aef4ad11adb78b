/* SPDX-License-Identifier: Apache-2.0 */
#include "source/layer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "source/unpack.h"

#define SPOOL_BUFFER (256u << 10) /* bytes collected before they are written */

int layer_spool_init(struct layer_spool *s, struct error *err)
{
	s->buf = malloc(SPOOL_BUFFER);
	return s->buf && xxh_new(&s->fingerprint) == 0 ? 0 : error_oom(err);
}

int layer_spool_open(struct layer_spool *s, struct error *err)
{
	int r = layer_spool_init(s, err);

	if (r < 0)
		return r;
	s->own_fd = tree_spool_file();
	if (s->own_fd < 0)
		return error_sys(err, s->own_fd,
				 "cannot make a temporary file for unpacked content");
	layer_spool_to(s, s->own_fd, 0);
	return 0;
}

void layer_spool_to(struct layer_spool *s, int fd, uint64_t offset)
{
	s->fd = fd;
	s->size = offset;
	s->fill = 0;
	s->failed = false;
	xxh_reset(s->fingerprint);
}

void layer_spool_release(struct layer_spool *s)
{
	free(s->buf);
	if (s->fingerprint)
		xxh_free(s->fingerprint);
	fd_close(s->own_fd);
	sha_release(&s->sha1);
	sha_release(&s->sha256);
	*s = (struct layer_spool)LAYER_SPOOL_INIT;
}

int layer_spool_flush(struct layer_spool *s, struct error *err)
{
	int r = fd_pwrite_full(s->fd, s->buf, s->fill, (off_t)s->size);

	s->failed = r < 0;
	if (r < 0)
		return error_sys(err, r, "cannot write the unpacked content");
	xxh_add(s->fingerprint, s->buf, s->fill);
	s->size += s->fill;
	s->fill = 0;
	return 0;
}

int layer_spool_begin(struct layer_spool *s, struct error *err)
{
	s->start = s->size + s->fill;
	if (sha_begin(&s->sha1, SHA_KIND_1) < 0 || sha_begin(&s->sha256, SHA_KIND_256) < 0)
		return error_oom(err);
	return 0;
}

/* The next n bytes are in the buffer. */
static int spool_take(struct layer_spool *s, size_t n, struct error *err)
{
	if (sha_update(&s->sha1, s->buf + s->fill, n) < 0 ||
	    sha_update(&s->sha256, s->buf + s->fill, n) < 0)
		return error_set(err, -EIO, "cannot hash");
	s->fill += n;
	return s->fill == SPOOL_BUFFER ? layer_spool_flush(s, err) : 0;
}

int layer_spool_write(struct layer_spool *s, const void *data, size_t len, struct error *err)
{
	const uint8_t *p = data;

	while (len) {
		size_t n = MIN(len, SPOOL_BUFFER - s->fill);
		int r;

		memcpy(s->buf + s->fill, p, n);
		r = spool_take(s, n, err);
		if (r < 0)
			return r;
		p += n;
		len -= n;
	}
	return 0;
}

int layer_spool_blob(struct layer_spool *s, struct blob *ret, struct error *err)
{
	uint8_t one[SHA_SIZE_MAX], two[SHA_SIZE_MAX];

	blob_from_fd(ret, s->fd, s->start, s->size + s->fill - s->start);
	if (sha_finish(&s->sha1, one) < 0 || sha_finish(&s->sha256, two) < 0)
		return error_set(err, -EIO, "cannot hash");
	memcpy(ret->sums.sha1, one, sizeof(ret->sums.sha1));
	memcpy(ret->sums.sha256, two, sizeof(ret->sums.sha256));
	ret->has_sums = true;
	return 0;
}

void layer_release(struct layer *l)
{
	for (size_t i = 0; i < l->n; i++)
		blob_release(&l->v[i].content);
	free(l->v);
	arena_release(&l->arena);
	*l = (struct layer){ 0 };
}

static int read_content(struct la_archive *a, struct layer_spool *s, struct blob *ret,
			struct error *err)
{
	int r = layer_spool_begin(s, err);
	ssize_t n;

	if (r < 0)
		return r;
	while ((n = la_read(a, s->buf + s->fill, SPOOL_BUFFER - s->fill, err)) > 0) {
		r = spool_take(s, (size_t)n, err);
		if (r < 0)
			return r;
	}
	return n < 0 ? (int)n : layer_spool_blob(s, ret, err);
}

static int read_xattrs(struct layer *l, struct la_archive *a, struct layer_entry *d,
		       struct error *err)
{
	struct layer_xattr x[TREE_XATTRS_MAX], *copy;
	const char *name;
	const void *value;
	size_t len, n = 0;

	while (la_next_xattr(a, &name, &value, &len)) {
		if (!name)
			continue;
		if (n == TREE_XATTRS_MAX)
			return error_set(err, -E2BIG, "more than %d extended attributes",
					 TREE_XATTRS_MAX);
		x[n].name = arena_strdup(&l->arena, name);
		x[n].value = arena_memdup0(&l->arena, value, len);
		x[n].len = len;
		if (!x[n].name || !x[n].value)
			return error_oom(err);
		n++;
	}
	if (!n)
		return 0;
	copy = arena_new_array(&l->arena, struct layer_xattr, n);
	if (!copy)
		return error_oom(err);
	memcpy(copy, x, n * sizeof(*x));
	d->xattrs = copy;
	d->n_xattrs = n;
	return 0;
}

int layer_add_xattr(struct layer *l, struct layer_entry *d, const char *name, const void *value,
		    size_t len, struct error *err)
{
	struct layer_xattr *all = arena_new_array(&l->arena, struct layer_xattr, d->n_xattrs + 1);

	if (!all)
		return error_oom(err);
	if (d->n_xattrs)
		memcpy(all, d->xattrs, d->n_xattrs * sizeof(*all));
	all[d->n_xattrs] = (struct layer_xattr){ arena_strdup(&l->arena, name),
						 arena_memdup0(&l->arena, value, len), len };
	if (!all[d->n_xattrs].name || !all[d->n_xattrs].value)
		return error_oom(err);
	d->xattrs = all;
	d->n_xattrs++;
	return 0;
}

static int copy_string(struct layer *l, const char **s)
{
	if (*s)
		*s = arena_strdup(&l->arena, *s);
	return *s ? 1 : 0;
}

int layer_add(struct layer *l, const struct la_entry *e, struct layer_entry **ret,
	      struct error *err)
{
	struct layer_entry *d;
	int r = unpack_check_name(e->path, err);

	if (r < 0)
		return r;
	if (e->hardlink && unpack_check_name(e->hardlink, err) < 0)
		return error_prefix(err, "hard link target '%.200s'", e->hardlink);
	if (array_reserve(&l->v, &l->cap, l->n + 1, sizeof(*l->v)) < 0)
		return error_oom(err);
	d = &l->v[l->n++];
	*d = (struct layer_entry){ .e = *e, .content = BLOB_INIT };
	if (!copy_string(l, &d->e.path) || (e->hardlink && !copy_string(l, &d->e.hardlink)) ||
	    (e->symlink && !copy_string(l, &d->e.symlink)))
		return error_oom(err);
	*ret = d;
	return 0;
}

static int read_entry(struct layer *l, struct la_archive *a, const struct la_entry *e,
		      struct layer_spool *s, struct error *err)
{
	struct layer_entry *d = NULL;
	int r = layer_add(l, e, &d, err);

	if (r < 0 || !d || e->hardlink)
		return r;
	if (S_ISREG(e->mode))
		r = read_content(a, s, &d->content, err);
	return r < 0 ? r : read_xattrs(l, a, d, err);
}

/* Component by component, as the tree reads a path: "a/b", "./a/b", "a//b", "a/./b" and "a/b/" are one name. */
static int compare_paths(const char *p, const char *q)
{
	for (;;) {
		size_t n = 0, m = 0;
		const char *x = path_next(&p, &n), *y = path_next(&q, &m);
		int r;

		if (!x || !y)
			return !!x - !!y;
		r = memcmp(x, y, MIN(n, m));
		if (r || n != m)
			return r ? r : n < m ? -1 : 1;
	}
}

static int by_path(const void *a, const void *b)
{
	const struct layer_entry *x = *(struct layer_entry *const *)a;
	const struct layer_entry *y = *(struct layer_entry *const *)b;

	return compare_paths(x->e.path, y->e.path);
}

int layer_refuse_twice(const struct layer *l, struct error *err)
{
	_cleanup_free_ struct layer_entry **all = new0_array(struct layer_entry *, l->n);

	if (!all)
		return error_oom(err);
	for (size_t i = 0; i < l->n; i++)
		all[i] = &l->v[i];
	if (l->n)
		qsort(all, l->n, sizeof(struct layer_entry *), by_path);
	for (size_t i = 1; i < l->n; i++)
		if (by_path(&all[i - 1], &all[i]) == 0 &&
		    !(S_ISDIR(all[i]->e.mode) && S_ISDIR(all[i - 1]->e.mode)))
			return error_set(err, -EEXIST, "entry '%.200s' is there twice",
					 all[i]->e.path);
	return 0;
}

int layer_read(struct layer *l, struct la_archive *a, struct layer_spool *s, struct error *err)
{
	struct la_entry e;
	int r;

	while ((r = la_next(a, &e, err)) > 0) {
		r = read_entry(l, a, &e, s, err);
		if (r < 0)
			return error_wrap(err, r, "entry '%.200s'", e.path);
	}
	if (r == 0)
		r = layer_refuse_twice(l, err);
	return r < 0 ? r : layer_spool_flush(s, err);
}

static int apply_entry(struct layer_entry *d, struct tree *t, uint32_t origin, struct error *err)
{
	const unsigned flags = TREE_ADD_PARENTS | TREE_ADD_FOLLOW;
	const struct la_entry *e = &d->e;
	struct tree_attr attr = { .mode = e->mode,
				  .uid = e->uid,
				  .gid = e->gid,
				  .mtime_sec = e->mtime_sec,
				  .mtime_nsec = e->mtime_nsec,
				  .rdev_major = e->rdev_major,
				  .rdev_minor = e->rdev_minor,
				  .target = e->symlink,
				  .content = &d->content };
	struct tree_node *n = NULL;
	int r;

	if (e->hardlink)
		return tree_link(t, e->path, e->hardlink, flags, NULL, err);
	r = tree_add(t, e->path, &attr, flags, &n, err);
	if (r == 0 && !tree_is_dir(n))
		n->inode->origin = origin;
	for (size_t i = 0; r == 0 && i < d->n_xattrs; i++)
		r = tree_set_xattr(n->inode, d->xattrs[i].name, d->xattrs[i].value,
				   d->xattrs[i].len, err);
	return r;
}

int layer_apply(struct layer *l, struct tree *t, uint32_t origin, struct error *err)
{
	for (size_t i = 0; i < l->n; i++) {
		int r = apply_entry(&l->v[i], t, origin, err);

		if (r < 0)
			return error_wrap(err, r, "entry '%.200s'", l->v[i].e.path);
	}
	return 0;
}
