/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/line.h"

#include <stdlib.h>
#include <string.h>
#include "support/cmocka_all.h"

static void test_words(void **state)
{
	_cleanup_ctl_line_ struct ctl_line l = CTL_LINE_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(ctl_line_parse("  Name a=1 'b=x y'\tc=\"q\\\"\\\\\\n\" d=e\\ f '' # g\n",
					&l, &err),
			 0);
	assert_string_equal(l.name, "Name");
	assert_int_equal(l.words.n, 7);
	assert_string_equal(l.words.v[0], "a=1");
	assert_string_equal(l.words.v[1], "b=x y");
	assert_string_equal(l.words.v[2], "c=q\"\\\\n");
	assert_string_equal(l.words.v[3], "d=e f");
	assert_string_equal(l.words.v[4], "");
	assert_string_equal(l.words.v[5], "#");
	assert_null(l.json);
}

static void test_json(void **state)
{
	_cleanup_ctl_line_ struct ctl_line l = CTL_LINE_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(ctl_line_parse("Name a=1 json://{\"x\": \"it's\"}", &l, &err), 0);
	assert_int_equal(l.words.n, 1);
	assert_string_equal(l.json, "{\"x\": \"it's\"}");
	ctl_line_release(&l);
	/* Inside a word it is a part of the word. */
	assert_int_equal(ctl_line_parse("Name a=json://[1] b", &l, &err), 0);
	assert_int_equal(l.words.n, 2);
	assert_null(l.json);
}

static void test_nothing(void **state)
{
	static const char *const texts[] = { "", " \t\n", "# Name", "  #" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ctl_line l = CTL_LINE_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(ctl_line_parse(texts[i], &l, &err), 0);
		assert_null(l.name);
	}
	assert_string_equal(ctl_line_rest("  echo  a  'b' "), "a  'b' ");
	assert_string_equal(ctl_line_rest("echo"), "");
}

static void test_reject(void **state)
{
	struct ctl_line l = CTL_LINE_INIT;
	struct error err = ERROR_INIT;
	char *big = malloc(CTL_LINE_MAX + 2);

	assert_int_equal(ctl_line_parse("Name 'a", &l, &err), -EINVAL);
	assert_string_equal(err.msg, "a quote (') is not closed");
	assert_int_equal(ctl_line_parse("Name \"a\\\"", &l, &err), -EINVAL);
	assert_non_null(big);
	memset(big, 'a', CTL_LINE_MAX + 1);
	big[CTL_LINE_MAX + 1] = '\0';
	assert_int_equal(ctl_line_parse(big, &l, &err), -E2BIG);
	assert_string_equal(err.msg, "longer than 8388608 bytes");
	for (size_t i = 0; i < 2 * CTL_WORDS_MAX + 4; i += 2)
		memcpy(big + i, "a ", 2);
	big[2 * CTL_WORDS_MAX + 4] = '\0';
	assert_int_equal(ctl_line_parse(big, &l, &err), -E2BIG);
	assert_string_equal(err.msg, "more than 1024 words");
	assert_null(l.name);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_reject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
