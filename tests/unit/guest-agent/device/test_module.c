/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include "base/strbuf.h"
#include "device/module.h"

static void test_names(void **state)
{
	assert_true(module_name_ok("virtio_net"));
	assert_true(module_name_ok("snd-hda"));
	assert_false(module_name_ok(""));
	assert_false(module_name_ok("-r"));
	assert_false(module_name_ok("../x"));
	assert_false(module_name_ok("a b"));
	assert_false(module_name_ok(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void test_files(void **state)
{
	static const char dep[] = "kernel/lib/a.ko:\n"
				  "kernel/net/b-x.ko.xz: kernel/lib/a.ko\n"
				  "kernel/net/c.ko: kernel/net/b-x.ko.xz kernel/lib/a.ko\n"
				  "nonsense\n"
				  "kernel/net/cc.ko:";
	struct strv files = STRV_INIT;

	assert_int_equal(module_files(dep, "c", &files), 0);
	assert_int_equal(files.n, 3);
	assert_string_equal(files.v[0], "kernel/lib/a.ko");
	assert_string_equal(files.v[1], "kernel/net/b-x.ko.xz");
	assert_string_equal(files.v[2], "kernel/net/c.ko");
	strv_release(&files);
	assert_int_equal(module_files(dep, "b_x", &files), 0);
	assert_int_equal(files.n, 2);
	strv_release(&files);
	assert_int_equal(module_files(dep, "cc", &files), 0);
	assert_int_equal(files.n, 1);
	strv_release(&files);
	assert_int_equal(module_files(dep, "x", &files), -ENOENT);
	assert_int_equal(module_files(dep, "nonsense", &files), -ENOENT);
	assert_int_equal(module_files("", "x", &files), -ENOENT);
	strv_release(&files);
}

static void test_refused(void **state)
{
	struct error err = ERROR_INIT;
	char *params[1] = { NULL };

	assert_int_equal(module_load("a/b", params, 0, &err), -EINVAL);
	assert_string_equal(err.msg, "\"a/b\" is not the name of a kernel module");
	assert_true(module_load("no_such_module_here", params, 0, &err) < 0);
	assert_non_null(str_after(err.msg, "kernel module \"no_such_module_here\": "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
