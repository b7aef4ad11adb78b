/* SPDX-License-Identifier: Apache-2.0 */
#include "source/unpacked.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "source/unpack.h"
#include "writer/le.h"

#define FLAG_HARDLINK 1u
#define FLAG_SYMLINK  2u
#define FLAG_OWNERS   4u /* names of user and group; the numbers are not known yet */

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static int put32(struct strbuf *b, uint32_t v)
{
	uint8_t n[4];

	le_put32(n, v);
	return strbuf_add(b, n, sizeof(n));
}

static int put64(struct strbuf *b, uint64_t v)
{
	uint8_t n[8];

	le_put64(n, v);
	return strbuf_add(b, n, sizeof(n));
}

static int put_bytes(struct strbuf *b, const void *p, size_t n)
{
	int r = put32(b, (uint32_t)n);

	r |= strbuf_add(b, p, n);
	return r | strbuf_addch(b, '\0');
}

static int put_string(struct strbuf *b, const char *s)
{
	return put_bytes(b, s, strlen(s));
}

static uint32_t flags_of(const struct layer_entry *d)
{
	uint32_t link = d->e.hardlink ? FLAG_HARDLINK : d->e.symlink ? FLAG_SYMLINK : 0;

	return link | (d->user && d->group ? FLAG_OWNERS : 0);
}

static int put_entry(struct strbuf *b, const struct layer_entry *d)
{
	const struct la_entry *e = &d->e;
	const uint32_t small[] = { e->mode,	  e->uid,	 e->gid,
				   e->mtime_nsec, e->rdev_major, e->rdev_minor };
	const char *link = e->hardlink ? e->hardlink : e->symlink;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(small); i++)
		r |= put32(b, small[i]);
	r |= put64(b, (uint64_t)e->mtime_sec);
	r |= put64(b, d->content.size);
	r |= put64(b, d->content.size ? d->content.offset : 0);
	r |= put32(b, flags_of(d));
	r |= put_string(b, e->path);
	if (link)
		r |= put_string(b, link);
	if (d->user && d->group) {
		r |= put_string(b, d->user);
		r |= put_string(b, d->group);
	}
	if (S_ISREG(e->mode) && !e->hardlink) {
		r |= strbuf_add(b, d->content.sums.sha1, sizeof(d->content.sums.sha1));
		r |= strbuf_add(b, d->content.sums.sha256, sizeof(d->content.sums.sha256));
	}
	r |= put32(b, (uint32_t)d->n_xattrs);
	for (size_t i = 0; i < d->n_xattrs; i++) {
		r |= put_string(b, d->xattrs[i].name);
		r |= put_bytes(b, d->xattrs[i].value, d->xattrs[i].len);
	}
	return r;
}

int unpacked_index_make(const struct layer *l, const struct source_package_info *info,
			const uint8_t fingerprint[XXH_SIZE], struct strbuf *out, struct error *err)
{
	int r = put_string(out, info->name);

	r |= put_string(out, info->version);
	r |= put_string(out, info->arch);
	r |= put64(out, l->n);
	for (size_t i = 0; i < l->n; i++)
		r |= put_entry(out, &l->v[i]);
	r |= strbuf_add(out, fingerprint, XXH_SIZE);
	if (r)
		return error_oom(err);
	return out->len > UNPACKED_INDEX_MAX ? error_set(err, -EFBIG, "the index is too large") : 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* something did not fit; what was returned since is zeros */
};

static const uint8_t *take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > (size_t)(c->end - c->p)) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	return p;
}

static uint32_t take32(struct cursor *c)
{
	const uint8_t *p = take(c, 4);

	return p ? le_get32(p) : 0;
}

static uint64_t take64(struct cursor *c)
{
	const uint8_t *p = take(c, 8);

	return p ? le_get64(p) : 0;
}

/* The bytes with the NUL behind them, in the index itself; NULL when something is wrong. */
static const char *take_bytes(struct cursor *c, size_t max, size_t *ret_len)
{
	const uint32_t n = take32(c);
	const uint8_t *p;

	if (n > max)
		c->bad = true;
	p = take(c, (size_t)n + 1);
	if (!p || p[n] != '\0') {
		c->bad = true;
		return NULL;
	}
	*ret_len = n;
	return (const char *)p;
}

/* As take_bytes(), without a NUL inside. */
static const char *take_string(struct cursor *c, size_t max)
{
	size_t n = 0;
	const char *s = take_bytes(c, max, &n);

	if (s && strlen(s) != n)
		c->bad = true;
	return c->bad ? NULL : s;
}

static int damaged(struct error *err)
{
	return error_set(err, -EBADMSG, "its index is damaged");
}

static int take_info(struct cursor *c, struct source_package_info *info, struct error *err)
{
	const struct {
		char *out;
		size_t size;
	} fields[] = { { info->name, sizeof(info->name) },
		       { info->version, sizeof(info->version) },
		       { info->arch, sizeof(info->arch) } };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *s = take_string(c, fields[i].size - 1);

		if (!s || !*s)
			return damaged(err);
		memcpy(fields[i].out, s, strlen(s) + 1);
	}
	return 0;
}

