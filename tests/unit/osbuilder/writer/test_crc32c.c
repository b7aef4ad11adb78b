/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "support/cmocka_all.h"
#include "writer/crc32c.h"

/* RFC 3720 B.4: the published values have both inversions. */
static void known_answers(void **state)
{
	uint8_t b[32];

	assert_int_equal(~crc32c(UINT32_MAX, "123456789", 9), 0xe3069283u);
	memset(b, 0, sizeof(b));
	assert_int_equal(~crc32c(UINT32_MAX, b, sizeof(b)), 0x8a9136aau);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(~crc32c(UINT32_MAX, b, sizeof(b)), 0x62a8ab43u);
	for (int i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(~crc32c(UINT32_MAX, b, sizeof(b)), 0x46dd794eu);
	assert_int_equal(crc32c(5, b, 0), 5);
}

static void both_ways_agree(void **state)
{
	uint8_t b[300];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(b); i++) {
		x = x * 1664525 + 1013904223;
		b[i] = (uint8_t)(x >> 24);
	}
	for (size_t n = 0; n <= 64; n++)
		for (size_t off = 0; off < 9; off++)
			assert_int_equal(crc32c(x, b + off, n * 3),
					 crc32c_generic(x, b + off, n * 3));
	/* In pieces. */
	assert_int_equal(crc32c(crc32c(7, b, 13), b + 13, 287), crc32c(7, b, 300));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(both_ways_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
