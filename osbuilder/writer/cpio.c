/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/writer.h"

#include <stdio.h>
#include "base/alloc.h"
#include "base/strbuf.h"
#include "compat/z.h"
#include "writer/zpool.h"
#include "writer/list.h"
#include "writer/out.h"

/*
 * cpio "newc" as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst, init/initramfs.c): a
 * header of "070701" and 13 fields of 8 hex digits, the name with its NUL, padding to 4, the content, padding to 4.
 *
 * Names come in walk order without leading slash, the root as ".". Inode numbers count from 1 in each archive, dev is 0. Hard
 * links are written together where the last of them comes (all their directories exist by then), the content with the last, as
 * cpio does. A symbolic link with several names is written as several: the kernel (do_symlink() of init/initramfs.c) makes no
 * hard links of them, and one without a target would be lost. Times are whole seconds from 1970 to 2106; what is before or
 * after becomes the first or last of them.
 *
 * Compressed, the file is a row of gzip members or zstd frames, each a complete archive with trailer: what the format allows
 * ("(\0* | cpio | gzip(cpio))*") and lets libdeflate, which has no streams, work in bounded memory and in several threads. Where
 * one ends is decided by the entries in it alone: behind an entry whose name, hashed, is below its size in proportion to the wanted
 * mean, and in front of one that would make it larger than MEMBER_MAX. So a file that changes changes its own member, rarely its
 * neighbour, and no other. A larger entry is a member of its own, and one larger than SEGMENT_MAX is streamed, which for gzip
 * (zlib) is three times slower. Hard links never span members.
 *
 * What params->late names comes last, in members of its own.
 */
#define CPIO_HEAD    110u
#define CPIO_TRAILER "TRAILER!!!"
#define CPIO_END     512u	/* archives are padded to it */
#define MEMBER_MAX   (6u << 20) /* of more than one entry */
#define SEGMENT_MAX  (32u << 20)
/* The mean of a member: zstd finds repetitions far away, and loses 2 % of size so. */
#define MEAN_GZIP (2u << 20)
#define MEAN_ZSTD (4u << 20)
#define COPY_SIZE (256u << 10)
#define LATE_MAX  8u

struct cpio {
	const struct writer_params *params;
	struct wlist list;
	struct out out;
	struct tree_node *
		*links;	  /* names of inodes with several: grouped by inode, in walk order inside */
	size_t *link_end; /* by list index: end of the inode's group in links */
	uint8_t *
		layer; /* by list index: 0, or 1 + index of the last of `late` that has a name of it */
	const struct tree_node *late[LATE_MAX];
	unsigned n_late, layer_now;
	uint64_t mean;		     /* size of members, uncompressed */
	struct zpool *pool;	     /* NULL when not compressed */
	struct z_stream_out *stream; /* set while a large file's member is open */
	size_t seg_len;		     /* bytes of the member in the pool's buffer */
	uint64_t member_len;	     /* uncompressed bytes of the member so far */
	uint32_t ino;		     /* last number given in this archive */
	uint8_t *copy;		     /* COPY_SIZE bytes */
};

