/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "codec/toml.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/strbuf.h"

static const char config[] = "title = \"x\"\n" /* line 1 */
			     "[hypervisor.qemu]\n"
			     "path = '/usr/bin/qemu'\n"
			     "default_vcpus = 4\n"
			     "ratio = 1.5\n"
			     "debug = true\n"
			     "paths = ['/a', '/b']\n"
			     "mixed = ['/a', 7]\n"
			     "nul = \"a\\u0000b\"\n"
			     "when = 1979-05-27\n" /* line 10 */
			     "opt = {a = 1, b = {c = 2}}\n"
			     "list = [{x = 1, y = 2}, {x = 3}]\n"
			     "[unknown.section]\n"
			     "k = 1\n"
			     "[[agent]]\n"
			     "\"a b\" = 1\n";

static struct toml_doc *parse(void)
{
	struct toml_doc *doc = NULL;
	struct error err = ERROR_INIT;

	if (toml_parse(config, sizeof(config) - 1, "configuration.toml", &doc, &err) < 0)
		fail_msg("%s", err.msg);
	return doc;
}

static void test_getters(void **state)
{
	_cleanup_toml_ struct toml_doc *doc = parse();
	struct toml_value *qemu = NULL, *v = NULL;
	struct error err = ERROR_INIT;
	struct toml_datetime dt;
	const char *s = "default";
	bool b = false;
	double d = 0;
	int64_t i = 0;
	uint32_t u = 0;

	assert_string_equal(toml_name(doc), "configuration.toml");
	assert_int_equal(toml_get_table(toml_root(doc), "hypervisor.qemu", &qemu, &err), 1);
	assert_int_equal(toml_get_string(qemu, "path", &s, &err), 1);
	assert_string_equal(s, "/usr/bin/qemu");
	assert_int_equal(toml_get_int(qemu, "default_vcpus", 1, 240, &i, &err), 1);
	assert_int_equal(i, 4);
	assert_int_equal(toml_get_u32(qemu, "default_vcpus", &u, &err), 1);
	assert_int_equal(u, 4);
	assert_int_equal(toml_get_float(qemu, "ratio", &d, &err), 1);
	assert_true(d == 1.5);
	assert_int_equal(toml_get_float(qemu, "default_vcpus", &d, &err), 1);
	assert_true(d == 4.0);
	assert_int_equal(toml_get_bool(qemu, "debug", &b, &err), 1);
	assert_true(b);
	assert_int_equal(toml_get_datetime(qemu, "when", &dt, &err), 1);
	assert_int_equal(dt.year, 1979);
	assert_int_equal(toml_get_strings(qemu, "paths", &v, &err), 1);
	assert_int_equal(toml_count(v), 2);
	assert_string_equal(toml_first(v)->next->str.s, "/b");
	assert_int_equal(toml_get_int(qemu, "opt.b.c", 0, 9, &i, &err), 1);
	assert_int_equal(i, 2);
	assert_int_equal(toml_get_array(qemu, "list", &v, &err), 1);
	assert_int_equal(toml_as_table(toml_first(v)->next, &v, &err), 0);
	assert_int_equal(toml_get_int(v, "x", 0, 9, &i, &err), 1);
	assert_int_equal(i, 3);
	assert_non_null(toml_member(toml_first(toml_find(toml_root(doc), "agent")), "a b"));
}

static void test_absent(void **state)
{
	_cleanup_toml_ struct toml_doc *doc = parse();
	struct toml_value *root = toml_root(doc), *v = root;
	struct error err = ERROR_INIT;
	const char *s = "default";
	int64_t i = 7;
	bool b = true;

	assert_int_equal(toml_get_string(root, "none", &s, &err), 0);
	assert_string_equal(s, "default");
	assert_int_equal(toml_get_int(root, "hypervisor.none.x", 0, 1, &i, &err), 0);
	assert_int_equal(i, 7);
	assert_int_equal(toml_get_bool(NULL, "x", &b, &err), 0);
	assert_true(b);
	assert_int_equal(toml_get_table(root, "x", &v, &err), 0);
	assert_int_equal(toml_get_strings(root, "x", &v, &err), 0);
	assert_ptr_equal(v, root);
	assert_null(toml_find(root, "title.x"));
	assert_null(toml_find(root, ""));
	assert_null(toml_member(root, "hypervisor.qemu"));
	assert_null(toml_first(toml_find(root, "title")));
	assert_int_equal(toml_count(NULL), 0);
	assert_int_equal(err.code, 0);
	assert_null(toml_free(NULL));
}

