/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/z.h"

#include <limits.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>
#include "base/alloc.h"

#define Z_OUT_SIZE (256u << 10)

struct z_packer {
	struct libdeflate_compressor *deflate; /* one of the two */
	ZSTD_CCtx *zstd;
	void *out;
	size_t cap;
};

static int check_level(enum z_kind kind, int *level, struct error *err)
{
	const char *name = kind == Z_GZIP ? "gzip" : "zstd";
	const int max = kind == Z_GZIP ? 12 : 19;

	if (*level == 0)
		*level = kind == Z_GZIP ? Z_GZIP_LEVEL : Z_ZSTD_LEVEL;
	if (*level < 1 || *level > max)
		return error_set(err, -EINVAL, "%s level %d is not between 1 and %d", name, *level,
				 max);
	return 0;
}

static ZSTD_CCtx *zstd_new(int level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (c && (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level)) ||
		  ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)))) {
		ZSTD_freeCCtx(c);
		c = NULL;
	}
	return c;
}

int z_packer_new(enum z_kind kind, int level, struct z_packer **ret, struct error *err)
{
	_cleanup_(z_packer_freep) struct z_packer *z = NULL;
	int r = check_level(kind, &level, err);

	if (r < 0)
		return r;
	z = new0(struct z_packer);
	if (!z)
		return error_oom(err);
	if (kind == Z_GZIP)
		z->deflate = libdeflate_alloc_compressor(level);
	else
		z->zstd = zstd_new(level);
	if (!z->deflate && !z->zstd)
		return error_oom(err);
	*ret = steal_ptr(z);
	return 0;
}

void z_packer_free(struct z_packer *z)
{
	if (!z)
		return;
	if (z->deflate)
		libdeflate_free_compressor(z->deflate);
	ZSTD_freeCCtx(z->zstd);
	free(z->out);
	free(z);
}

int z_pack(struct z_packer *z, const void *in, size_t len, const void **ret_out, size_t *ret_len,
	   struct error *err)
{
	size_t bound = z->deflate ? libdeflate_gzip_compress_bound(z->deflate, len)
				  : ZSTD_compressBound(len);
	size_t n;

	if (bound > z->cap) {
		void *p = realloc(z->out, bound);

		if (!p)
			return error_oom(err);
		z->out = p;
		z->cap = bound;
	}
	if (z->deflate)
		n = libdeflate_gzip_compress(z->deflate, in, len, z->out, z->cap);
	else
		n = ZSTD_compress2(z->zstd, z->out, z->cap, in, len);
	if (z->zstd && ZSTD_isError(n))
		return error_set(err, -EIO, "compress %zu bytes: %s", len, ZSTD_getErrorName(n));
	if (!n)
		return error_set(err, -EIO, "compress %zu bytes: no room in the output", len);
	*ret_out = z->out;
	*ret_len = n;
	return 0;
}

struct z_stream_out {
	z_stream z;
	ZSTD_CCtx *zstd; /* NULL: gzip */
	z_sink_fn sink;
	void *data;
	uint8_t out[Z_OUT_SIZE];
};

int z_stream_new(enum z_kind kind, int level, z_sink_fn sink, void *data, struct z_stream_out **ret,
		 struct error *err)
{
	struct z_stream_out *z;
	int r = check_level(kind, &level, err);

	if (r < 0)
		return r;
	z = new0(struct z_stream_out);
	if (!z)
		return error_oom(err);
	z->sink = sink;
	z->data = data;
	/* 15 + 16: the largest window, gzip framing; zlib's own header has time 0. */
	if (kind == Z_ZSTD)
		z->zstd = zstd_new(level);
	if (kind == Z_ZSTD ? !z->zstd
			   : deflateInit2(&z->z, level > 9 ? 9 : level, Z_DEFLATED, 15 + 16, 9,
					  Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return error_oom(err);
	}
	*ret = z;
	return 0;
}

static int zstd_run(struct z_stream_out *z, const void *in, size_t len, ZSTD_EndDirective end,
		    struct error *err)
{
	ZSTD_inBuffer i = { in, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer o = { z->out, sizeof(z->out), 0 };
		int r;

		left = ZSTD_compressStream2(z->zstd, &o, &i, end);
		if (ZSTD_isError(left))
			return error_set(err, -EIO, "compress: %s", ZSTD_getErrorName(left));
		r = o.pos ? z->sink(z->data, z->out, o.pos, err) : 0;
		if (r < 0)
			return r;
	} while (end == ZSTD_e_end ? left != 0 : i.pos < i.size);
	return 0;
}

static int stream_run(struct z_stream_out *z, int flush, struct error *err)
{
	int zr;

	do {
		size_t n;

		z->z.next_out = z->out;
		z->z.avail_out = sizeof(z->out);
		zr = deflate(&z->z, flush);
		if (zr == Z_STREAM_ERROR)
			return error_set(err, -EIO, "compress: the stream's state is damaged");
		n = sizeof(z->out) - z->z.avail_out;
		if (n) {
			int r = z->sink(z->data, z->out, n, err);

			if (r < 0)
				return r;
		}
	} while (flush == Z_FINISH ? zr != Z_STREAM_END : z->z.avail_out == 0);
	return 0;
}

int z_stream_write(struct z_stream_out *z, const void *in, size_t len, struct error *err)
{
	const uint8_t *p = in;

	if (z->zstd)
		return zstd_run(z, in, len, ZSTD_e_continue, err);
	while (len) {
		size_t n = MIN(len, (size_t)UINT_MAX);
		int r;

		z->z.next_in = (Bytef *)(uintptr_t)p;
		z->z.avail_in = (uInt)n;
		r = stream_run(z, Z_NO_FLUSH, err);
		if (r < 0)
			return r;
		p += n;
		len -= n;
	}
	return 0;
}

int z_stream_finish(struct z_stream_out *z, struct error *err)
{
	if (z->zstd)
		return zstd_run(z, NULL, 0, ZSTD_e_end, err);
	z->z.next_in = NULL;
	z->z.avail_in = 0;
	return stream_run(z, Z_FINISH, err);
}

void z_stream_free(struct z_stream_out *z)
{
	if (!z)
		return;
	if (z->zstd)
		ZSTD_freeCCtx(z->zstd);
	else
		deflateEnd(&z->z);
	free(z);
}
