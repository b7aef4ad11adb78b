/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/duration.h"

#include "support/cmocka_all.h"

static void test_times(void **state)
{
	static const struct {
		const char *text;
		uint64_t nsec;
	} cases[] = {
		{ "0", 0 },
		{ "99", 99 },
		{ "99ns", 99 },
		{ "30us", 30000 },
		{ "2ms", 2000000 },
		{ "5s", 5000000000 },
		{ "7m", 420000000000 },
		{ "1h30m", 5400000000000 },
		{ "1d", 86400000000000 },
		{ "9223372036854775807", INT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		uint64_t got = 1;

		assert_int_equal(ctl_duration_parse(cases[i].text, &got, &err), 0);
		assert_true(got == cases[i].nsec);
	}
}

static void test_reject(void **state)
{
	static const char *const bad[] = { "", "s", "1x", "1.5s", "-1", " 1", "1 s", "1s2", "1sm" };
	struct error err = ERROR_INIT;
	uint64_t got = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ctl_duration_parse(bad[i], &got, &err), -EINVAL);
	assert_int_equal(ctl_duration_parse("1x", &got, &err), -EINVAL);
	assert_string_equal(err.msg, "\"1x\" is no time: numbers with ns, us, ms, s, m, h or d, "
				     "or nanoseconds");
	assert_int_equal(ctl_duration_parse("9223372036854775808", &got, &err), -ERANGE);
	assert_int_equal(ctl_duration_parse("99999999999999999999s", &got, &err), -ERANGE);
	assert_int_equal(ctl_duration_parse("106752d", &got, &err), -ERANGE);
	assert_string_equal(err.msg, "\"106752d\" is too long");
	assert_int_equal(got, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_times),
					    cmocka_unit_test(test_reject) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
