/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/zin.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "compat/la_lib.h"

#define ZIN_CHUNK   65536u
#define ZSTD_WINDOW 27
#define GZIP_WINDOW (15 + 16) /* the largest window, gzip header and trailer: inflateInit2() */

struct zin {
	int fd;
	uint64_t pos; /* of the next read from the file */
	bool gzip, ended;
	z_stream zs;
	ZSTD_DStream *zstd; /* and what of `in` it has not read */
	ZSTD_inBuffer zstd_in;
	const struct la_lib *lib; /* of ar */
	struct archive *ar;
	uint8_t in[ZIN_CHUNK];
};

/* What Documentation/driver-api/early-userspace and lib/decompress.c name. */
enum zin_kind zin_kind_of(const uint8_t m[ZIN_MAGIC])
{
	static const struct {
		const char *bytes;
		size_t len;
	} others[] = { { "\xfd\x37zXZ", 6 },
		       { "BZh", 3 },
		       { "\x04\x22\x4d\x18", 4 },
		       { "\x02\x21\x4c\x18", 4 },
		       { "\x5d\0\0", 3 } };

	if (m[0] == 0x1f && m[1] == 0x8b)
		return ZIN_GZIP;
	if (memcmp(m, "\x28\xb5\x2f\xfd", 4) == 0)
		return ZIN_ZSTD;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (memcmp(m, others[i].bytes, others[i].len) == 0)
			return ZIN_OTHER;
	return ZIN_NONE;
}

static la_ssize_t read_file(struct archive *ar, void *data, const void **ret_buf)
{
	struct zin *z = data;
	ssize_t n;

	do
		n = pread(z->fd, z->in, sizeof(z->in), (off_t)z->pos);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (ar)
			z->lib->archive_set_error(ar, errno, "cannot read the file");
		return -1;
	}
	z->pos += (uint64_t)n;
	*ret_buf = z->in;
	return n;
}

static int la_fail(struct zin *z, struct error *err)
{
	const char *text = z->lib->archive_error_string(z->ar);
	int no = z->lib->archive_errno(z->ar);

	return error_set(err, no == ENOMEM || no == EIO ? -no : -EBADMSG,
			 "damaged compressed data: %s", text ? text : "unknown error");
}

static int open_other(struct zin *z, struct error *err)
{
	struct archive_entry *entry;
	int r = la_lib_get(&z->lib, err);

	if (r < 0)
		return r;
	z->ar = z->lib->archive_read_new();
	if (!z->ar)
		return error_oom(err);
	/* Not filter_all: that one starts programs for the formats the library lacks. */
	z->lib->archive_read_support_filter_bzip2(z->ar);
	z->lib->archive_read_support_filter_lz4(z->ar);
	z->lib->archive_read_support_filter_lzma(z->ar);
	z->lib->archive_read_support_filter_xz(z->ar);
	z->lib->archive_read_support_format_raw(z->ar);
	if (z->lib->archive_read_open(z->ar, z, NULL, read_file, NULL) != ARCHIVE_OK ||
	    z->lib->archive_read_next_header(z->ar, &entry) != ARCHIVE_OK)
		return la_fail(z, err);
	if (z->lib->archive_filter_code(z->ar, 0) == ARCHIVE_FILTER_NONE)
		return error_set(err, -EBADMSG, "damaged compressed data");
	return 0;
}

int zin_open(int fd, uint64_t offset, enum zin_kind kind, struct zin **ret, struct error *err)
{
	_cleanup_(zin_freep) struct zin *z = new0(struct zin);
	int r = 0;

	if (!z)
		return error_oom(err);
	z->fd = fd;
	z->pos = offset;
	if (kind == ZIN_GZIP) {
		if (inflateInit2(&z->zs, GZIP_WINDOW) != Z_OK)
			return error_oom(err);
		z->gzip = true;
	} else if (kind == ZIN_ZSTD) {
		z->zstd = ZSTD_createDStream();
		if (!z->zstd ||
		    ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW)))
			return error_oom(err);
	} else {
		r = open_other(z, err);
	}
	if (r == 0)
		*ret = steal_ptr(z);
	return r;
}

static ssize_t read_gzip(struct zin *z, void *buf, size_t len, struct error *err)
{
	const size_t want = MIN(len, (size_t)1 << 30);
	int rc = Z_OK;

	if (z->ended)
		return 0;
	z->zs.next_out = buf;
	z->zs.avail_out = (uInt)want;
	while (z->zs.avail_out && rc != Z_STREAM_END) {
		if (!z->zs.avail_in) {
			const void *p;
			la_ssize_t n = read_file(NULL, z, &p);

			if (n <= 0)
				return error_set(err, -EBADMSG, "compressed data is cut off");
			z->zs.next_in = z->in;
			z->zs.avail_in = (uInt)n;
		}
		rc = inflate(&z->zs, Z_NO_FLUSH);
		if (rc == Z_MEM_ERROR)
			return error_oom(err);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return error_set(err, -EBADMSG, "damaged compressed data: %s",
					 z->zs.msg ? z->zs.msg : "no progress");
	}
	z->ended = rc == Z_STREAM_END;
	return (ssize_t)(want - z->zs.avail_out);
}

static ssize_t read_zstd(struct zin *z, void *buf, size_t len, struct error *err)
{
	const size_t want = MIN(len, (size_t)1 << 30);
	ZSTD_outBuffer o = { buf, want, 0 };
	size_t left = 1;

	while (!z->ended && o.pos < o.size) {
		if (z->zstd_in.pos == z->zstd_in.size) {
			const void *p;
			la_ssize_t n = read_file(NULL, z, &p);

			if (n <= 0)
				return error_set(err, -EBADMSG, "compressed data is cut off");
			z->zstd_in = (ZSTD_inBuffer){ p, (size_t)n, 0 };
		}
		left = ZSTD_decompressStream(z->zstd, &o, &z->zstd_in);
		if (ZSTD_isError(left))
			return error_set(err, -EBADMSG, "damaged compressed data: %s",
					 ZSTD_getErrorName(left));
		z->ended = left == 0;
	}
	return (ssize_t)o.pos;
}

ssize_t zin_read(struct zin *z, void *buf, size_t len, struct error *err)
{
	la_ssize_t n;

	if (z->gzip)
		return len ? read_gzip(z, buf, len, err) : 0;
	if (z->zstd)
		return read_zstd(z, buf, len, err);
	n = z->lib->archive_read_data(z->ar, buf, len);
	return n < 0 ? la_fail(z, err) : (ssize_t)n;
}

uint64_t zin_end(const struct zin *z)
{
	if (z->zstd)
		return z->pos - (z->zstd_in.size - z->zstd_in.pos);
	return z->gzip ? z->pos - z->zs.avail_in : z->pos;
}

void zin_free(struct zin *z)
{
	if (!z)
		return;
	if (z->gzip)
		inflateEnd(&z->zs);
	ZSTD_freeDStream(z->zstd);
	if (z->ar)
		z->lib->archive_read_free(z->ar);
	free(z);
}
