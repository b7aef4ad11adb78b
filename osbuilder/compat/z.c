/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/z.h"

#include <limits.h>
#include <libdeflate.h>
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>
#include <string.h>
#include "base/alloc.h"

#define Z_OUT_SIZE (256u << 10)

struct z_packer {
	enum z_kind kind;
	struct libdeflate_compressor *deflate;
	ZSTD_CCtx *zstd;
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
	int r = kind == Z_LZ4_BLOCKS ? 0 : check_level(kind, &level, err);

	if (r < 0)
		return r;
	z = new0(struct z_packer);
	if (!z)
		return error_oom(err);
	z->kind = kind;
	if (kind == Z_GZIP)
		z->deflate = libdeflate_alloc_compressor(level);
	else if (kind == Z_ZSTD)
		z->zstd = zstd_new(level);
	if (kind == Z_GZIP ? !z->deflate : kind == Z_ZSTD && !z->zstd)
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
	free(z);
}

/* Pieces of the input that LZ4 makes fit into a block are at most this long: one match brings 255 bytes of output a byte. */
#define LZ4_PIECE_MAX (1u << 20)

static void put_le32(uint8_t *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(v >> 8 * i);
}

/* One piece of at most `len` bytes into the zeroed block; how much it is, with Z_LZ4_PLAIN. */
static uint32_t lz4_piece(const uint8_t *in, size_t len, uint8_t *block)
{
	int used = (int)MIN(len, (size_t)LZ4_PIECE_MAX);
	int n = len > Z_LZ4_BLOCK
			? LZ4_compress_destSize((const char *)in, (char *)block, &used, Z_LZ4_BLOCK)
			: 0;

	if (n > 0 && used > (int)Z_LZ4_BLOCK) {
		memmove(block + Z_LZ4_BLOCK - n, block, (size_t)n);
		memset(block, 0, Z_LZ4_BLOCK - (size_t)n);
		return (uint32_t)used;
	}
	used = (int)MIN(len, (size_t)Z_LZ4_BLOCK);
	memcpy(block, in, (size_t)used);
	memset(block + used, 0, Z_LZ4_BLOCK - (size_t)used);
	return (uint32_t)used | Z_LZ4_PLAIN;
}

static size_t lz4_blocks(const uint8_t *in, size_t len, uint8_t *out)
{
	const size_t max = (len + Z_LZ4_BLOCK - 1) / Z_LZ4_BLOCK;
	uint8_t *blocks = out + 4 + 4 * max;
	uint32_t n = 0;

	for (size_t at = 0; at < len; n++) {
		uint32_t piece = lz4_piece(in + at, len - at, blocks + (size_t)n * Z_LZ4_BLOCK);

		put_le32(out + 4 + 4 * (size_t)n, piece);
		at += piece & ~Z_LZ4_PLAIN;
	}
	put_le32(out, n);
	memmove(out + 4 + 4 * (size_t)n, blocks, (size_t)n * Z_LZ4_BLOCK);
	return 4 + (size_t)n * (4 + Z_LZ4_BLOCK);
}

static size_t bound_of(const struct z_packer *z, size_t len)
{
	switch (z->kind) {
	case Z_GZIP:
		return libdeflate_gzip_compress_bound(z->deflate, len);
	case Z_ZSTD:
		return ZSTD_compressBound(len);
	default: /* no piece but the last is shorter than a block */
		return 4 + (len + Z_LZ4_BLOCK - 1) / Z_LZ4_BLOCK * (4 + Z_LZ4_BLOCK);
	}
}

int z_pack(struct z_packer *z, const void *in, size_t len, struct z_buf *out, struct error *err)
{
	size_t bound = bound_of(z, len), n;

	if (bound > out->cap) {
		void *p = realloc(out->p, bound);

		if (!p)
			return error_oom(err);
		out->p = p;
		out->cap = bound;
	}
	if (z->kind == Z_GZIP)
		n = libdeflate_gzip_compress(z->deflate, in, len, out->p, out->cap);
	else if (z->kind == Z_LZ4_BLOCKS)
		n = lz4_blocks(in, len, out->p);
	else
		n = ZSTD_compress2(z->zstd, out->p, out->cap, in, len);
	if (z->kind == Z_ZSTD && ZSTD_isError(n))
		return error_set(err, -EIO, "compress %zu bytes: %s", len, ZSTD_getErrorName(n));
	if (!n)
		return error_set(err, -EIO, "compress %zu bytes: no room in the output", len);
	out->len = n;
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

int z_lz4_unpack(const void *in, size_t len, void *out, size_t out_len)
{
	if (len > INT_MAX || out_len > INT_MAX)
		return -EBADMSG;
	return LZ4_decompress_safe_partial(in, out, (int)len, (int)out_len, (int)out_len) ==
			       (int)out_len
		       ? 0
		       : -EBADMSG;
}
