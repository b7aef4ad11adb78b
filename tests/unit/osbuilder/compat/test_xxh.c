/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "compat/xxh.h"
#include "support/cmocka_all.h"

/* XXH128 of nothing with seed 0, from the xxHash specification's test vectors. */
static void known_value(void **state)
{
	static const uint8_t want[XXH_SIZE] = { 0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
						0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f };
	uint8_t have[XXH_SIZE];
	struct xxh *x = NULL;

	assert_int_equal(xxh_new(&x), 0);
	xxh_get(x, have);
	assert_memory_equal(have, want, sizeof(want));
	xxh_free(x);
}

/* How the bytes were cut into pieces does not matter; every one of them does. */
static void pieces_and_bytes(void **state)
{
	uint8_t data[5000], whole[XXH_SIZE], have[XXH_SIZE];
	struct xxh *x = NULL;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(xxh_new(&x), 0);
	xxh_add(x, data, sizeof(data));
	xxh_get(x, whole);
	xxh_free(x);
	assert_int_equal(xxh_new(&x), 0);
	for (size_t at = 0, n = 1; at < sizeof(data); at += n, n = n * 3 % 997)
		xxh_add(x, data + at, n < sizeof(data) - at ? n : sizeof(data) - at);
	xxh_get(x, have);
	xxh_free(x);
	assert_memory_equal(have, whole, sizeof(whole));
	data[4999] ^= 1;
	assert_int_equal(xxh_new(&x), 0);
	xxh_add(x, data, sizeof(data));
	xxh_get(x, have);
	xxh_free(x);
	assert_memory_not_equal(have, whole, sizeof(whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_value),
		cmocka_unit_test(pieces_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
