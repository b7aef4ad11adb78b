/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_Z_H
#define COMPAT_Z_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * Compressing: gzip members (RFC 1952) by libdeflate for whole buffers and by zlib for streams; zstd frames (RFC 8878) with size
 * and checksum by libzstd. Headers carry no time and no name, and no thread is started, so the same bytes and level give the same
 * output (with one version of the library). z.c sees those libraries' headers for it.
 *
 * Z_LZ4_BLOCKS is for erofs (writer/erofs_lz4.c): LZ4 blocks of liblz4, each in Z_LZ4_BLOCK bytes. What z_pack() gives is le32 n, then n
 * times le32, then n times Z_LZ4_BLOCK bytes: for each piece of the input in turn how long it is, with Z_LZ4_PLAIN when it is there as
 * it is, and the block. A compressed piece is longer than Z_LZ4_BLOCK and lies at the end of its block, zeros in front; a plain one is
 * Z_LZ4_BLOCK long, but for the last, and lies at the begin. No levels, no streams.
 *
 * Levels: gzip 1 to 12 (a stream uses at most zlib's 9), zstd 1 to 19, so that no window is over the 8 MiB that every reader takes.
 */
enum z_kind { Z_GZIP, Z_ZSTD, Z_LZ4_BLOCKS };
#define Z_LZ4_BLOCK 4096u
#define Z_LZ4_PLAIN 0x80000000u
/* What is used for level 0: 6, which libdeflate makes smaller than gzip -9 in a tenth of the time; 3, as the zstd program does. */
#define Z_GZIP_LEVEL 6
#define Z_ZSTD_LEVEL 3

/* Where compressed bytes go: 0 or -errno with err filled. */
typedef int (*z_sink_fn)(void *data, const void *bytes, size_t len, struct error *err);

/* Where a member or frame is put: `p` is allocated, grows as needed and is freed by its owner. All zeros at first. */
struct z_buf {
	void *p;
	size_t len, cap;
};

/* One member or frame of a whole buffer. */
struct z_packer;
int z_packer_new(enum z_kind kind, int level, struct z_packer **ret, struct error *err);
void z_packer_free(struct z_packer *z);
static inline void z_packer_freep(struct z_packer **z)
{
	z_packer_free(*z);
}
int z_pack(struct z_packer *z, const void *in, size_t len, struct z_buf *out, struct error *err);

/* One member or frame written piece by piece in constant memory. */
struct z_stream_out;
int z_stream_new(enum z_kind kind, int level, z_sink_fn sink, void *data, struct z_stream_out **ret,
		 struct error *err);
int z_stream_write(struct z_stream_out *z, const void *in, size_t len, struct error *err);
int z_stream_finish(struct z_stream_out *z, struct error *err); /* ends it */
void z_stream_free(struct z_stream_out *z);
static inline void z_stream_freep(struct z_stream_out **z)
{
	z_stream_free(*z);
}

/* One LZ4 block that unpacks to exactly out_len bytes. -EBADMSG when it does not. */
int z_lz4_unpack(const void *in, size_t len, void *out, size_t out_len);

#endif
