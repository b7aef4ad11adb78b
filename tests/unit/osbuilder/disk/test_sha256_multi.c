/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "codec/sha.h"
#include "disk/sha256_multi.h"
#include "support/cmocka_all.h"

#define BLOCKS 5

/* Numbers that look random and are the same each time (a 64-bit linear congruential generator, Knuth's constants). */
static void fill(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(seed >> 56);
	}
}

/* libcrypto over salt and block in one piece. */
static void expected(const uint8_t *salt, size_t salt_len, const uint8_t *block, uint8_t out[32])
{
	uint8_t all[256 + SHA256_MULTI_BLOCK], d[SHA_SIZE_MAX];

	memcpy(all, salt, salt_len);
	memcpy(all + salt_len, block, SHA256_MULTI_BLOCK);
	assert_int_equal(sha_of(SHA_KIND_256, all, salt_len + SHA256_MULTI_BLOCK, d), 0);
	memcpy(out, d, 32);
}

/* Every length of salt, every number of blocks around the number of lanes. */
static void check_kind(enum sha256_multi_kind kind)
{
	static uint8_t blocks[BLOCKS * SHA256_MULTI_BLOCK];
	uint8_t salt[256], out[BLOCKS * 32 + 1], want[32];

	fill(salt, sizeof(salt), 1);
	fill(blocks, sizeof(blocks), 2);
	for (size_t len = 0; len <= sizeof(salt); len++) {
		struct sha256_multi *m = NULL;
		struct error err = ERROR_INIT;

		assert_int_equal(sha256_multi_new(kind, salt, len, &m, &err), 0);
		for (size_t n = 0; n <= BLOCKS; n++) {
			memset(out, 0xee, sizeof(out));
			assert_int_equal(sha256_multi_hash(m, blocks, n, out), 0);
			for (size_t i = 0; i < n; i++) {
				expected(salt, len, blocks + i * SHA256_MULTI_BLOCK, want);
				assert_memory_equal(out + i * 32, want, 32);
			}
			assert_int_equal(out[n * 32], 0xee);
		}
		sha256_multi_free(m);
	}
}

static void libcrypto(void **state)
{
	check_kind(SHA256_MULTI_LIBCRYPTO);
}

static void shani(void **state)
{
	struct sha256_multi *m = NULL;
	struct error err = ERROR_INIT;

	if (!sha256_shani_usable()) {
		assert_int_equal(sha256_multi_new(SHA256_MULTI_SHANI, NULL, 0, &m, &err), -ENOTSUP);
		assert_string_equal(err.msg, "this processor has no SHA extensions");
		skip_because("this processor has no SHA extensions");
	}
	check_kind(SHA256_MULTI_SHANI);
}

/* Digests stored over the blocks that they are of: how a level of the tree becomes the next. */
static void in_place(void **state)
{
	static const enum sha256_multi_kind kinds[] = { SHA256_MULTI_AUTO, SHA256_MULTI_LIBCRYPTO };
	static uint8_t blocks[BLOCKS * SHA256_MULTI_BLOCK], want[BLOCKS * 32];
	const uint8_t salt[] = { 1, 2, 3 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct sha256_multi *m = NULL;
		struct error err = ERROR_INIT;

		fill(blocks, sizeof(blocks), 3);
		for (size_t k = 0; k < BLOCKS; k++)
			expected(salt, sizeof(salt), blocks + k * SHA256_MULTI_BLOCK,
				 want + k * 32);
		assert_int_equal(sha256_multi_new(kinds[i], salt, sizeof(salt), &m, &err), 0);
		assert_int_equal(sha256_multi_hash(m, blocks, BLOCKS, blocks), 0);
		assert_memory_equal(blocks, want, sizeof(want));
		sha256_multi_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libcrypto),
		cmocka_unit_test(shani),
		cmocka_unit_test(in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
