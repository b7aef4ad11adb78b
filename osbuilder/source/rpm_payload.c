/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of a package: a compressed cpio archive ("newc"), or, where a file has 4 GiB or more, rpm's own form of it, whose entries
 * are numbers of files in the header (lib/cpio.c of rpm). Everything but the content is taken from the header.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "source/rpm.h"

#define NEWC_MAGIC_LEN	6
#define NEWC_FIELDS	13
#define NEWC_HEADER	(NEWC_MAGIC_LEN + 8 * NEWC_FIELDS)
#define NEWC_FILESIZE	6
#define NEWC_NAMESIZE	11
#define STRIPPED_NUMBER 8 /* hex digits after the magic "07070X" */
#define PAYLOAD_CHUNK	65536

struct payload {
	struct la_archive *a;
	struct rpm_files *files;
	struct layer_spool *spool;
	uint64_t pos;
	char buf[PAYLOAD_CHUNK];
};

static int read_full(struct payload *p, void *buf, size_t len, struct error *err)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = la_read(p->a, (char *)buf + at, len - at, err);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return error_set(err, -EBADMSG, "payload is cut off");
		at += (size_t)n;
	}
	p->pos += len;
	return 0;
}

static int skip_pad(struct payload *p, struct error *err)
{
	return read_full(p, p->buf, (size_t)(-p->pos & 3), err);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_hex(const char *s, uint32_t *ret, struct error *err)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		int d = hex_digit(s[i]);

		if (d < 0)
			return error_set(err, -EBADMSG, "payload has a bad number");
		v = v << 4 | (uint32_t)d;
	}
	*ret = v;
	return 0;
}

static int take_content(struct payload *p, struct rpm_file *f, uint64_t size, struct error *err)
{
	int r = layer_spool_begin(p->spool, err);

	if (r < 0)
		return r;
	/* Of several hard links all but one are empty in the archive. */
	if (S_ISREG(f->mode) && size != f->size && size)
		return error_set(err, -EBADMSG, "has %llu bytes, the header says %llu",
				 (unsigned long long)size, (unsigned long long)f->size);
	if (!S_ISREG(f->mode) && size > sizeof(p->buf))
		return error_set(err, -EBADMSG, "has content, and is no file");
	f->has_content = S_ISREG(f->mode) && size;
	while (size) {
		size_t n = MIN(size, (uint64_t)sizeof(p->buf));

		r = read_full(p, p->buf, n, err);
		if (r == 0 && S_ISREG(f->mode))
			r = layer_spool_write(p->spool, p->buf, n, err);
		if (r < 0)
			return r;
		size -= n;
	}
	return f->has_content ? layer_spool_blob(p->spool, &f->content, err) : 0;
}

static int take_file(struct payload *p, struct rpm_file *f, uint64_t size, struct error *err)
{
	int r;

	if (f->in_payload)
		return error_set(err, -EBADMSG, "entry '/%.200s' is there twice", f->path);
	f->in_payload = true;
	r = take_content(p, f, size, err);
	if (r == 0)
		r = skip_pad(p, err);
	return r < 0 ? error_prefix(err, "entry '/%.200s'", f->path) : 0;
}

/* 1: an entry, 0: the trailer. */
static int next_newc(struct payload *p, struct error *err)
{
	char fields[8 * NEWC_FIELDS], name[TREE_PATH_MAX + 3];
	uint32_t size = 0, name_len = 0;
	struct rpm_file *f;
	const char *path = name;
	int r = read_full(p, fields, sizeof(fields), err);

	if (r == 0)
		r = read_hex(fields + 8 * NEWC_FILESIZE, &size, err);
	if (r == 0)
		r = read_hex(fields + 8 * NEWC_NAMESIZE, &name_len, err);
	if (r < 0)
		return r;
	if (!name_len || name_len > sizeof(name))
		return error_set(err, -ENAMETOOLONG, "payload has a name of %u bytes", name_len);
	r = read_full(p, name, name_len, err);
	if (r == 0)
		r = skip_pad(p, err);
	if (r < 0)
		return r;
	name[name_len - 1] = '\0';
	if (str_eq(name, "TRAILER!!!"))
		return 0;
	/* "./usr", "/usr" and "usr" are found */
	path += path[0] == '.' && (path[1] == '/' || !path[1]);
	path += strspn(path, "/");
	f = rpm_files_find(p->files, path);
	if (!f)
		return error_set(err, -EBADMSG, "entry '%.200s': the header has no such file",
				 name);
	r = take_file(p, f, size, err);
	return r < 0 ? r : 1;
}

static int next_stripped(struct payload *p, struct error *err)
{
	char digits[STRIPPED_NUMBER];
	uint32_t number = 0;
	struct rpm_file *f;
	uint64_t size;
	int r = read_full(p, digits, sizeof(digits), err);

	if (r == 0)
		r = read_hex(digits, &number, err);
	if (r == 0)
		r = skip_pad(p, err);
	if (r < 0)
		return r;
	if (number >= p->files->n)
		return error_set(err, -EBADMSG, "payload has file %u of %zu", number, p->files->n);
	f = &p->files->v[number];
	/* the last of several hard links has the content */
	size = S_ISLNK(f->mode) || (S_ISREG(f->mode) && f->is_last_link) ? f->size : 0;
	r = take_file(p, f, size, err);
	return r < 0 ? r : 1;
}

static int next_entry(struct payload *p, struct error *err)
{
	char magic[NEWC_MAGIC_LEN];
	int r = read_full(p, magic, sizeof(magic), err);

	if (r < 0)
		return r;
	if (!memcmp(magic, "070701", NEWC_MAGIC_LEN) || !memcmp(magic, "070702", NEWC_MAGIC_LEN))
		return next_newc(p, err);
	if (!memcmp(magic, "07070X", NEWC_MAGIC_LEN))
		return next_stripped(p, err);
	return error_set(err, -EBADMSG, "payload is no cpio archive");
}

int rpm_payload_read(const void *data, size_t len, const struct la_limits *limits,
		     struct rpm_files *files, struct layer_spool *spool, struct error *err)
{
	_cleanup_la_ struct la_archive *a = NULL;
	_cleanup_free_ struct payload *p = new0(struct payload);
	struct la_entry e;
	int r;

	if (!p)
		return error_oom(err);
	r = la_open_memory(data, len, LA_RAW, limits, &a, err);
	if (r == 0)
		r = la_next(a, &e, err);
	if (r == 0)
		return error_set(err, -EBADMSG, "has no payload");
	p->a = a;
	p->files = files;
	p->spool = spool;
	while (r > 0)
		r = next_entry(p, err);
	return r;
}
