/* SPDX-License-Identifier: Apache-2.0 */
#include "source/read.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "compat/zin.h"

/*
 * "newc": "070701" ("070702" with a sum of the content's bytes) and 13 fields of 8 hex digits: ino, mode, uid, gid, nlink,
 * mtime, filesize, maj, min, rmaj, rmin, namesize, chksum; the name with its NUL, padding to 4, the content, padding to 4.
 * Hard links of one archive have the same ino, maj and min; one of them, not always the first, has the content
 * (init/initramfs.c of the kernel).
 */
#define HEAD	    110u
#define FIELDS	    13u
#define TRAILER	    "TRAILER!!!"
#define CHUNK	    65536u
#define STREAM_MAX  (UINT64_C(8) << 30) /* bytes that all compressed parts may unpack to */
#define ENTRIES_MAX TREE_ENTRIES_MAX
#define PADDING_MAX (1u << 20) /* zeros between archives of one compressed part */

enum field { INO, MODE, UID, GID, NLINK, MTIME, FILESIZE, MAJ, MIN, RMAJ, RMIN, NAMESIZE, CHKSUM };

struct link {
	uint32_t id[3]; /* ino, maj, min */
	char *path;
};

struct cpio {
	struct tree *tree;
	int fd;
	uint64_t pos, size; /* in the file */
	struct zin *zin;    /* while in a compressed part */
	uint64_t before;    /* bytes of compressed parts before this one */
	uint64_t at;	    /* bytes of this part so far; plain: the position in the file */
	struct link *links; /* of this archive */
	size_t n_links, cap_links;
	size_t entries;
	uint64_t content;
	uint8_t *buf; /* CHUNK bytes */
};

/* Up to len bytes: fewer at the end only. */
static ssize_t take(struct cpio *c, void *buf, size_t len, struct error *err)
{
	size_t n = 0;

	if (!c->zin) {
		n = (size_t)MIN(c->size - c->at, (uint64_t)len);
		if (fd_pread_full(c->fd, buf, n, (off_t)c->at) < 0)
			return error_set(err, -EIO, "cannot read the file");
	}
	while (c->zin && n < len) {
		ssize_t k = zin_read(c->zin, (uint8_t *)buf + n, len - n, err);

		if (k < 0)
			return k;
		if (k == 0)
			break;
		n += (size_t)k;
	}
	c->at += n;
	if (c->zin && c->before + c->at > STREAM_MAX)
		return error_set(err, -EFBIG, "unpacks to more than %llu bytes",
				 (unsigned long long)STREAM_MAX);
	return (ssize_t)n;
}

static int take_all(struct cpio *c, void *buf, size_t len, struct error *err)
{
	ssize_t n = take(c, buf, len, err);

	if (n < 0)
		return (int)n;
	return (size_t)n == len ? 0 : error_set(err, -EBADMSG, "the archive is cut off");
}

static int take_padding(struct cpio *c, struct error *err)
{
	uint8_t b[4];

	return take_all(c, b, (size_t)(-c->at & 3), err);
}

static int parse_head(const char *b, uint32_t v[FIELDS], struct error *err)
{
	if (memcmp(b, "070701", 6) != 0 && memcmp(b, "070702", 6) != 0)
		return error_set(err, -EBADMSG, "no cpio header where one must be");
	for (size_t i = 0; i < FIELDS; i++) {
		v[i] = 0;
		for (size_t k = 0; k < 8; k++) {
			char ch = b[6 + i * 8 + k];
			int d = ch >= '0' && ch <= '9'		       ? ch - '0'
				: (ch | 32) >= 'a' && (ch | 32) <= 'f' ? (ch | 32) - 'a' + 10
								       : -1;

			if (d < 0)
				return error_set(err, -EBADMSG,
						 "a cpio header has a field that is no number");
			v[i] = v[i] << 4 | (uint32_t)d;
		}
	}
	return 0;
}

static int check_path(const char *p, struct error *err)
{
	while (*p) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return error_set(err, -EINVAL, "path contains '..'");
		p += len;
		p += strspn(p, "/");
	}
	return 0;
}

/* The name with its padding; 1: it is the end of the archive. */
static int take_name(struct cpio *c, uint32_t size, char *name, struct error *err)
{
	int r;

	if (!size || size > TREE_PATH_MAX + 1)
		return error_set(err, -EBADMSG, "an entry's name has %u bytes", size);
	r = take_all(c, name, size, err);
	if (r < 0)
		return r;
	if (strnlen(name, size) != size - 1)
		return error_set(err, -EBADMSG, "an entry's name does not end where it says");
	r = take_padding(c, err);
	return r < 0 ? r : str_eq(name, TRAILER);
}

