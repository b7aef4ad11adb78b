/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "base/fd.h"
#include "compat/e2.h"
#include "support/cmocka_all.h"

/* The planned size is one that libext2fs takes, has the room that was asked for, and hardly more. */
static void plan_is_what_is_needed(void **state)
{
	static const uint64_t data[] = { 0,	1,     7,     100,   1000,   31000,   32500,
					 32760, 32768, 33000, 65536, 200000, 1000000, 1300001 };
	static const uint32_t inodes[] = { 11,	  12,	 27,	1000,	9000,  32768,
					   32769, 65536, 70000, 100011, 500000 };
	int fd = -1;

	assert_int_equal(fd_memfd("e2", &fd), 0);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(inodes); k++) {
			struct e2_params p = { .inodes = inodes[k], .time = 1 };
			struct error err = ERROR_INIT;
			struct e2 *e = NULL;
			uint64_t over, slack;

			e2_plan(data[i], inodes[k], &p.geometry);
			if (e2_create(fd, 0, &p, &e, &err) < 0)
				fail_msg("%llu blocks, %u inodes: %s", (unsigned long long)data[i],
					 inodes[k], error_text(&err));
			assert_int_equal(e2_blocks(e), p.geometry.blocks);
			assert_int_equal(e2_groups(e), p.geometry.groups);
			assert_true((uint64_t)e2_groups(e) * e2_inodes_per_group(e) >= inodes[k]);
			assert_true(e2_free_blocks(e) >= data[i]);
			over = e2_free_blocks(e) - data[i];
			/* libext2fs drops a last group without room for its own tables, wherever they are. */
			slack = 128 + 16 * (uint64_t)e2_groups(e) + inodes[k] / 400;
			if (e2_groups(e) > 1)
				slack += e2_inodes_per_group(e) / E2_INODES_PER_BLOCK;
			if (over > slack)
				fail_msg("%llu blocks, %u inodes: %llu too many",
					 (unsigned long long)data[i], inodes[k],
					 (unsigned long long)over);
			e2_free(e);
		}
	}
	fd_close(fd);
}

/* Even, and of the bytes, the length and the seed alone. */
static void name_hash(void **state)
{
	static const uint8_t zero[16];
	uint8_t seed[16] = { 1 };

	assert_int_equal(e2_name_hash(zero, "a", 1) & 1, 0);
	assert_int_not_equal(e2_name_hash(zero, "a", 1), e2_name_hash(zero, "b", 1));
	assert_int_not_equal(e2_name_hash(zero, "a", 1), e2_name_hash(seed, "a", 1));
	assert_int_equal(e2_name_hash(seed, "abc", 2), e2_name_hash(seed, "abd", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_is_what_is_needed),
		cmocka_unit_test(name_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
