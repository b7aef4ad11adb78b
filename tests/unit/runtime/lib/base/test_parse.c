/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include "base/parse.h"
#include "base/time.h"

static void numbers_are_the_whole_string(void **state)
{
	static const char *const bad[] = { "", " 1", "+1", "-1", "1 ", "0x", "1k", "a" };
	uint64_t u = 7;
	uint32_t v = 7;
	int64_t i = 7;

	for (unsigned k = 0; k < 8; k++)
		assert_int_equal(parse_u64(bad[k], 10, &u), -EINVAL);
	assert_int_equal(parse_u64(NULL, 10, &u), -EINVAL);
	assert_int_equal(u, 7);
	assert_int_equal(parse_u64("18446744073709551615", 10, &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", 10, &u), -ERANGE);
	assert_int_equal(parse_u64("ff", 16, &u), 0);
	assert_int_equal(u, 255);
	assert_int_equal(parse_u32("4294967296", 10, &v), -ERANGE);
	assert_int_equal(parse_u32("755", 8, &v), 0);
	assert_int_equal(v, 0755);
	assert_int_equal(parse_i64("-9223372036854775808", 10, &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(parse_i64("--1", 10, &i), -EINVAL);
	assert_int_equal(parse_i64("-", 10, &i), -EINVAL);
}

static void sizes(void **state)
{
	uint64_t v = 0;

	assert_int_equal(parse_size("10", &v), 0);
	assert_int_equal(v, 10);
	assert_int_equal(parse_size("2KiB", &v), 0);
	assert_int_equal(v, 2048);
	assert_int_equal(parse_size("3m", &v), 0);
	assert_int_equal(v, 3 << 20);
	assert_int_equal(parse_size("1GB", &v), 0);
	assert_int_equal(v, 1 << 30);
	assert_int_equal(parse_size("7B", &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(parse_size("1Q", &v), -EINVAL);
	assert_int_equal(parse_size("-1", &v), -EINVAL);
	assert_int_equal(parse_size("99999999999T", &v), -ERANGE);
}

static void words(void **state)
{
	bool b = false;

	assert_int_equal(parse_bool("Yes", &b), 0);
	assert_true(b);
	assert_int_equal(parse_bool("off", &b), 0);
	assert_false(b);
	assert_int_equal(parse_bool("maybe", &b), -EINVAL);
	assert_int_equal(parse_signal("TERM"), SIGTERM);
	assert_int_equal(parse_signal("SIGkill"), SIGKILL);
	assert_int_equal(parse_signal("9"), 9);
	assert_int_equal(parse_signal("SIGRTMIN+1"), 35);
	assert_int_equal(parse_signal("RTMAX"), 64);
	assert_int_equal(parse_signal("0"), -EINVAL);
	assert_int_equal(parse_signal("65"), -EINVAL);
	assert_int_equal(parse_signal("NOPE"), -EINVAL);
	assert_int_equal(parse_signal(""), -EINVAL);
}

static void hex(void **state)
{
	unsigned char back[3];
	char text[7];

	hex_encode(text, "\x00\xab\xff", 3);
	assert_string_equal(text, "00abff");
	assert_int_equal(hex_decode(back, 3, "00ABff"), 0);
	assert_memory_equal(back, "\x00\xab\xff", 3);
	assert_int_equal(hex_decode(back, 3, "00abf"), -EINVAL);
	assert_int_equal(hex_decode(back, 3, "00abff0"), -EINVAL);
	assert_int_equal(hex_decode(back, 3, "00abfg"), -EINVAL);
}

static void rfc3339(void **state)
{
	char buf[TIME_RFC3339_MAX];

	assert_string_equal(time_rfc3339(buf, 1700000000ULL * NSEC_PER_SEC + 5),
			    "2023-11-14T22:13:20.000000005Z");
	/* As the C library has it, over leap years, those that are none, and the ends of months. */
	for (time_t sec = 0; sec < 16000000000; sec += 86400 * 13 + 3601) {
		char want[TIME_RFC3339_MAX];
		struct tm tm;

		assert_non_null(gmtime_r(&sec, &tm));
		assert_int_not_equal(
			strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm), 0);
		assert_string_equal(time_rfc3339(buf, (uint64_t)sec * NSEC_PER_SEC), want);
	}
	assert_true(time_mono_usec() <= time_mono_usec());
	assert_true(time_boot_usec() > 0 && time_wall_nsec() > 0);
}

static void limits(void **state)
{
	int64_t v = 7;

	assert_int_equal(parse_limit("-1", &v), 0);
	assert_int_equal(v, -1);
	assert_int_equal(parse_limit("512m", &v), 0);
	assert_int_equal(v, 512 << 20);
	assert_int_equal(parse_limit("-2", &v), -EINVAL);
	assert_int_equal(parse_limit("", &v), -EINVAL);
	assert_int_equal(parse_limit("9223372036854775808", &v), -ERANGE);
	assert_int_equal(v, 512 << 20);
}

static void lines_of_words(void **state)
{
	char line[] = "  one\ttwo three  ", *v[3];

	assert_int_equal(parse_words(line, v, 3), 3);
	assert_string_equal(v[0], "one");
	assert_string_equal(v[2], "three");
	memcpy(line, " a b", 5);
	assert_int_equal(parse_words(line, v, 1), 1);
	memcpy(line, "  ", 3);
	assert_int_equal(parse_words(line, v, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_the_whole_string),
		cmocka_unit_test(sizes),
		cmocka_unit_test(limits),
		cmocka_unit_test(lines_of_words),
		cmocka_unit_test(words),
		cmocka_unit_test(hex),
		cmocka_unit_test(rfc3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
