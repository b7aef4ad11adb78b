/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/la.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "compat/la_lib.h"

#define LA_BLOCK     65536 /* bytes read from a descriptor at once */
#define LA_BLOCK_MIN 4096  /* after a skip: enough for the next header */

struct la_archive {
	const struct la_lib *lib;
	struct archive *ar;
	struct archive_entry *entry;
	struct la_archive *outer;
	struct la_limits limits;
	la_read_fn read_fn;
	void *read_data;
	char *buf; /* LA_BLOCK bytes for read_fn and file */
	struct {
		int fd;			  /* -1: not a regular file */
		uint64_t start, at, size; /* where the archive begins, the next read, end */
		size_t next;		  /* bytes of the next read */
	} file;
	uint64_t entries, content;
	uint64_t at; /* end of the current entry's last block */
	locale_t utf8,
		before; /* libarchive converts names through the locale: give it one that keeps bytes */
};

static void locale_enter(struct la_archive *a)
{
	if (a->utf8)
		a->before = uselocale(a->utf8);
}

static void locale_leave(struct la_archive *a)
{
	if (a->utf8)
		uselocale(a->before);
}

static int la_fail(struct la_archive *a, const char *what, struct error *err)
{
	const char *text = a->lib->archive_error_string(a->ar);
	int no = a->lib->archive_errno(a->ar);

	/* libarchive's own codes are negative or ARCHIVE_ERRNO_MISC */
	if (no != ENOMEM && no != EIO && no != EFBIG)
		no = EBADMSG;
	return error_set(err, -no, "%s: %s", what, text ? text : "unknown error");
}

int la_load(struct error *err)
{
	const struct la_lib *lib;

	return la_lib_get(&lib, err);
}

static int la_new(enum la_format format, const struct la_limits *limits, struct la_archive **ret,
		  struct error *err)
{
	_cleanup_la_ struct la_archive *a = new0(struct la_archive);
	int r;

	if (!a)
		return error_oom(err);
	r = la_lib_get(&a->lib, err);
	if (r < 0)
		return r;
	a->limits = *limits;
	a->file.fd = -1;
	a->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	a->ar = a->lib->archive_read_new();
	if (!a->ar)
		return error_oom(err);
	if (format == LA_AR) {
		r = a->lib->archive_read_support_format_ar(a->ar);
	} else {
		r = format == LA_RAW ? a->lib->archive_read_support_format_raw(a->ar)
				     : a->lib->archive_read_support_format_tar(a->ar);
		/* Not filter_all: that one starts programs for the formats the library lacks. */
		a->lib->archive_read_support_filter_gzip(a->ar);
		a->lib->archive_read_support_filter_bzip2(a->ar);
		a->lib->archive_read_support_filter_xz(a->ar);
		a->lib->archive_read_support_filter_lzma(a->ar);
		a->lib->archive_read_support_filter_zstd(a->ar);
	}
	if (r != ARCHIVE_OK)
		return la_fail(a, "cannot set up the archive reader", err);
	*ret = steal_ptr(a);
	return 0;
}

static int la_opened(struct la_archive *a, int rc, struct la_archive **ret, struct error *err)
{
	if (rc != ARCHIVE_OK) {
		rc = la_fail(a, "not an archive", err);
		la_close(a);
		return rc;
	}
	*ret = a;
	return 0;
}

/* Content that is passed over is not read: the next read is short then, and grows again while all is wanted. */
static la_ssize_t file_read(struct archive *ar, void *data, const void **ret_buf)
{
	struct la_archive *a = data;
	ssize_t n = pread(a->file.fd, a->buf, a->file.next, (off_t)a->file.at);

	if (n < 0) {
		a->lib->archive_set_error(ar, EIO, "%s", strerror(errno));
		return -1;
	}
	a->file.at += (uint64_t)n;
	a->file.next = MIN(2 * a->file.next, (size_t)LA_BLOCK);
	*ret_buf = a->buf;
	return n;
}

static la_int64_t file_skip(struct archive *ar, void *data, la_int64_t want)
{
	struct la_archive *a = data;
	uint64_t left = a->file.size > a->file.at ? a->file.size - a->file.at : 0;
	uint64_t n = MIN((uint64_t)want, left);

	a->file.at += n;
	a->file.next = LA_BLOCK_MIN;
	return (la_int64_t)n;
}