/* The content, spooled unless it lies in the file as it is. */
static int take_content(struct cpio *c, const uint32_t v[FIELDS], bool sum, struct blob *ret,
			struct error *err)
{
	uint64_t start = c->zin ? tree_spool_pos(c->tree) : c->at;
	uint32_t left = v[FILESIZE], have = 0;
	int r = 0;

	if (!c->zin && left > c->size - c->at)
		return error_set(err, -EBADMSG, "the archive is cut off");
	if (!c->zin && !sum) {
		c->at += left;
		left = 0;
	}
	while (r == 0 && left) {
		size_t n = MIN(left, CHUNK);

		r = take_all(c, c->buf, n, err);
		for (size_t i = 0; sum && r == 0 && i < n; i++)
			have += c->buf[i];
		if (r == 0 && c->zin)
			r = tree_spool_write(c->tree, c->buf, n, err);
		left -= (uint32_t)n;
	}
	if (r < 0)
		return r;
	if (sum && have != v[CHKSUM])
		return error_set(err, -EBADMSG, "the sum of its content is wrong");
	if (c->zin)
		tree_spool_blob(c->tree, start, ret);
	else
		blob_from_fd(ret, c->fd, start, v[FILESIZE]);
	return take_padding(c, err);
}

static struct link *find_link(const struct cpio *c, const uint32_t v[FIELDS])
{
	/* few inodes have several names; the newest are the likeliest */
	for (size_t i = c->n_links; i-- > 0;) {
		const uint32_t *id = c->links[i].id;

		if (id[0] == v[INO] && id[1] == v[MAJ] && id[2] == v[MIN])
			return &c->links[i];
	}
	return NULL;
}

static void forget_links(struct cpio *c)
{
	for (size_t i = 0; i < c->n_links; i++)
		free(c->links[i].path);
	c->n_links = 0;
}

/* More inodes with several names than this make an archive slow to read: refused. */
#define LINKS_MAX 65536u

static int add_link(struct cpio *c, const uint32_t v[FIELDS], const char *path, struct error *err)
{
	struct link *l;

	if (c->n_links == LINKS_MAX)
		return error_set(err, -EFBIG, "more than %u files have hard links", LINKS_MAX);
	if (array_reserve(&c->links, &c->cap_links, c->n_links + 1, sizeof(*c->links)) < 0)
		return error_oom(err);
	l = &c->links[c->n_links];
	*l = (struct link){ { v[INO], v[MAJ], v[MIN] }, strdup(path) };
	if (!l->path)
		return error_oom(err);
	c->n_links++;
	return 0;
}

static int add_node(struct cpio *c, const char *path, const uint32_t v[FIELDS], struct blob *b,
		    const char *target, struct error *err)
{
	const unsigned flags = TREE_ADD_FOLLOW | TREE_ADD_EMPTY;
	struct tree_attr a = { .mode = v[MODE],
			       .uid = v[UID],
			       .gid = v[GID],
			       .mtime_sec = v[MTIME],
			       .target = target,
			       .content = b };
	bool many = v[NLINK] > 1 && !S_ISDIR(v[MODE]) && !S_ISLNK(v[MODE]);
	struct link *l = many ? find_link(c, v) : NULL;
	struct tree_node *n = NULL;
	int r;

	if (S_ISCHR(v[MODE]) || S_ISBLK(v[MODE])) {
		a.rdev_major = v[RMAJ];
		a.rdev_minor = v[RMIN];
	}
	if (!l) {
		r = tree_add(c->tree, path, &a, flags, NULL, err);
		return r == 0 && many ? add_link(c, v, path, err) : r;
	}
	r = tree_link(c->tree, path, l->path, flags, &n, err);
	if (r < 0)
		return r;
	if (b->size) {
		if (!S_ISREG(n->inode->mode))
			return error_set(err, -EBADMSG, "content for what is no regular file");
		blob_release(&n->inode->content);
		n->inode->content = *b;
		*b = (struct blob)BLOB_INIT;
	}
	return 0;
}

static int add_entry(struct cpio *c, const char *path, const uint32_t v[FIELDS], bool sum,
		     struct error *err)
{
	_cleanup_(blob_release) struct blob b = BLOB_INIT;
	_cleanup_free_ char *target = NULL;
	int r = check_path(path, err);