static void test_wrong_types(void **state)
{
	_cleanup_toml_ struct toml_doc *doc = parse();
	struct toml_value *q = toml_find(toml_root(doc), "hypervisor.qemu"), *v = NULL;
	struct error err = ERROR_INIT;
	struct toml_datetime dt;
	const char *s = NULL;
	bool b;
	double d;
	int64_t i;
	uint32_t u;

	assert_int_equal(toml_get_int(q, "path", 0, 1, &i, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:3: hypervisor.qemu.path: expected an integer, got a string");
	assert_int_equal(toml_get_int(q, "default_vcpus", 1, 3, &i, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:4: hypervisor.qemu.default_vcpus: 4 is not between 1 and 3");
	assert_int_equal(toml_get_string(q, "debug", &s, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:6: hypervisor.qemu.debug: expected a string, got a boolean");
	assert_int_equal(toml_get_bool(q, "ratio", &b, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:5: hypervisor.qemu.ratio: expected a boolean, got a float");
	assert_int_equal(toml_get_strings(q, "mixed", &v, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:8: hypervisor.qemu.mixed[1]: expected a string, got an integer");
	assert_int_equal(toml_get_string(q, "nul", &s, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:9: hypervisor.qemu.nul: the string holds a NUL character");
	assert_int_equal(toml_get_u32(q, "when", &u, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:10: hypervisor.qemu.when: expected an integer, got a date");
	assert_int_equal(toml_get_float(q, "opt", &d, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:11: hypervisor.qemu.opt: expected a number, got a table");
	assert_int_equal(toml_get_datetime(q, "paths", &dt, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:7: hypervisor.qemu.paths: expected a date or time, got an array");
	assert_int_equal(toml_get_table(q, "list", &v, &err), -EINVAL);
	assert_int_equal(toml_get_array(q, "opt", &v, &err), -EINVAL);
	assert_int_equal(toml_as_table(toml_first(toml_find(q, "paths")), &v, &err), -EINVAL);
	assert_string_equal(
		err.msg,
		"configuration.toml:7: hypervisor.qemu.paths[0]: expected a table, got a string");
}

static void test_key_path(void **state)
{
	static const char text[] = "\"a b\".\"\\u0000\\\"\" = [[1]]";
	_cleanup_toml_ struct toml_doc *doc = NULL;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	char path[TOML_KEY_PATH_MAX];
	struct toml_value *v;

	assert_int_equal(toml_parse(text, sizeof(text) - 1, "t", &doc, &err), 0);
	assert_string_equal(toml_key_path(toml_root(doc), path), "(top level)");
	v = toml_first(toml_first(toml_first(toml_first(toml_root(doc)))));
	assert_string_equal(toml_key_path(v, path), "\"a b\".\"\\u0000\\\"\"[0][0]");
	assert_int_equal(toml_fail(v, &err, "too %s", "odd"), -EINVAL);
	assert_string_equal(err.msg, "t:1: \"a b\".\"\\u0000\\\"\"[0][0]: too odd");

	doc = toml_free(doc);
	for (int i = 0; i < 300; i++)
		assert_int_equal(strbuf_addch(&sb, 'k'), 0);
	assert_int_equal(strbuf_addstr(&sb, ".end = 1"), 0);
	assert_int_equal(toml_parse(sb.buf, sb.len, "t", &doc, &err), 0);
	toml_key_path(toml_first(toml_first(toml_root(doc))), path);
	assert_int_equal(strlen(path), TOML_KEY_PATH_MAX - 1);
	assert_int_equal(strncmp(path, "...kkk", 6), 0);
	assert_true(str_ends(path, "kkk.end"));
}

static int collect(const struct toml_value *v, void *arg)
{
	char path[TOML_KEY_PATH_MAX];

	return strbuf_addf(arg, "%u:%s ", v->line, toml_key_path(v, path));
}

static int stop(const struct toml_value *v, void *arg)
{
	return ++*(int *)arg == 2 ? 42 : 0;
}

static void test_unused(void **state)
{
	_cleanup_toml_ struct toml_doc *doc = parse();
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct toml_value *qemu = NULL, *v = NULL;
	struct error err = ERROR_INIT;
	int64_t i;
	int n = 0;

	assert_int_equal(toml_for_each_unused(doc, collect, &sb), 0);
	assert_string_equal(sb.buf, "1:title 2:hypervisor 13:unknown 15:agent ");
	assert_int_equal(toml_get_table(toml_root(doc), "hypervisor.qemu", &qemu, &err), 1);
	toml_find(qemu, "path");
	toml_find(qemu, "default_vcpus");
	toml_find(qemu, "ratio");
	toml_find(qemu, "debug");
	toml_find(qemu, "nul");
	toml_find(qemu, "when");
	assert_int_equal(toml_get_strings(qemu, "paths", &v, &err), 1);
	toml_find(qemu, "mixed");
	assert_int_equal(toml_get_int(qemu, "opt.a", 0, 9, &i, &err), 1);
	assert_int_equal(toml_get_array(qemu, "list", &v, &err), 1);
	assert_int_equal(toml_get_int(toml_first(v), "x", 0, 9, &i, &err), 1);
	strbuf_reset(&sb);
	assert_int_equal(toml_for_each_unused(doc, collect, &sb), 0);
	assert_string_equal(sb.buf, "1:title 11:hypervisor.qemu.opt.b 12:hypervisor.qemu.list[0].y "
				    "12:hypervisor.qemu.list[1].x 13:unknown 15:agent ");
	assert_int_equal(toml_for_each_unused(doc, stop, &n), 42);
	assert_int_equal(n, 2);
	toml_use_all(toml_root(doc));
	strbuf_reset(&sb);
	assert_int_equal(toml_for_each_unused(doc, collect, &sb), 0);
	assert_string_equal(sb.buf, "");
}

static void test_load(void **state)
{
	char path[] = "/tmp/test_toml.XXXXXX";
	_cleanup_toml_ struct toml_doc *doc = NULL;
	struct error err = ERROR_INIT;
	char want[128];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a = 1\nb = ", 10), 10);
	assert_int_equal(toml_load(AT_FDCWD, path, &doc, &err), -EINVAL);
	snprintf(want, sizeof(want), "%s:2:5: expected a value, got the end of the file", path);
	assert_string_equal(err.msg, want);
	assert_int_equal(write(fd, "2\n", 2), 2);
	assert_int_equal(toml_load(AT_FDCWD, path, &doc, &err), 0);
	assert_int_equal(toml_count(toml_root(doc)), 2);
	close(fd);
	unlink(path);
	doc = toml_free(doc);
	assert_int_equal(toml_load(AT_FDCWD, path, &doc, &err), -ENOENT);
	assert_non_null(strstr(err.msg, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters),	    cmocka_unit_test(test_absent),
		cmocka_unit_test(test_wrong_types), cmocka_unit_test(test_key_path),
		cmocka_unit_test(test_unused),	    cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