static uint64_t pad4(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

static int sink(void *data, const void *bytes, size_t len, struct error *err)
{
	struct cpio *c = data;

	return out_add(&c->out, bytes, len, err);
}

static int emit(struct cpio *c, const void *p, size_t n, struct error *err)
{
	c->member_len += n;
	if (!c->pool)
		return out_add(&c->out, p, n, err);
	if (c->stream)
		return z_stream_write(c->stream, p, n, err);
	memcpy(zpool_buf(c->pool) + c->seg_len, p, n);
	c->seg_len += n;
	return 0;
}

static int emit_zeros(struct cpio *c, uint64_t to, struct error *err)
{
	static const uint8_t zeros[CPIO_END];

	return emit(c, zeros, (size_t)(to - c->member_len), err);
}

struct cpio_head {
	uint32_t ino, mode, uid, gid, nlink, mtime, size, rmajor, rminor;
};

static int emit_head(struct cpio *c, const struct cpio_head *h, const char *name, size_t name_len,
		     struct error *err)
{
	char b[CPIO_HEAD + 1];
	int r;

	snprintf(b, sizeof(b), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", h->ino,
		 h->mode, h->uid, h->gid, h->nlink, h->mtime, h->size, 0u, 0u, h->rmajor, h->rminor,
		 (uint32_t)name_len + 1, 0u);
	r = emit(c, b, CPIO_HEAD, err);
	if (r == 0)
		r = emit(c, name, name_len + 1, err);
	return r < 0 ? r : emit_zeros(c, pad4(c->member_len), err);
}

static int end_member(struct cpio *c, struct error *err)
{
	struct cpio_head h = { .nlink = 1 };
	int r = emit_head(c, &h, CPIO_TRAILER, sizeof(CPIO_TRAILER) - 1, err);

	if (r == 0)
		r = emit_zeros(c, (c->member_len + CPIO_END - 1) / CPIO_END * CPIO_END, err);
	if (r == 0 && c->stream)
		r = z_stream_finish(c->stream, err);
	else if (r == 0 && c->pool)
		r = zpool_submit(c->pool, c->seg_len, err);
	z_stream_free(c->stream);
	c->stream = NULL;
	c->seg_len = 0;
	c->member_len = 0;
	c->ino = 0;
	return r;
}

static enum z_kind kind_of(const struct cpio *c)
{
	return c->params->compression == WRITER_ZSTD ? Z_ZSTD : Z_GZIP;
}

/* Room for `size` more bytes that belong together: ends the member that they do not fit; streams what no member fits. */
static int begin_group(struct cpio *c, uint64_t size, struct error *err)
{
	const uint64_t end = 2 * CPIO_END; /* trailer and padding */
	int r = 0;

	if (!c->pool)
		return 0;
	if (c->stream || (c->member_len && c->member_len + size + end > MEMBER_MAX))
		r = end_member(c, err);
	if (r < 0)
		return r;
	if (size + end <= SEGMENT_MAX)
		return zpool_reserve(c->pool, c->seg_len + (size_t)(size + end), err);
	r = zpool_flush(c->pool, err);
	return r < 0 ? r : z_stream_new(kind_of(c), c->params->level, sink, c, &c->stream, err);
}

/* Does the member end behind this entry of `size` bytes? FNV-1a, its bits mixed as in MurmurHash3. */
static bool ends_here(const char *path, uint64_t size, uint64_t mean)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (h >> 32) * mean >> 32 < size;
}

static uint32_t clamp32(int64_t v)
{
	return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static int emit_content(struct cpio *c, const struct blob *b, struct error *err)
{
	_cleanup_blob_reader_ struct blob_reader rd = BLOB_READER_INIT;
	int r = blob_reader_open(&rd, b, err);

	if (r == 0 && c->pool && !c->stream) { /* begin_group() made room */
		r = blob_reader_pread(&rd, 0, zpool_buf(c->pool) + c->seg_len, b->size, err);
		c->seg_len += b->size;
		c->member_len += b->size;
		return r < 0 ? r : emit_zeros(c, pad4(c->member_len), err);
	}
	for (uint64_t off = 0; r == 0 && off < b->size;) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)COPY_SIZE);

		r = blob_reader_pread(&rd, off, c->copy, n, err);
		if (r == 0)
			r = emit(c, c->copy, n, err);
		off += n;
	}
	return r < 0 ? r : emit_zeros(c, pad4(c->member_len), err);
}

static int emit_entry(struct cpio *c, const struct tree_node *n, bool with_content,
		      struct error *err)
{
	const struct tree_inode *in = n->inode;
	const struct witem *it = &c->list.v[wlist_index(in)];
	bool link = S_ISLNK(in->mode), dev = S_ISCHR(in->mode) || S_ISBLK(in->mode);
	char path[TREE_PATH_BUF];
	const char *name = n->parent ? tree_path(n, path) + 1 : ".";
	struct cpio_head h = { .ino = c->ino,
			       .mode = in->mode,
			       .uid = in->uid,
			       .gid = in->gid,
			       .nlink = link ? 1 : writer_links(it) };
	int64_t sec;
	uint32_t nsec;
	int r;