	if (r < 0)
		return r;
	if (v[FILESIZE] && !S_ISREG(v[MODE]) && !S_ISLNK(v[MODE]))
		return error_set(err, -EBADMSG, "content for what is no regular file");
	if (++c->entries > ENTRIES_MAX)
		return error_set(err, -EFBIG, "more than %d entries", ENTRIES_MAX);
	c->content += v[FILESIZE];
	if (c->content > READ_CONTENT_MAX)
		return error_set(err, -EFBIG, "the files have more than %llu bytes",
				 (unsigned long long)READ_CONTENT_MAX);
	if (S_ISLNK(v[MODE])) {
		if (!v[FILESIZE] || v[FILESIZE] > TREE_PATH_MAX)
			return error_set(err, -EBADMSG, "symbolic link of %u bytes", v[FILESIZE]);
		target = calloc(1, v[FILESIZE] + 1);
		if (!target)
			return error_oom(err);
		r = take_all(c, target, v[FILESIZE], err);
		if (r == 0 && strlen(target) != v[FILESIZE])
			r = error_set(err, -EBADMSG, "symbolic link with a NUL");
		if (r == 0)
			r = take_padding(c, err);
	} else {
		r = take_content(c, v, sum, &b, err);
	}
	return r < 0 ? r : add_node(c, path, v, &b, target, err);
}

/* One archive, whose first header is in `head`. */
static int read_archive(struct cpio *c, char head[HEAD], struct error *err)
{
	_cleanup_free_ char *name = malloc(TREE_PATH_MAX + 1);
	uint32_t v[FIELDS];
	int r;

	if (!name)
		return error_oom(err);
	for (;;) {
		r = parse_head(head, v, err);
		if (r == 0)
			r = take_name(c, v[NAMESIZE], name, err);
		if (r)
			break;
		r = add_entry(c, name, v, head[5] == '2', err);
		if (r < 0)
			return error_prefix(err, "entry '%.500s'", name);
		r = take_all(c, head, HEAD, err);
		if (r < 0)
			break;
	}
	forget_links(c);
	return r < 0 ? r : 0;
}

static int skip_zeros(struct cpio *c, struct error *err)
{
	uint64_t start = c->at;

	while (c->at < c->size) {
		ssize_t n = take(c, c->buf, CHUNK, err), i = 0;

		if (n < 0)
			return (int)n;
		while (i < n && !c->buf[i])
			i++;
		c->at -= (uint64_t)(n - i);
		if (i < n || c->at == start)
			break;
	}
	return 0;
}

/* Archives and zeros to the end of a part; plain: to where something else begins. */
static int read_part(struct cpio *c, struct error *err)
{
	char head[HEAD];
	uint32_t zeros = 0;
	ssize_t n;
	int r = 0;

	while (r == 0) {
		if (!c->zin && skip_zeros(c, err) < 0)
			return -EIO;
		n = take(c, head, 1, err);
		if (n <= 0)
			return (int)n;
		if (!head[0] && zeros++ < PADDING_MAX)
			continue;
		if (!head[0])
			return error_set(err, -EFBIG, "more than %u zeros between archives",
					 PADDING_MAX);
		if (!c->zin && head[0] != '0') {
			c->at--;
			return 0;
		}
		r = take_all(c, head + 1, HEAD - 1, err);
		if (r == 0)
			r = read_archive(c, head, err);
	}
	return r;
}

static int read_compressed(struct cpio *c, enum zin_kind kind, struct error *err)
{
	int r = zin_open(c->fd, c->pos, kind, &c->zin, err);

	c->at = 0;
	if (r == 0)
		r = read_part(c, err);
	if (r == 0)
		c->pos = zin_end(c->zin);
	c->before += c->at;
	zin_free(c->zin);
	c->zin = NULL;
	return r;
}

static int read_all(struct cpio *c, struct error *err)
{
	int r = 0;

	if (!c->size)
		return error_set(err, -EBADMSG, "is empty");
	while (r == 0 && c->pos < c->size) {
		uint8_t magic[ZIN_MAGIC] = { 0 };
		uint64_t pos = c->pos;
		enum zin_kind kind;

		r = fd_pread_full(c->fd, magic, (size_t)MIN(c->size - pos, (uint64_t)ZIN_MAGIC),
				  (off_t)pos);
		if (r < 0)
			return error_sys(err, r, "cannot read the file");
		kind = zin_kind_of(magic);
		if (kind != ZIN_NONE) {
			r = read_compressed(c, kind, err);
		} else {
			c->at = pos;
			r = read_part(c, err);
			c->pos = c->at;
		}
		if (r == 0 && c->pos == pos)
			r = error_set(err, -EBADMSG, "neither an archive nor a compressed one");
		if (r < 0)
			return error_prefix(err, "part at byte %llu", (unsigned long long)pos);
	}
	return r;
}

int source_read_cpio(struct tree *t, int fd, struct error *err)
{
	struct cpio c = { .tree = t };
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot read the file");
	c.size = (uint64_t)st.st_size;
	c.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (c.fd < 0)
		return error_sys(err, -errno, "duplicate the image's descriptor");
	if (tree_keep_fd(t, c.fd) < 0)
		return error_oom(err);
	c.buf = malloc(CHUNK);
	r = c.buf ? read_all(&c, err) : error_oom(err);
	forget_links(&c);
	free(c.links);
	free(c.buf);
	return r < 0 ? error_prefix(err, "cpio") : 0;
}
