/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/zmember.h"

#include <limits.h>
#include <zlib.h>

#include "base/alloc.h"

#define Z_SCRATCH_SIZE 65536

static int inflate_all(z_stream *z, const uint8_t *data, size_t len, uint64_t max_out,
		       uint8_t *scratch, size_t *ret_len, struct error *err)
{
	uint64_t out = 0;
	size_t at = 0;
	int rc = Z_OK;

	while (rc != Z_STREAM_END) {
		size_t n = MIN(len - at, (size_t)INT_MAX);

		z->next_in = (Bytef *)(data + at);
		z->avail_in = (uInt)n;
		z->next_out = scratch;
		z->avail_out = Z_SCRATCH_SIZE;
		rc = inflate(z, Z_NO_FLUSH);
		at += n - z->avail_in;
		out += Z_SCRATCH_SIZE - z->avail_out;
		if (rc == Z_BUF_ERROR)
			return error_set(err, -EBADMSG, "gzip data ends early");
		if (rc == Z_MEM_ERROR)
			return error_oom(err);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return error_set(err, -EBADMSG, "damaged gzip data");
		if (out > max_out)
			return error_set(err, -EFBIG, "unpacks to more than %llu bytes",
					 (unsigned long long)max_out);
	}
	*ret_len = at;
	return 0;
}

int z_member_length(const void *data, size_t len, uint64_t max_out, size_t *ret_len,
		    struct error *err)
{
	_cleanup_free_ uint8_t *scratch = malloc(Z_SCRATCH_SIZE);
	z_stream z = { 0 };
	int r;

	/* 15 + 16: the largest window, gzip headers only */
	if (!scratch || inflateInit2(&z, 15 + 16) != Z_OK)
		return error_oom(err);
	r = inflate_all(&z, data, len, max_out, scratch, ret_len, err);
	inflateEnd(&z);
	return r;
}