static int open_file(struct la_archive *a, int fd, uint64_t start, uint64_t size,
		     struct la_archive **ret, struct error *err)
{
	a->buf = malloc(LA_BLOCK);
	if (!a->buf) {
		la_close(a);
		return error_oom(err);
	}
	a->file.fd = fd;
	a->file.start = a->file.at = start;
	a->file.size = size;
	a->file.next = LA_BLOCK;
	return la_opened(a, a->lib->archive_read_open2(a->ar, a, NULL, file_read, file_skip, NULL),
			 ret, err);
}

int la_open_fd(int fd, enum la_format format, const struct la_limits *limits,
	       struct la_archive **ret, struct error *err)
{
	struct la_archive *a = NULL;
	struct stat st;
	off_t start;
	int r = la_new(format, limits, &a, err);

	if (r < 0)
		return r;
	start = lseek(fd, 0, SEEK_CUR);
	if (start >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return open_file(a, fd, (uint64_t)start, (uint64_t)st.st_size, ret, err);
	return la_opened(a, a->lib->archive_read_open_fd(a->ar, fd, LA_BLOCK), ret, err);
}

int la_open_memory(const void *data, size_t len, enum la_format format,
		   const struct la_limits *limits, struct la_archive **ret, struct error *err)
{
	struct la_archive *a = NULL;
	int r = la_new(format, limits, &a, err);

	if (r < 0)
		return r;
	return la_opened(a, a->lib->archive_read_open_memory(a->ar, data, len), ret, err);
}

static la_ssize_t nested_read(struct archive *ar, void *data, const void **ret_buf)
{
	struct la_archive *outer = data;
	la_int64_t off;
	size_t n;
	int r = outer->lib->archive_read_data_block(outer->ar, ret_buf, &n, &off);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK) {
		outer->lib->archive_set_error(ar, EIO, "%s",
					      outer->lib->archive_error_string(outer->ar));
		return -1;
	}
	return (la_ssize_t)n;
}

static la_ssize_t reader_read(struct archive *ar, void *data, const void **ret_buf)
{
	struct la_archive *a = data;
	struct error err = ERROR_INIT;
	ssize_t n = a->read_fn(a->read_data, a->buf, LA_BLOCK, &err);

	if (n < 0)
		a->lib->archive_set_error(ar, EIO, "%s", error_text(&err));
	*ret_buf = a->buf;
	return n < 0 ? -1 : (la_ssize_t)n;
}

int la_open_reader(la_read_fn fn, void *data, enum la_format format, const struct la_limits *limits,
		   struct la_archive **ret, struct error *err)
{
	struct la_archive *a = NULL;
	int r = la_new(format, limits, &a, err);

	if (r < 0)
		return r;
	a->read_fn = fn;
	a->read_data = data;
	a->buf = malloc(LA_BLOCK);
	if (!a->buf) {
		la_close(a);
		return error_oom(err);
	}
	return la_opened(a, a->lib->archive_read_open(a->ar, a, NULL, reader_read, NULL), ret, err);
}

int la_open_nested(struct la_archive *outer, enum la_format format, const struct la_limits *limits,
		   struct la_archive **ret, struct error *err)
{
	struct la_archive *a = NULL;
	int r = la_new(format, limits, &a, err);

	if (r < 0)
		return r;
	a->outer = outer;
	return la_opened(a, a->lib->archive_read_open(a->ar, outer, NULL, nested_read, NULL), ret,
			 err);
}

uint64_t la_bytes(const struct la_archive *a)
{
	uint64_t raw = (uint64_t)a->lib->archive_filter_bytes(a->ar, 0);

	return raw > a->content ? raw : a->content;
}

static int check_bytes(struct la_archive *a, struct error *err)
{
	if (la_bytes(a) <= a->limits.max_bytes)
		return 0;
	return error_set(err, -EFBIG, "unpacks to more than %llu bytes",
			 (unsigned long long)a->limits.max_bytes);
}