	writer_mtime(c->params, in, &sec, &nsec);
	h.mtime = clamp32(sec);
	h.rmajor = dev ? in->rdev_major : 0;
	h.rminor = dev ? in->rdev_minor : 0;
	if (with_content && S_ISREG(in->mode))
		h.size = (uint32_t)in->content.size;
	else if (with_content && link)
		h.size = (uint32_t)strlen(in->target);
	r = emit_head(c, &h, name, strlen(name), err);
	if (r == 0 && with_content && S_ISREG(in->mode))
		r = emit_content(c, &in->content, err);
	else if (r == 0 && with_content && link) {
		r = emit(c, in->target, strlen(in->target), err);
		r = r < 0 ? r : emit_zeros(c, pad4(c->member_len), err);
	}
	return r;
}

/* What newc cannot hold: refused, or attributes left out and named. */
static int check(const struct cpio *c, const struct tree_node *n, struct error *err)
{
	const struct tree_inode *in = n->inode;
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	char path[TREE_PATH_BUF];

	if (S_ISREG(in->mode) && in->content.size > UINT32_MAX)
		return error_set(err, -EFBIG,
				 "%llu bytes are too many for cpio newc, which ends at 4 GiB",
				 (unsigned long long)in->content.size);
	if (!in->n_xattrs)
		return 0;
	if (!c->params->drop_xattrs)
		return error_set(err, -ENOTSUP,
				 "cpio newc cannot store its extended attribute \"%s\"",
				 in->xattrs[0].name);
	for (size_t i = 0; i < in->n_xattrs; i++)
		if (strbuf_addf(&names, "%s%s", i ? ", " : "", in->xattrs[i].name) < 0)
			return error_oom(err);
	progress_warn(c->params->progress,
		      "cpio newc cannot store extended attributes: %s loses %s", tree_path(n, path),
		      names.buf);
	return 0;
}

static uint64_t entry_bound(const struct tree_inode *in, size_t names)
{
	uint64_t n = names * (CPIO_HEAD + TREE_PATH_BUF + 8);

	return n + (S_ISREG(in->mode) ? in->content.size : 0) + TREE_PATH_BUF;
}

/* All names of an inode, at the last of them. */
static int emit_node(struct cpio *c, struct tree_node *n, struct error *err)
{
	const struct tree_inode *in = n->inode;
	size_t names = S_ISDIR(in->mode) ? 1 : in->nlink, at = 0;
	char path[TREE_PATH_BUF];
	uint64_t start;
	int r = check(c, n, err);

	if (r == 0)
		r = begin_group(c, entry_bound(in, names), err);
	c->ino++;
	start = c->member_len;
	if (names > 1)
		at = c->link_end[wlist_index(in)] - names;
	for (size_t i = 0; r == 0 && i < names; i++) {
		c->ino += i && S_ISLNK(in->mode);
		r = emit_entry(c, names > 1 ? c->links[at + i] : n,
			       i + 1 == names || S_ISLNK(in->mode), err);
	}
	if (r < 0)
		return writer_blame(n, err);
	if (c->pool && !c->stream && ends_here(tree_path(n, path), c->member_len - start, c->mean))
		return end_member(c, err);
	return 0;
}

struct walk {
	struct cpio *c;
	struct error *err;
};

static unsigned layer_of(const struct cpio *c, const struct tree_node *n)
{
	unsigned layer = 0;

	for (; n && c->n_late; n = n->parent)
		for (unsigned i = layer; i < c->n_late; i++)
			if (c->late[i] == n)
				layer = i + 1;
	return layer;
}

static int walk_emit(struct tree_node *n, void *data)
{
	struct walk *w = data;
	const struct cpio *c = w->c;
	size_t i = wlist_index(n->inode);

	if (!tree_is_dir(n) && c->list.v[i].last != n)
		return 0;
	return c->layer[i] == c->layer_now ? emit_node(w->c, n, w->err) : 0;
}

static int walk_layers(struct tree_node *n, void *data)
{
	struct cpio *c = data;
	uint8_t *l = &c->layer[wlist_index(n->inode)];

	*l = MAX(*l, (uint8_t)layer_of(c, n));
	return 0;
}

