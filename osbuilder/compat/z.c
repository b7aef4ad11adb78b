/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/z.h"

#include <limits.h>
#include <libdeflate.h>
#include <zlib.h>
#include "base/alloc.h"

#define Z_OUT_SIZE (256u << 10)

struct z_packer {
	struct libdeflate_compressor *c;
	void *out;
	size_t cap;
};

static int check_level(int level, struct error *err)
{
	if (level < Z_LEVEL_MIN || level > Z_LEVEL_MAX)
		return error_set(err, -EINVAL, "gzip level %d is not between %d and %d", level,
				 Z_LEVEL_MIN, Z_LEVEL_MAX);
	return 0;
}

int z_packer_new(int level, struct z_packer **ret, struct error *err)
{
	struct z_packer *z;
	int r = check_level(level, err);

	if (r < 0)
		return r;
	z = new0(struct z_packer);
	if (!z)
		return error_oom(err);
	z->c = libdeflate_alloc_compressor(level);
	if (!z->c) {
		free(z);
		return error_oom(err);
	}
	*ret = z;
	return 0;
}

void z_packer_free(struct z_packer *z)
{
	if (!z)
		return;
	libdeflate_free_compressor(z->c);
	free(z->out);
	free(z);
}

int z_pack(struct z_packer *z, const void *in, size_t len, const void **ret_out, size_t *ret_len,
	   struct error *err)
{
	size_t bound = libdeflate_gzip_compress_bound(z->c, len);
	size_t n;

	if (bound > z->cap) {
		void *p = realloc(z->out, bound);

		if (!p)
			return error_oom(err);
		z->out = p;
		z->cap = bound;
	}
	n = libdeflate_gzip_compress(z->c, in, len, z->out, z->cap);
	if (!n)
		return error_set(err, -EIO, "compress %zu bytes: no room in the output", len);
	*ret_out = z->out;
	*ret_len = n;
	return 0;
}

struct z_stream_out {
	z_stream z;
	z_sink_fn sink;
	void *data;
	uint8_t out[Z_OUT_SIZE];
};

int z_stream_new(int level, z_sink_fn sink, void *data, struct z_stream_out **ret,
		 struct error *err)
{
	struct z_stream_out *z;
	int r = check_level(level, err);

	if (r < 0)
		return r;
	z = new0(struct z_stream_out);
	if (!z)
		return error_oom(err);
	z->sink = sink;
	z->data = data;
	/* 15 + 16: the largest window, gzip framing; zlib's own header has time 0. */
	if (deflateInit2(&z->z, level > 9 ? 9 : level, Z_DEFLATED, 15 + 16, 9,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return error_oom(err);
	}
	*ret = z;
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
	z->z.next_in = NULL;
	z->z.avail_in = 0;
	return stream_run(z, Z_FINISH, err);
}

void z_stream_free(struct z_stream_out *z)
{
	if (!z)
		return;
	deflateEnd(&z->z);
	free(z);
}