/* What a layer read from an archive could not be is damage. */
static int check_entry(const struct layer_entry *d, uint32_t flags, uint64_t end, struct error *err)
{
	const uint32_t type = d->e.mode & S_IFMT;
	const struct blob *b = &d->content;

	if ((flags & ~FLAG_OWNERS) > FLAG_SYMLINK || !d->e.symlink != (type != S_IFLNK) ||
	    (d->e.hardlink && type != S_IFREG) || d->e.mtime_nsec >= 1000000000u)
		return damaged(err);
	if (b->size && (type != S_IFREG || d->e.hardlink || b->offset < UNPACKED_HEADER ||
			b->offset > end || b->size > end - b->offset))
		return damaged(err);
	if (unpack_check_name(d->e.path, err) < 0 ||
	    (d->e.hardlink && unpack_check_name(d->e.hardlink, err) < 0))
		return error_wrap(err, -EBADMSG, "its index is damaged");
	return 0;
}

static int take_xattrs(struct cursor *c, struct layer *l, struct layer_entry *d, struct error *err)
{
	const uint32_t n = take32(c);

	if (c->bad || n > TREE_XATTRS_MAX)
		return damaged(err);
	if (!n)
		return 0;
	d->xattrs = arena_new_array(&l->arena, struct layer_xattr, n);
	if (!d->xattrs)
		return error_oom(err);
	for (uint32_t i = 0; i < n; i++) {
		struct layer_xattr *x = &d->xattrs[i];

		x->name = take_string(c, TREE_NAME_MAX);
		x->value = take_bytes(c, TREE_XATTR_VALUE_MAX, &x->len);
		if (!x->name || !x->value)
			return damaged(err);
	}
	d->n_xattrs = n;
	return 0;
}

static int take_entry(struct cursor *c, struct layer *l, uint64_t end, struct error *err)
{
	struct layer_entry *d = &l->v[l->n++];
	struct la_entry *e = &d->e;
	uint32_t *const small[] = { &e->mode,	    &e->uid,	    &e->gid,
				    &e->mtime_nsec, &e->rdev_major, &e->rdev_minor };
	const uint8_t *sums;
	uint64_t size, offset;
	uint32_t flags;
	int r;

	*d = (struct layer_entry){ .content = BLOB_INIT };
	for (size_t i = 0; i < ARRAY_SIZE(small); i++)
		*small[i] = take32(c);
	e->mtime_sec = (int64_t)take64(c);
	e->size = size = take64(c);
	offset = take64(c);
	flags = take32(c);
	e->path = take_string(c, TREE_PATH_MAX);
	if (flags & FLAG_HARDLINK)
		e->hardlink = take_string(c, TREE_PATH_MAX);
	else if (flags & FLAG_SYMLINK)
		e->symlink = take_string(c, TREE_PATH_MAX);
	if (flags & FLAG_OWNERS) {
		d->user = take_string(c, UNPACKED_OWNER_MAX);
		d->group = take_string(c, UNPACKED_OWNER_MAX);
	}
	if (c->bad)
		return damaged(err);
	if (!size && offset)
		return damaged(err);
	blob_from_fd(&d->content, -1, offset, size);
	if (S_ISREG(e->mode) && !e->hardlink) {
		sums = take(c, sizeof(d->content.sums));
		if (!sums)
			return damaged(err);
		memcpy(d->content.sums.sha1, sums, SHA_SIZE_1);
		memcpy(d->content.sums.sha256, sums + SHA_SIZE_1, SHA_SIZE_256);
		d->content.has_sums = true;
	}
	r = check_entry(d, flags, end, err);
	return r < 0 ? r : take_xattrs(c, l, d, err);
}

#define ENTRY_MIN 61u /* bytes of an entry with an empty path and nothing else */

int unpacked_index_parse(const void *data, size_t len, uint64_t end, struct layer *l,
			 struct source_package_info *info, uint8_t fingerprint[XXH_SIZE],
			 struct error *err)
{
	const char *copy = arena_memdup0(&l->arena, data, len);
	struct cursor c = { .p = (const uint8_t *)copy };
	const uint8_t *last;
	uint64_t n;
	int r;

	if (!copy)
		return error_oom(err);
	c.end = c.p + len;
	r = take_info(&c, info, err);
	n = take64(&c);
	if (r < 0)
		return r;
	if (c.bad || n > UNPACKED_ENTRIES_MAX || n > len / ENTRY_MIN)
		return damaged(err);
	if (array_reserve(&l->v, &l->cap, n, sizeof(*l->v)) < 0)
		return error_oom(err);
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = take_entry(&c, l, end, err);
	last = r < 0 ? NULL : take(&c, XXH_SIZE);
	if (r == 0 && (!last || c.p != c.end))
		return damaged(err);
	if (last)
		memcpy(fingerprint, last, XXH_SIZE);
	return r;
}
