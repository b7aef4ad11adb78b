/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/sha256_multi.h"

#include <string.h>
#include "base/compiler.h"

/*
 * SHA-256 with the SHA extensions of x86 (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, SHA256RNDS2,
 * SHA256MSG1, SHA256MSG2). The instructions want the state as two registers, words A B E F and C D G H from the top.
 */
#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>

#define TARGET __attribute__((target("sha,ssse3,sse4.1")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define LANES  2 /* messages at a time */

/* FIPS 180-4, 4.2.2. */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

struct lane {
	__m128i abef, cdgh;
};

int sha256_shani_usable(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

INLINE __m128i load_words(const uint8_t *p)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);

	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), swap);
}

/* The next four words of the message schedule; w holds the last sixteen, oldest at r. */
INLINE __m128i schedule(const __m128i w[4], unsigned r)
{
	__m128i x = _mm_sha256msg1_epu32(w[r & 3], w[(r + 1) & 3]);

	x = _mm_add_epi32(x, _mm_alignr_epi8(w[(r + 3) & 3], w[(r + 2) & 3], 4));
	return _mm_sha256msg2_epu32(x, w[(r + 3) & 3]);
}

/* One 64-byte chunk of each of n messages. n is a constant where this is inlined, so that everything stays in registers. */
INLINE void compress(struct lane *lanes, const uint8_t *const *in, const unsigned n)
{
	__m128i w[LANES][4], abef[LANES], cdgh[LANES];

	for (unsigned k = 0; k < n; k++) {
		abef[k] = lanes[k].abef;
		cdgh[k] = lanes[k].cdgh;
	}
#pragma GCC unroll 16
	for (unsigned r = 0; r < 16; r++) {
		const __m128i c =
			_mm_load_si128((const __m128i *)(const void *)(constants + 4 * r));

#pragma GCC unroll 2
		for (unsigned k = 0; k < n; k++) {
			__m128i t;

			w[k][r & 3] = r < 4 ? load_words(in[k] + 16 * r) : schedule(w[k], r);
			t = _mm_add_epi32(w[k][r & 3], c);
			cdgh[k] = _mm_sha256rnds2_epu32(cdgh[k], abef[k], t);
			abef[k] =
				_mm_sha256rnds2_epu32(abef[k], cdgh[k], _mm_shuffle_epi32(t, 0x0e));
		}
	}
	for (unsigned k = 0; k < n; k++) {
		lanes[k].abef = _mm_add_epi32(lanes[k].abef, abef[k]);
		lanes[k].cdgh = _mm_add_epi32(lanes[k].cdgh, cdgh[k]);
	}
}

INLINE struct lane lane_of(const uint32_t s[8])
{
	struct lane l = { _mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]),
			  _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7]) };

	return l;
}

INLINE void lane_words(const struct lane *l, uint32_t s[8])
{
	uint32_t x[4], y[4];

	_mm_storeu_si128((__m128i *)(void *)x, l->abef);
	_mm_storeu_si128((__m128i *)(void *)y, l->cdgh);
	s[0] = x[3];
	s[1] = x[2];
	s[2] = y[3];
	s[3] = y[2];
	s[4] = x[1];
	s[5] = x[0];
	s[6] = y[1];
	s[7] = y[0];
}

TARGET void sha256_shani_update(uint32_t state[8], const uint8_t *data, size_t chunks)
{
	struct lane l = lane_of(state);

	for (size_t i = 0; i < chunks; i++) {
		const uint8_t *in = data + i * 64;

		compress(&l, &in, 1);
	}
	lane_words(&l, state);
}

/* What follows the last whole chunk of a block: its rest, and the padding of FIPS 180-4, 5.1.1. Returns the number of chunks. */
static size_t make_tail(uint8_t tail[128], const uint8_t *rest, const struct sha256_salt *s)
{
	uint64_t bits = __builtin_bswap64(((uint64_t)s->total + SHA256_MULTI_BLOCK) * 8);
	size_t chunks = s->rest_len < 56 ? 1 : 2;

	memset(tail, 0, 128);
	memcpy(tail, rest, s->rest_len);
	tail[s->rest_len] = 0x80;
	memcpy(tail + chunks * 64 - 8, &bits, sizeof(bits));
	return chunks;
}

/* n messages: chunk 0 begins with the salt's rest, so all others lie `rest_len` bytes before the block's own. */
INLINE void hash_lanes(const struct sha256_salt *s, const uint8_t *blocks, const unsigned n,
		       uint8_t *out)
{
	uint8_t first[LANES][64], tail[LANES][128];
	const uint8_t *in[LANES];
	size_t head = s->rest_len ? 64 - s->rest_len : 0, tails = 1;
	struct lane lanes[LANES];

	for (unsigned k = 0; k < n; k++) {
		const uint8_t *b = blocks + (size_t)k * SHA256_MULTI_BLOCK;

		lanes[k] = lane_of(s->state);
		memcpy(first[k], s->rest, s->rest_len);
		memcpy(first[k] + s->rest_len, b, head);
		tails = make_tail(tail[k], b + SHA256_MULTI_BLOCK - s->rest_len, s);
		in[k] = first[k];
	}
	if (head)
		compress(lanes, in, n);
	for (size_t at = head; at + 64 <= SHA256_MULTI_BLOCK; at += 64) {
		for (unsigned k = 0; k < n; k++)
			in[k] = blocks + (size_t)k * SHA256_MULTI_BLOCK + at;
		compress(lanes, in, n);
	}
	for (size_t i = 0; i < tails; i++) {
		for (unsigned k = 0; k < n; k++)
			in[k] = tail[k] + i * 64;
		compress(lanes, in, n);
	}
	for (unsigned k = 0; k < n; k++) {
		uint32_t words[8];

		lane_words(&lanes[k], words);
		for (unsigned i = 0; i < 8; i++)
			words[i] = __builtin_bswap32(words[i]);
		memcpy(out + (size_t)k * SHA256_MULTI_DIGEST, words, sizeof(words));
	}
}

TARGET void sha256_shani_blocks(const struct sha256_salt *s, const uint8_t *blocks, size_t n,
				uint8_t *out)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		hash_lanes(s, blocks + i * SHA256_MULTI_BLOCK, LANES,
			   out + i * SHA256_MULTI_DIGEST);
	for (; i < n; i++)
		hash_lanes(s, blocks + i * SHA256_MULTI_BLOCK, 1, out + i * SHA256_MULTI_DIGEST);
}

#else

int sha256_shani_usable(void)
{
	return 0;
}

/* Never called where the processor is not usable. */
void sha256_shani_update(uint32_t state[8], const uint8_t *data, size_t chunks)
{
}

void sha256_shani_blocks(const struct sha256_salt *s, const uint8_t *blocks, size_t n, uint8_t *out)
{
}

#endif
