/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_SHA_H
#define CODEC_SHA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * SHA-256 and SHA-512 (FIPS 180-4), and SHA-1 for formats that allow nothing else, through libcrypto, which this module's source file alone includes.
 */

enum sha_kind {
	SHA_KIND_256,
	SHA_KIND_512,
	SHA_KIND_1, /* not collision resistant: only where a format demands it */
};

#define SHA_SIZE_1   20
#define SHA_SIZE_256 32
#define SHA_SIZE_512 64
#define SHA_SIZE_MAX 64
#define SHA_HEX_MAX  (2 * SHA_SIZE_MAX + 1) /* lower-case hex digits and the NUL */

/* Bytes of a digest. */
static inline uint32_t sha_size(enum sha_kind kind)
{
	return kind == SHA_KIND_512 ? SHA_SIZE_512 : kind == SHA_KIND_1 ? SHA_SIZE_1 : SHA_SIZE_256;
}

/* Streaming. Initialise with SHA_INIT; begin, update..., finish; release always. One struct may be begun again. */
struct sha {
	enum sha_kind kind;
	void *ctx; /* EVP_MD_CTX */
	bool set;  /* ctx has been used for `kind`: beginning again is cheap */
};
#define SHA_INIT                          \
	{                                 \
		SHA_KIND_256, NULL, false \
	}
int sha_begin(struct sha *s, enum sha_kind kind); /* 0, -ENOMEM or -EIO */
int sha_update(struct sha *s, const void *data, size_t len);
int sha_finish(struct sha *s, uint8_t out[SHA_SIZE_MAX]); /* writes sha_size(kind) bytes */
void sha_release(struct sha *s);
#define _cleanup_sha_ _cleanup_(sha_release)

/* All at once. */
int sha_of(enum sha_kind kind, const void *data, size_t len, uint8_t out[SHA_SIZE_MAX]);
/*
 * `len` bytes of a file from `off` on, by pread (the file's position is left alone). UINT64_MAX: to the end. An early end is
 * -ENODATA. err names the offset; callers add the path.
 */
int sha_of_fd(enum sha_kind kind, int fd, uint64_t off, uint64_t len, uint8_t out[SHA_SIZE_MAX],
	      struct error *err);
/* Adds `len` bytes of a file to s, as sha_of_fd(). */
int sha_update_fd(struct sha *s, int fd, uint64_t off, uint64_t len, struct error *err);
/* As sha_of() and sha_of_fd(), in hex. */
int sha_hex_of(enum sha_kind kind, const void *data, size_t len, char out[SHA_HEX_MAX]);
int sha_hex_of_fd(enum sha_kind kind, int fd, uint64_t off, uint64_t len, char out[SHA_HEX_MAX],
		  struct error *err);

#endif
