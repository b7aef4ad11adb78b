/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "recipe/recipe.h"
#include "recipe/scaffold.h"

static char dir[] = "/tmp/test_scaffold-XXXXXX";

static int set_up(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

static size_t count_entries(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

/* Each is a recipe that can be read, for an agent, from that type of source. */
static void test_types(void **state)
{
	static const char *const types[] = { "deb", "rpm", "apk", "oci", "dir", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		_cleanup_free_ char *name = str_printf("my-%s.1", types[i] ? types[i] : "default");
		const struct scaffold_params p = { name, types[i], dir };
		_cleanup_recipe_ struct recipe *rc = NULL;
		_cleanup_free_ char *file = NULL, *again = NULL;
		struct error err = ERROR_INIT;

		if (scaffold_recipe(&p, &file, &err) < 0 || recipe_load(name, dir, &rc, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(rc->file, file);
		assert_string_equal(rc->name, name);
		assert_int_equal(rc->n_sources, 1);
		assert_string_equal(rc->sources[0].type, types[i] ? types[i] : "deb");
		assert_string_equal(rc->agent_path, "/usr/bin/kata-agent");
		assert_int_equal(scaffold_recipe(&p, &again, &err), -EEXIST);
		assert_non_null(strstr(err.msg, "exists already"));
	}
	assert_int_equal(count_entries(), ARRAY_SIZE(types));
}

static void test_reject(void **state)
{
	static const struct {
		struct scaffold_params p;
		const char *message;
	} bad[] = {
		{ { "", NULL, dir }, "'' is no name for a recipe" },
		{ { "a/b", NULL, dir }, "'a/b' is no name for a recipe" },
		{ { "..", NULL, dir }, "'..' is no name for a recipe" },
		{ { "-x", NULL, dir }, "'-x' is no name for a recipe" },
		{ { "Debian", NULL, dir }, "'Debian' is no name for a recipe" },
		{ { "a\"b", NULL, dir }, "is no name for a recipe" },
		{ { "a", "tar", dir },
		  "a recipe cannot start from 'tar' (deb, rpm, apk, oci, dir)" },
		{ { "a", NULL, "/nowhere" }, "recipes '/nowhere': No such file or directory" },
	};
	const size_t before = count_entries();

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		char *file = NULL;

		assert_true(scaffold_recipe(&bad[i].p, &file, &err) < 0);
		assert_null(file);
		if (!strstr(err.msg, bad[i].message))
			fail_msg("case %zu: %s", i, err.msg);
	}
	assert_int_equal(count_entries(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_reject),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
