/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/writer.h"

#include <stdio.h>
#include <string.h>
#include "base/strbuf.h"
#include "writer/list.h"
#include "writer/out.h"

/*
 * tar in the pax interchange format (POSIX.1-2017, pax, "EXTENDED DESCRIPTION"): ustar headers, with an extended header in front
 * of an entry that ustar cannot hold. Names come in walk order without leading slash, directories with one at their end, the root
 * as "./". No user and group names: numbers count. Ends with two blocks of zeros, padded to records of 20 blocks as tar(1) does.
 *
 * The extended header has, when needed and in this order:
 *   hdrcharset=BINARY		a path or link target in it is not UTF-8
 *   path, linkpath, size, uid, gid, mtime (with nanoseconds)
 *   GNU.sparse.major=1 minor=0 name realsize	a file with holes (out.h, segs_of_blob()): GNU tar's manual, "PAX Format, Version
 *				1.0"; the entry's data begins with the map
 *   SCHILY.xattr.NAME		extended attributes, ACLs as the attributes that they are on Linux; star(1), also GNU tar
 *
 * The first name of an inode in walk order has the content, the others are links to it.
 */
#define TAR_BLOCK  512u
#define TAR_RECORD (20u * TAR_BLOCK)
/* struct posix_header of GNU tar's tar.h */
#define TAR_NAME	100u
#define TAR_MODE	100
#define TAR_UID		108
#define TAR_GID		116
#define TAR_SIZE	124
#define TAR_MTIME	136
#define TAR_SUM		148
#define TAR_TYPE	156
#define TAR_LINK	157
#define TAR_MAGIC	257 /* "ustar", NUL, "00" */
#define TAR_MAJOR	329
#define TAR_MINOR	337
#define TAR_PREFIX	345
#define TAR_PREFIX_SIZE 155u
/* Numbers are octal and NUL ended. */
#define TAR_NUM_MAX INT64_C(07777777)	  /* mode, owners, device numbers */
#define TAR_BIG_MAX INT64_C(077777777777) /* size, time */
/* libarchive takes extended headers up to this. */
#define TAR_PAX_MAX (1u << 20)

struct tar {
	const struct writer_params *params;
	struct wlist list;
	struct out out;
	struct strbuf pax; /* records of the current entry */
	struct segs segs;  /* of the current entry, when it is sparse */
	struct strbuf map; /* and their list as the archive has it */
};

/* One entry on its way. */
struct tar_entry {
	const struct tree_inode *in;
	char path[TREE_PATH_BUF]; /* without a slash in front, for a directory with one behind */
	const char *link;	  /* hard link or symbolic link: to what; else NULL */
	char type;
	uint64_t size; /* bytes that follow the header */
	bool sparse;
};

static bool is_utf8(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	while (*p) {
		unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		uint32_t c = more == 3 ? *p & 7u : more == 2 ? *p & 15u : more ? *p & 31u : *p;
		static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };

		if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4)
			return false;
		p++;
		for (unsigned i = 0; i < more; i++, p++) {
			if ((*p & 0xc0) != 0x80)
				return false;
			c = c << 6 | (*p & 0x3fu);
		}
		if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
	}
	return true;
}

/* A record "LENGTH KEY=VALUE\n"; the length counts its own digits. */
static int pax_add(struct strbuf *pax, const char *key, const char *sub, const void *value,
		   size_t len)
{
	size_t body = 1 + strlen(key) + strlen(sub) + 1 + len + 1, n = body + 1;
	int digits;

	do {
		digits = snprintf(NULL, 0, "%zu", n);
		n = body + (size_t)digits;
	} while (snprintf(NULL, 0, "%zu", n) != digits);
	if (strbuf_addf(pax, "%zu %s%s=", n, key, sub) < 0 || strbuf_add(pax, value, len) < 0)
		return -ENOMEM;
	return strbuf_addch(pax, '\n');
}

static int pax_str(struct strbuf *pax, const char *key, const char *value)
{
	return pax_add(pax, key, "", value, strlen(value));
}

static int pax_num(struct strbuf *pax, const char *key, uint64_t v)
{
	char b[24];

	snprintf(b, sizeof(b), "%llu", (unsigned long long)v);
	return pax_str(pax, key, b);
}

/* Seconds with a fraction. The tree counts nanoseconds upwards, the text away from zero. */
static int pax_time(struct strbuf *pax, int64_t sec, uint32_t nsec)
{
	bool minus = sec < 0;
	uint64_t s = minus ? -(uint64_t)sec : (uint64_t)sec;
	char b[40];

	if (minus && nsec) {
		s--;
		nsec = 1000000000 - nsec;
	}
	if (nsec)
		snprintf(b, sizeof(b), "%s%llu.%09u", minus ? "-" : "", (unsigned long long)s,
			 nsec);
	else
		snprintf(b, sizeof(b), "%s%llu", minus ? "-" : "", (unsigned long long)s);
	return pax_str(pax, "mtime", b);
}

