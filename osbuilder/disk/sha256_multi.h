/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_SHA256_MULTI_H
#define DISK_SHA256_MULTI_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * SHA-256 (FIPS 180-4) of many 4096-byte blocks with one prefix, the salt: what a dm-verity tree is made of. Where the processor has
 * the SHA extensions, two blocks are hashed at a time with their instructions interleaved, because one stream alone waits for its own
 * results; elsewhere libcrypto does it. Which one, is found at run time.
 */
#define SHA256_MULTI_BLOCK  4096u
#define SHA256_MULTI_DIGEST 32u

enum sha256_multi_kind {
	SHA256_MULTI_AUTO,
	SHA256_MULTI_LIBCRYPTO,
	SHA256_MULTI_SHANI, /* x86_64: SHA, SSSE3 and SSE4.1 */
};

/* Not to be used by two threads at once. */
struct sha256_multi;
/* salt is copied. -ENOTSUP: this processor lacks the kind asked for (never for AUTO). */
int sha256_multi_new(enum sha256_multi_kind kind, const uint8_t *salt, size_t salt_len,
		     struct sha256_multi **ret, struct error *err);
void sha256_multi_free(struct sha256_multi *m);
static inline void sha256_multi_freep(struct sha256_multi **m)
{
	sha256_multi_free(*m);
}
#define _cleanup_sha256_multi_ _cleanup_(sha256_multi_freep)

/*
 * out: n digests. It may begin where `blocks` begins: a digest is stored only after its block and all before it were read.
 * 0 or -EIO (libcrypto).
 */
int sha256_multi_hash(struct sha256_multi *m, const uint8_t *blocks, size_t n, uint8_t *out);

/* For sha256_multi.c: the SHA-NI part, sha256_shani.c. State words in the order a..h. */
struct sha256_salt {
	uint32_t state[8];	/* after the salt's whole 64-byte chunks */
	uint8_t rest[64];	/* what is left of the salt */
	size_t rest_len, total; /* total: bytes of salt */
};
int sha256_shani_usable(void);
/* `chunks` 64-byte chunks of one message. */
void sha256_shani_update(uint32_t state[8], const uint8_t *data, size_t chunks);
void sha256_shani_blocks(const struct sha256_salt *s, const uint8_t *blocks, size_t n,
			 uint8_t *out);

#endif
