/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include <string.h>
#include "support/cmocka_all.h"

static struct {
	bool flag;
	const char *text;
	const char *list[OPTION_LIST_MAX + 1];
} got;

static const struct option_def defs[] = {
	{ "flag", "f", OPTION_FLAG, &got.flag, NULL, "a flag" },
	{ "text", "t", OPTION_STRING, &got.text, "TEXT", "a text" },
	{ "env", "e", OPTION_LIST, got.list, "NAME=VALUE", "a list" },
	{ "hidden", NULL, OPTION_FLAG, &got.flag, NULL, NULL },
};

#define PARSE(err, next, ...)                                                               \
	({                                                                                  \
		char *argv_[] = { (char *)"prog", __VA_ARGS__ };                            \
		memset(&got, 0, sizeof(got));                                               \
		options_parse(defs, ARRAY_SIZE(defs), ARRAY_SIZE(argv_), argv_, next, err); \
	})

static void test_forms(void **state)
{
	struct error err = ERROR_INIT;
	int next = 0;

	assert_int_equal(PARSE(&err, &next, (char *)"--flag", (char *)"--text=a=b", (char *)"id"),
			 0);
	assert_true(got.flag);
	assert_string_equal(got.text, "a=b");
	assert_int_equal(next, 3);
	assert_int_equal(PARSE(&err, &next, (char *)"-text", (char *)"x", (char *)"-f"), 0);
	assert_string_equal(got.text, "x");
	assert_true(got.flag);
	assert_int_equal(PARSE(&err, &next, (char *)"-t", (char *)"--", (char *)"--flag=false"), 0);
	assert_string_equal(got.text, "--");
	assert_false(got.flag);
	assert_int_equal(PARSE(&err, &next, (char *)"-e", (char *)"A=1", (char *)"--env=B=2"), 0);
	assert_string_equal(got.list[0], "A=1");
	assert_string_equal(got.list[1], "B=2");
	assert_null(got.list[2]);
}

static void test_end(void **state)
{
	struct error err = ERROR_INIT;
	int next = 0;

	assert_int_equal(PARSE(&err, &next, (char *)"--", (char *)"--flag"), 0);
	assert_false(got.flag);
	assert_int_equal(next, 2);
	assert_int_equal(PARSE(&err, &next, (char *)"id", (char *)"--flag"), 0);
	assert_int_equal(next, 1);
	assert_int_equal(PARSE(&err, &next, (char *)"-"), 0);
	assert_int_equal(next, 1);
}

static void test_errors(void **state)
{
	struct error err = ERROR_INIT;
	int next = 0;

	assert_int_equal(PARSE(&err, &next, (char *)"--nosuch=1"), -EINVAL);
	assert_string_equal(error_text(&err), "flag provided but not defined: -nosuch");
	assert_int_equal(PARSE(&err, &next, (char *)"--text"), -EINVAL);
	assert_string_equal(error_text(&err), "flag needs an argument: -text");
	assert_int_equal(PARSE(&err, &next, (char *)"--flag=maybe"), -EINVAL);
	assert_string_equal(error_text(&err), "invalid boolean value \"maybe\" for -flag");
	assert_int_equal(PARSE(&err, &next, (char *)"--fla"), -EINVAL);
}

static void test_help(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	assert_int_equal(options_help(defs, ARRAY_SIZE(defs), &sb), 0);
	assert_non_null(strstr(sb.buf, "--text, -t TEXT"));
	assert_null(strstr(sb.buf, "hidden"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