/*
 * Where the name is cut for the header's two fields: *ret is the start of what goes into the name field, 0 when all does.
 * False: it does not fit.
 */
static bool split_name(const char *path, size_t *ret)
{
	size_t len = strlen(path);

	*ret = 0;
	if (len <= TAR_NAME)
		return true;
	for (size_t i = MIN(len - 2, (size_t)TAR_PREFIX_SIZE); i > 0 && len - i - 1 <= TAR_NAME;
	     i--)
		if (path[i] == '/') {
			*ret = i + 1;
			return true;
		}
	return false;
}

static void put_octal(uint8_t *b, size_t width, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)v);
	memcpy(b, text, width);
}

/* What is too large for its field is in the extended header; the field is 0 then. */
static uint64_t fit(uint64_t v, int64_t max)
{
	return v > (uint64_t)max ? 0 : v;
}

static void put_str(uint8_t *b, const char *s, size_t width)
{
	memcpy(b, s, strnlen(s, width));
}

/* Sum, magic and the rest; then out it goes. */
static int emit_header(struct tar *t, uint8_t h[TAR_BLOCK], struct error *err)
{
	static const uint8_t magic[8] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' };
	uint32_t sum = 0;

	memcpy(h + TAR_MAGIC, magic, sizeof(magic));
	memset(h + TAR_SUM, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	put_octal(h + TAR_SUM, 7, sum);
	return out_add(&t->out, h, TAR_BLOCK, err);
}

/* The last part of a path, for the made-up names of headers that only carry something. */
static const char *base_of(const char *path)
{
	const char *s = strrchr(path, '/');

	return s && s[1] ? s + 1 : path;
}

static int emit_pax(struct tar *t, const struct tar_entry *e, struct error *err)
{
	uint8_t h[TAR_BLOCK] = { 0 };
	char name[TAR_NAME + 1];
	int r;

	if (!t->pax.len)
		return 0;
	if (t->pax.len > TAR_PAX_MAX)
		return error_set(err, -E2BIG,
				 "names and attributes of %zu bytes are too many for a tar header, "
				 "which ends at %u",
				 t->pax.len, TAR_PAX_MAX);
	snprintf(name, sizeof(name), "PaxHeaders/%s", base_of(e->path));
	put_str(h, name, TAR_NAME);
	put_octal(h + TAR_MODE, 8, 0644);
	put_octal(h + TAR_UID, 8, 0);
	put_octal(h + TAR_GID, 8, 0);
	put_octal(h + TAR_SIZE, 12, t->pax.len);
	put_octal(h + TAR_MTIME, 12, 0);
	h[TAR_TYPE] = 'x';
	r = emit_header(t, h, err);
	if (r == 0)
		r = out_add(&t->out, t->pax.buf, t->pax.len, err);
	return r < 0 ? r : out_pad(&t->out, TAR_BLOCK, err);
}

static int emit_ustar(struct tar *t, const struct tar_entry *e, struct error *err)
{
	const struct tree_inode *in = e->in;
	uint8_t h[TAR_BLOCK] = { 0 };
	size_t cut = 0;
	int64_t sec;
	uint32_t nsec;

	writer_mtime(t->params, in, &sec, &nsec);
	if (e->sparse) {
		char name[TAR_NAME + 1];

		snprintf(name, sizeof(name), "GNUSparseFile.0/%s", base_of(e->path));
		put_str(h, name, TAR_NAME);
	} else {
		split_name(e->path, &cut);
		put_str(h, e->path + cut, TAR_NAME);
		memcpy(h + TAR_PREFIX, e->path, cut ? cut - 1 : 0);
	}
	put_octal(h + TAR_MODE, 8, in->mode & 07777);
	put_octal(h + TAR_UID, 8, fit(in->uid, TAR_NUM_MAX));
	put_octal(h + TAR_GID, 8, fit(in->gid, TAR_NUM_MAX));
	put_octal(h + TAR_SIZE, 12, fit(e->size, TAR_BIG_MAX));
	put_octal(h + TAR_MTIME, 12, sec < 0 ? 0 : fit((uint64_t)sec, TAR_BIG_MAX));
	h[TAR_TYPE] = (uint8_t)e->type;
	if (e->link)
		put_str(h + TAR_LINK, e->link, TAR_NAME);
	if (S_ISCHR(in->mode) || S_ISBLK(in->mode)) {
		put_octal(h + TAR_MAJOR, 8, in->rdev_major);
		put_octal(h + TAR_MINOR, 8, in->rdev_minor);
	}
	return emit_header(t, h, err);
}

static int add_xattrs(struct tar *t, const struct tree_inode *in, struct error *err)
{
	for (size_t i = 0; i < in->n_xattrs; i++) {
		const struct tree_xattr *x = &in->xattrs[i];

		if (strchr(x->name, '='))
			return error_set(err, -ENOTSUP,
					 "tar cannot hold the extended attribute \"%s\": its name "
					 "contains '='",
					 x->name);
		if (pax_add(&t->pax, "SCHILY.xattr.", x->name, x->value, x->len) < 0)
			return error_oom(err);
	}
	return 0;
}

/* Where the content has data, as the archive says it: "COUNT\n", then "OFFSET\nLENGTH\n" each; padded to a block. */
static int plan_sparse(struct tar *t, struct tar_entry *e, struct error *err)
{
	const uint64_t size = e->in->content.size;
	struct segs *s = &t->segs;
	uint64_t end = 0, data = 0;
	int r = segs_of_blob(&e->in->content, s, err);
	bool tail;

	if (r < 0)
		return r;
	e->size = size;
	e->sparse = s->blocks < (size + WRITER_BLOCK - 1) / WRITER_BLOCK;
	if (!e->sparse)
		return 0;
	if (s->n)
		end = ((uint64_t)s->v[s->n - 1].start + s->v[s->n - 1].count) * WRITER_BLOCK;
	tail = end < size; /* a hole at the end is an empty piece there */
	strbuf_reset(&t->map);
	r = strbuf_addf(&t->map, "%zu\n", s->n + tail);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		uint64_t at = (uint64_t)s->v[i].start * WRITER_BLOCK;
		uint64_t len = MIN((uint64_t)s->v[i].count * WRITER_BLOCK, size - at);

		data += len;
		r = strbuf_addf(&t->map, "%llu\n%llu\n", (unsigned long long)at,
				(unsigned long long)len);
	}
	if (r == 0 && tail)
		r = strbuf_addf(&t->map, "%llu\n0\n", (unsigned long long)size);
	while (r == 0 && t->map.len % TAR_BLOCK)
		r = strbuf_addch(&t->map, '\0');
	e->size = t->map.len + data;
	return r < 0 ? error_oom(err) : 0;
}