static int walk_links(struct tree_node *n, void *data)
{
	struct cpio *c = data;

	if (!tree_is_dir(n) && n->inode->nlink > 1)
		c->links[c->link_end[wlist_index(n->inode)]++] = n;
	return 0;
}

/* A counting sort: room for each inode's names is known from nlink. */
static int collect_links(struct cpio *c, struct tree *t, struct error *err)
{
	size_t n = 0;

	c->link_end = new0_array(size_t, c->list.n);
	if (!c->link_end)
		return error_oom(err);
	for (size_t i = 0; i < c->list.n; i++) {
		const struct tree_inode *in = c->list.v[i].in;

		c->link_end[i] = n;
		n += !S_ISDIR(in->mode) && in->nlink > 1 ? in->nlink : 0;
	}
	c->links = new0_array(struct tree_node *, n);
	if (!c->links)
		return error_oom(err);
	return tree_walk(tree_root(t), walk_links, c);
}

/* Which inode goes into which part. */
static int plan_layers(struct cpio *c, struct tree *t, struct error *err)
{
	c->layer = new0_array(uint8_t, c->list.n);
	if (!c->layer)
		return error_oom(err);
	for (const char *const *p = c->params->late; p && *p; p++) {
		const struct tree_node *n = tree_resolve(t, *p);

		if (!n || n == tree_root(t))
			continue;
		if (c->n_late == LATE_MAX)
			return error_set(err, -E2BIG, "more than %u parts of an initrd", LATE_MAX);
		c->late[c->n_late++] = n;
	}
	return c->n_late ? tree_walk(tree_root(t), walk_layers, c) : 0;
}

static int cpio_open(struct cpio *c, struct tree *t, int fd, uint64_t offset, struct error *err)
{
	int r = wlist_build(t, &c->list, err);

	c->mean = kind_of(c) == Z_ZSTD ? MEAN_ZSTD : MEAN_GZIP;
	if (r == 0)
		r = collect_links(c, t, err);
	if (r == 0)
		r = plan_layers(c, t, err);
	if (r == 0)
		r = out_open(&c->out, fd, offset, err);
	c->out.threaded = c->params->compression == WRITER_PLAIN;
	if (r == 0 && c->params->compression != WRITER_PLAIN)
		r = zpool_open(kind_of(c), c->params->level, 0, sink, c, &c->pool, err);
	if (r < 0)
		return r;
	c->copy = malloc(COPY_SIZE);
	return c->copy ? 0 : error_oom(err);
}

static void cpio_release(struct cpio *c)
{
	wlist_release(&c->list);
	out_release(&c->out);
	free(c->links);
	free(c->link_end);
	free(c->layer);
	zpool_free(c->pool);
	z_stream_free(c->stream);
	free(c->copy);
}

static int cpio_write(struct tree *t, const struct writer_params *p, int fd, uint64_t offset,
		      struct writer_result *ret, struct error *err)
{
	_cleanup_(cpio_release) struct cpio c = { .params = p, .out = OUT_INIT };
	struct writer_result res = { 0 };
	struct walk w = { &c, err };
	int r;

	c.out.progress = p->progress;
	r = cpio_open(&c, t, fd, offset, err);
	for (; r == 0 && c.layer_now <= c.n_late; c.layer_now++) {
		r = tree_walk(tree_root(t), walk_emit, &w);
		if (r == 0 && c.member_len && (c.pool || c.layer_now == c.n_late))
			r = end_member(&c, err);
	}
	if (r == 0 && c.pool)
		r = zpool_flush(c.pool, err);
	if (r < 0)
		return r;
	res.size = c.out.pos + c.out.len;
	if (p->seed)
		memcpy(res.seed, p->seed, sizeof(res.seed));
	r = out_finish(&c.out, res.size, err);
	if (r == 0)
		*ret = res;
	return r;
}

const struct writer_ops writer_cpio = { "cpio", cpio_write, 1u << WRITER_GZIP | 1u << WRITER_ZSTD };
