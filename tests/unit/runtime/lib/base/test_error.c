/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include "base/error.h"

static void set_keeps_code_and_text(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(error_set(&err, -EINVAL, "bad %s", "thing"), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_string_equal(err.msg, "bad thing");
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
}

static void context_is_put_in_front(void **state)
{
	struct error err = ERROR_INIT;

	error_sys(&err, -ENOENT, "open %s", "f");
	assert_string_equal(err.msg, "open f: No such file or directory");
	assert_int_equal(error_prefix(&err, "recipe %d", 7), -ENOENT);
	assert_string_equal(err.msg, "recipe 7: open f: No such file or directory");
	assert_int_equal(error_wrap(&err, -EIO, "outer"), -EIO);
	assert_string_equal(err.msg, "outer: recipe 7: open f: No such file or directory");
}

static void wrap_without_cause_uses_the_code(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(error_wrap(&err, -EPERM, "step"), -EPERM);
	assert_string_equal(err.msg, "step: Operation not permitted");
	error_clear(&err);
	assert_int_equal(err.code, 0);
	assert_string_equal(error_text(&err), "no error");
	assert_int_equal(error_prefix(&err, "lost"), -EIO);
	assert_string_equal(err.msg, "lost");
	assert_int_equal(error_prefix(NULL, "lost"), -EIO);
}

static void long_text_is_cut_visibly(void **state)
{
	struct error err = ERROR_INIT;
	char big[2 * ERROR_MSG_MAX];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	error_set(&err, -EINVAL, "%s", big);
	assert_int_equal(strlen(err.msg), ERROR_MSG_MAX - 1);
	assert_string_equal(err.msg + ERROR_MSG_MAX - 4, "...");
	error_prefix(&err, "front");
	assert_memory_equal(err.msg, "front: aaa", 10);
	assert_string_equal(err.msg + ERROR_MSG_MAX - 4, "...");
}

static void hint_stays_with_its_error(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(error_hint(&err, error_set(&err, -ENOENT, "no lock"), "make it"), -ENOENT);
	assert_string_equal(err.hint, "make it");
	error_prefix(&err, "recipe");
	error_wrap(&err, -ESTALE, "outer");
	assert_string_equal(err.msg, "outer: recipe: no lock");
	assert_string_equal(err.hint, "make it");
	error_sys(&err, -EIO, "another");
	assert_null(err.hint);
	assert_int_equal(error_hint(NULL, -EIO, "nobody reads it"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_keeps_code_and_text),
		cmocka_unit_test(context_is_put_in_front),
		cmocka_unit_test(wrap_without_cause_uses_the_code),
		cmocka_unit_test(long_text_is_cut_visibly),
		cmocka_unit_test(hint_stays_with_its_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