static int plan_pax(struct tar *t, const struct tar_entry *e, struct error *err)
{
	const struct tree_inode *in = e->in;
	struct strbuf *pax = &t->pax;
	size_t cut;
	bool path = e->sparse || !split_name(e->path, &cut);
	bool link = e->link && strlen(e->link) > TAR_NAME;
	int64_t sec;
	uint32_t nsec;
	int r = 0;

	writer_mtime(t->params, in, &sec, &nsec);
	if ((path && !is_utf8(e->path)) || (link && !is_utf8(e->link)))
		r = pax_str(pax, "hdrcharset", "BINARY");
	if (r == 0 && path && !e->sparse)
		r = pax_str(pax, "path", e->path);
	if (r == 0 && link)
		r = pax_str(pax, "linkpath", e->link);
	if (r == 0 && e->size > (uint64_t)TAR_BIG_MAX)
		r = pax_num(pax, "size", e->size);
	if (r == 0 && in->uid > TAR_NUM_MAX)
		r = pax_num(pax, "uid", in->uid);
	if (r == 0 && in->gid > TAR_NUM_MAX)
		r = pax_num(pax, "gid", in->gid);
	if (r == 0 && (nsec || sec < 0 || sec > TAR_BIG_MAX))
		r = pax_time(pax, sec, nsec);
	if (r == 0 && e->sparse) {
		r = pax_str(pax, "GNU.sparse.major", "1");
		r = r < 0 ? r : pax_str(pax, "GNU.sparse.minor", "0");
		r = r < 0 ? r : pax_str(pax, "GNU.sparse.name", e->path);
		r = r < 0 ? r : pax_num(pax, "GNU.sparse.realsize", in->content.size);
	}
	if (r < 0)
		return error_oom(err);
	/* A link is another name; what belongs to the inode came with the first. */
	return e->type == '1' || t->params->drop_xattrs ? 0 : add_xattrs(t, in, err);
}

