/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <string.h>

#include "support/cmocka_all.h"

static void check(int (*fn)(struct strbuf *, const char *), const char *in, const char *want)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	assert_int_equal(fn(&out, in), 0);
	assert_string_equal(out.buf, want);
}

static void test_name(void **state)
{
	check(escape_name, "", "");
	check(escape_name, "/usr/bin/x y~", "/usr/bin/x y~");
	check(escape_name, "a\\x0ab\nc", "a\\x5cx0ab\\x0ac");
	check(escape_name, "\x1b[31m\x7f", "\\x1b[31m\\x7f");
	check(escape_name, "\xc3\xa9\xff", "\\xc3\\xa9\\xff");
}

static void test_text(void **state)
{
	check(escape_text, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7 \\",
	      "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7 \\");
	check(escape_text, "\x1b]0;title\x07\r\n\t", "\\x1b]0;title\\x07\\x0d\\x0a\\x09");
	check(escape_text,
	      "\xc2\x9b"
	      "31m",
	      "\\xc2\\x9b31m"); /* C1 CSI */
	check(escape_text,
	      "x\xe2\x80\xae"
	      "gpj.exe",
	      "x\\xe2\\x80\\xaegpj.exe"); /* RLO */
	check(escape_text, "\xe2\x80\x8b\xef\xbb\xbf", "\\xe2\\x80\\x8b\\xef\\xbb\\xbf");
	check(escape_text, "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"); /* tag character */
	check(escape_text, "\x80\xc3", "\\x80\\xc3");
}

static void test_utf8(void **state)
{
	check(escape_utf8, "\x1b\xc3\xa9\\", "\x1b\xc3\xa9\\");
	check(escape_utf8, "\xc3(\xff", "\\xc3(\\xff");
}

static void test_len(void **state)
{
	static const struct {
		const char *s;
		size_t want;
	} cases[] = {
		{ "a", 1 },
		{ "\xc2\x80", 2 },
		{ "\xc1\xbf", 0 },
		{ "\xe0\xa0\x80", 3 },
		{ "\xe0\x9f\x80", 0 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xed\xa0\x80", 0 },
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xf0\x8f\x80\x80", 0 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 0 },
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xe2\x82", 0 },
		{ "\xe2", 0 },
		{ "\x80", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(utf8_len((const unsigned char *)cases[i].s, 4), cases[i].want);
	assert_int_equal(utf8_len((const unsigned char *)"\xe2\x82\xac", 2), 0); /* cut */
	assert_int_equal(utf8_len((const unsigned char *)"", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_len),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
