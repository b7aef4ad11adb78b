/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_Z_H
#define COMPAT_Z_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * gzip (RFC 1952) by libdeflate for whole buffers and by zlib for streams. Headers carry no time and no name, so the same
 * bytes and level give the same output (with one version of the library). Only z.c sees those libraries' headers.
 */

#define Z_LEVEL_MIN	1
#define Z_LEVEL_MAX	12 /* libdeflate's; a stream uses at most zlib's 9 */
#define Z_LEVEL_DEFAULT 6

/* Where compressed bytes go: 0 or -errno with err filled. */
typedef int (*z_sink_fn)(void *data, const void *bytes, size_t len, struct error *err);

/* One gzip member of a whole buffer; *ret_out belongs to the packer and lasts until its next use. */
struct z_packer;
int z_packer_new(int level, struct z_packer **ret, struct error *err);
void z_packer_free(struct z_packer *z);
static inline void z_packer_freep(struct z_packer **z)
{
	z_packer_free(*z);
}
int z_pack(struct z_packer *z, const void *in, size_t len, const void **ret_out, size_t *ret_len,
	   struct error *err);

/* One gzip member written piece by piece in constant memory. */
struct z_stream_out;
int z_stream_new(int level, z_sink_fn sink, void *data, struct z_stream_out **ret,
		 struct error *err);
int z_stream_write(struct z_stream_out *z, const void *in, size_t len, struct error *err);
int z_stream_finish(struct z_stream_out *z, struct error *err); /* ends the member */
void z_stream_free(struct z_stream_out *z);
static inline void z_stream_freep(struct z_stream_out **z)
{
	z_stream_free(*z);
}

#endif