static int emit_content(struct tar *t, const struct tar_entry *e, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	const struct blob *b = &e->in->content;
	int r = blob_reader_open(&rd, b, err);

	if (r == 0 && !e->sparse)
		r = out_blob(&t->out, &rd, 0, b->size, NULL, err);
	else if (r == 0)
		r = out_add(&t->out, t->map.buf, t->map.len, err);
	for (size_t i = 0; r == 0 && e->sparse && i < t->segs.n; i++) {
		uint64_t at = (uint64_t)t->segs.v[i].start * WRITER_BLOCK;
		uint64_t len = (uint64_t)t->segs.v[i].count * WRITER_BLOCK;

		r = out_blob(&t->out, &rd, at, MIN(len, b->size - at), NULL, err);
	}
	return r < 0 ? r : out_pad(&t->out, TAR_BLOCK, err);
}

/* Type and targets. -ENOTSUP for what tar has no type for. */
static int describe(struct tar *t, const struct tree_node *n, struct tar_entry *e,
		    char target[TREE_PATH_BUF], struct error *err)
{
	const struct tree_inode *in = n->inode;
	const struct witem *it = &t->list.v[wlist_index(in)];
	char buf[TREE_PATH_BUF];
	size_t len;

	e->in = in;
	snprintf(e->path, sizeof(e->path), "%s", n->parent ? tree_path(n, buf) + 1 : ".");
	len = strlen(e->path);
	if (tree_is_dir(n) && len < TREE_PATH_MAX)
		memcpy(e->path + len, "/", 2);
	if (it->first != n) {
		e->type = '1';
		e->link = tree_path(it->first, target) + 1;
		return 0;
	}
	switch (in->mode & S_IFMT) {
	case S_IFREG:
		e->type = '0';
		return plan_sparse(t, e, err);
	case S_IFLNK:
		e->type = '2';
		e->link = in->target;
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		e->type = S_ISCHR(in->mode) ? '3' : '4';
		if (in->rdev_major > TAR_NUM_MAX || in->rdev_minor > TAR_NUM_MAX)
			return error_set(err, -ENOTSUP,
					 "device %u:%u is beyond what a tar header holds",
					 in->rdev_major, in->rdev_minor);
		return 0;
	case S_IFDIR:
		e->type = '5';
		return 0;
	case S_IFIFO:
		e->type = '6';
		return 0;
	default:
		return error_set(err, -ENOTSUP, "tar has no type for a socket");
	}
}

struct tar_walk {
	struct tar *t;
	struct error *err;
};

static int emit_node(struct tree_node *n, void *data)
{
	struct tar_walk *w = data;
	struct tar *t = w->t;
	struct tar_entry e = { 0 };
	char target[TREE_PATH_BUF];
	int r;

	strbuf_reset(&t->pax);
	segs_release(&t->segs);
	r = describe(t, n, &e, target, w->err);
	r = r < 0 ? r : plan_pax(t, &e, w->err);
	r = r < 0 ? r : emit_pax(t, &e, w->err);
	r = r < 0 ? r : emit_ustar(t, &e, w->err);
	if (r == 0 && e.type == '0')
		r = emit_content(t, &e, w->err);
	return r < 0 ? writer_blame(n, w->err) : 0;
}

/* Two blocks of zeros at least, up to a whole record. */
static int emit_end(struct tar *t, struct error *err)
{
	static const uint8_t zeros[TAR_BLOCK];
	int r = 0;

	for (unsigned i = 0; r == 0 && (i < 2 || (t->out.pos + t->out.len) % TAR_RECORD); i++)
		r = out_add(&t->out, zeros, sizeof(zeros), err);
	return r;
}

static void tar_release(struct tar *t)
{
	wlist_release(&t->list);
	out_release(&t->out);
	strbuf_release(&t->pax);
	strbuf_release(&t->map);
	segs_release(&t->segs);
}

static int tar_write(struct tree *tree, const struct writer_params *p, int fd, uint64_t offset,
		     struct writer_result *ret, struct error *err)
{
	_cleanup_(tar_release) struct tar t = {
		.params = p, .out = OUT_INIT, .pax = STRBUF_INIT, .map = STRBUF_INIT
	};
	struct tar_walk w = { &t, err };
	struct writer_result res = { 0 };
	int r = wlist_build(tree, &t.list, err);

	r = r < 0 ? r : out_open(&t.out, fd, offset, err);
	t.out.stream = p->stream;
	t.out.threaded = true;
	t.out.progress = p->progress;
	r = r < 0 ? r : tree_walk(tree_root(tree), emit_node, &w);
	r = r < 0 ? r : emit_end(&t, err);
	if (r < 0)
		return r;
	res.size = t.out.pos + t.out.len;
	if (p->seed)
		memcpy(res.seed, p->seed, sizeof(res.seed));
	r = out_finish(&t.out, res.size, err);
	if (r == 0)
		*ret = res;
	return r;
}

const struct writer_ops writer_tar = { "tar", tar_write };