static int fill_entry(struct la_archive *a, struct la_entry *e, struct error *err)
{
	struct archive_entry *ae = a->entry;
	const struct la_lib *l = a->lib;

	memset(e, 0, sizeof(*e));
	e->path = l->archive_entry_pathname(ae);
	if (!e->path)
		return error_set(err, -EBADMSG, "entry %llu has no readable name",
				 (unsigned long long)a->entries);
	e->hardlink = l->archive_entry_hardlink(ae);
	e->symlink = l->archive_entry_symlink(ae);
	e->mode = (uint32_t)l->archive_entry_mode(ae);
	if (e->hardlink)
		e->mode = S_IFREG | (e->mode & 07777);
	if (l->archive_entry_uid(ae) < 0 || l->archive_entry_uid(ae) > UINT32_MAX - 1 ||
	    l->archive_entry_gid(ae) < 0 || l->archive_entry_gid(ae) > UINT32_MAX - 1)
		return error_set(err, -EBADMSG, "entry '%.200s': owner out of range", e->path);
	e->uid = (uint32_t)l->archive_entry_uid(ae);
	e->gid = (uint32_t)l->archive_entry_gid(ae);
	e->mtime_sec = l->archive_entry_mtime(ae);
	e->mtime_nsec = (uint32_t)l->archive_entry_mtime_nsec(ae);
	e->rdev_major = (uint32_t)l->archive_entry_rdevmajor(ae);
	e->rdev_minor = (uint32_t)l->archive_entry_rdevminor(ae);
	if (l->archive_entry_size(ae) < 0)
		return error_set(err, -EBADMSG, "entry '%.200s': negative size", e->path);
	e->size = (uint64_t)l->archive_entry_size(ae);
	e->sparse = l->archive_entry_sparse_count(ae) > 0;
	if (e->size > a->limits.max_bytes) /* what is a hole is never read */
		return error_set(err, -EFBIG, "entry '%.200s': unpacks to more than %llu bytes",
				 e->path, (unsigned long long)a->limits.max_bytes);
	return 0;
}

int la_next(struct la_archive *a, struct la_entry *ret_entry, struct error *err)
{
	int r;

	locale_enter(a);
	r = a->lib->archive_read_next_header(a->ar, &a->entry);
	if (r == ARCHIVE_EOF)
		r = check_bytes(a, err);
	else if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		r = la_fail(a, "damaged archive", err);
	else if (++a->entries > a->limits.max_entries)
		r = error_set(err, -EFBIG, "has more than %llu entries",
			      (unsigned long long)a->limits.max_entries);
	else if ((r = check_bytes(a, err)) == 0 && (r = fill_entry(a, ret_entry, err)) == 0)
		r = 1;
	locale_leave(a);
	a->at = 0;
	if (r == 1)
		a->lib->archive_entry_xattr_reset(a->entry);
	return r;
}

ssize_t la_read(struct la_archive *a, void *buf, size_t len, struct error *err)
{
	la_ssize_t n = a->lib->archive_read_data(a->ar, buf, len);
	int r;

	if (n < 0)
		return la_fail(a, "damaged archive", err);
	a->content += (uint64_t)n;
	r = check_bytes(a, err);
	return r < 0 ? r : (ssize_t)n;
}

int la_read_block(struct la_archive *a, const void **ret_buf, size_t *ret_len, uint64_t *ret_at,
		  struct error *err)
{
	la_int64_t at = 0;
	int r = a->lib->archive_read_data_block(a->ar, ret_buf, ret_len, &at);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return la_fail(a, "damaged archive", err);
	if (at < 0 || (uint64_t)at < a->at || (uint64_t)at > UINT64_MAX / 2)
		return error_set(err, -EBADMSG, "damaged archive: its pieces are out of order");
	*ret_at = (uint64_t)at;
	a->content += *ret_at - a->at + *ret_len;
	a->at = *ret_at + *ret_len;
	r = check_bytes(a, err);
	return r < 0 ? r : 1;
}

int la_content_at(struct la_archive *a, uint64_t *ret_offset, struct error *err)
{
	uint64_t start = a->file.start + (uint64_t)a->lib->archive_filter_bytes(a->ar, 0), at = 0;
	uint64_t size = (uint64_t)a->lib->archive_entry_size(a->entry);
	const void *piece;
	size_t n = 0;
	int r;

	if (a->file.fd < 0 || a->lib->archive_filter_code(a->ar, 0) != ARCHIVE_FILTER_NONE ||
	    !size || a->lib->archive_entry_sparse_count(a->entry))
		return 0;
	if (start > a->file.size || size > a->file.size - start)
		return error_set(err, -EBADMSG, "damaged archive: truncated");
	/* A file that is one hole has no list of pieces either, and no content in the archive. */
	r = la_read_block(a, &piece, &n, &at, err);
	if (r < 0 || at || !n)
		return r < 0 ? r : 0;
	a->content += size - n;
	*ret_offset = start;
	r = check_bytes(a, err);
	return r < 0 ? r : 1;
}

int la_next_xattr(struct la_archive *a, const char **ret_name, const void **ret_value,
		  size_t *ret_len)
{
	return a->lib->archive_entry_xattr_next(a->entry, ret_name, ret_value, ret_len) ==
	       ARCHIVE_OK;
}

void la_close(struct la_archive *a)
{
	if (!a)
		return;
	if (a->ar)
		a->lib->archive_read_free(a->ar);
	if (a->utf8)
		freelocale(a->utf8);
	free(a->buf);
	free(a);
}
