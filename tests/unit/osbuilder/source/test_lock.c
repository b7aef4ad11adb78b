/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "source/lock.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD  "format = 1\nrecipe = \"r\"\narchitecture = \"x86_64\"\n"
#define ASKED "[[source]]\nsuites = [\"s\"]\ncomponents = [\"main\"]\npackages = [\"a\", \"b\"]\n"
#define PKG(name, arch, more)                                                       \
	"{ name = \"" name "\", version = \"1:2+3\", architecture = \"" arch "\", " \
	"size = 7, sha256 = \"" HEX64 "\", path = \"pool/" name "%2b_1.deb\"" more " },\n"
#define GOOD HEAD ASKED "resolved = [\n" PKG("a", "all", "") PKG("b", "amd64", "") "]\n"

static int parse(const char *text, struct lock *l, struct error *err)
{
	return lock_parse(text, strlen(text), "lock.toml", l, err);
}

static void test_round_trip(void **state)
{
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	_cleanup_lock_ struct lock l = { 0 }, again = { 0 };
	struct error err = ERROR_INIT;

	if (parse(GOOD, &l, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.sources[0].packages.v[1], "b");
	assert_int_equal(l.sources[0].resolved.n, 2);
	assert_string_equal(l.sources[0].resolved.v[0].version, "1:2+3");
	assert_string_equal(l.sources[0].resolved.v[1].path, "pool/b%2b_1.deb");
	assert_int_equal(l.sources[0].resolved.v[1].size, 7);
	assert_int_equal(lock_to_toml(&l, &one, &err), 0);
	assert_int_equal(lock_parse(one.buf, one.len, "again", &again, &err), 0);
	assert_int_equal(lock_to_toml(&again, &two, &err), 0);
	assert_string_equal(one.buf, two.buf);
}

static void test_reject(void **state)
{
	static const char *const bad[][2] = {
		{ "", "'format' is missing" },
		{ "format = 2\n", "lock.toml:1: format: " },
		{ "format = 1\n", "'recipe' is missing" },
		{ "format = 1\nrecipe = \"a b\"\n", "recipe: 'a b' is unusable" },
		{ HEAD "x = 1\n", "x: unknown key" },
		{ HEAD "source = 1\n", "expected an array" },
		{ HEAD "[[source]]\n", "'suites' is missing" },
		{ HEAD "[[source]]\nsuites = [\"a\\nb\"]\n", "is unusable" },
		{ HEAD ASKED, "'resolved' is missing" },
		{ HEAD ASKED "resolved = []\n", "'resolved' is missing" },
		{ HEAD ASKED "resolved = [1]\n", "expected a table" },
		{ HEAD ASKED "resolved = [" PKG("b", "all", "") PKG("a", "all", "") "]\n",
		  "'a' is out of order or there twice" },
		{ HEAD ASKED "resolved = [" PKG("a", "all", "") PKG("a", "all", "") "]\n",
		  "'a' is out of order or there twice" },
		{ HEAD ASKED "resolved = [" PKG("a", "all", ", url = 1") "]\n", "unknown key" },
		{ HEAD ASKED "resolved = [" PKG("", "all", "") "]\n", "name: '' is unusable" },
		{ HEAD ASKED "resolved = [" PKG("../a", "all", "") "]\n", "leaves the archive" },
		{ HEAD ASKED "resolved = [{ name = \"a\", version = \"1\", architecture = \"all\", "
			     "size = 1, sha256 = \"00\", path = \"a\" }]\n",
		  "is not a SHA-256 of 64 hex digits" },
		{ HEAD ASKED "resolved = [{ name = \"a\", version = \"1\", architecture = \"all\", "
			     "size = 0, sha256 = \"" HEX64 "\", path = \"a\" }]\n",
		  "size: " },
		{ HEAD ASKED "resolved = [{ name = \"a\", version = \"1\", architecture = \"all\", "
			     "sha256 = \"" HEX64 "\", path = \"a\" }]\n",
		  "'size' is missing" },
		{ HEAD ASKED "resolved = [{ name = \"a\", version = \"1\", architecture = \"all\", "
			     "size = 1, sha256 = \"" HEX64 "\", path = \"/a\" }]\n",
		  "'/a' leaves the archive" },
		{ "format = 1\nformat = 1\n", "lock.toml:2:" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_lock_ struct lock l = { 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(parse(bad[i][0], &l, &err), -EINVAL);
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("case %zu: '%s'", i, err.msg);
		assert_int_equal(l.n, 0);
	}
}

static void test_check(void **state)
{
	_cleanup_lock_ struct lock l = { 0 };
	char deb[] = "deb";
	struct source_spec s = { .type = deb };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(GOOD, &l, &err), 0);
	assert_int_equal(strv_adds(&s.suites, "s", NULL), 0);
	assert_int_equal(strv_adds(&s.components, "main", NULL), 0);
	assert_int_equal(strv_adds(&s.packages, "b", "a", NULL), 0);
	assert_int_equal(lock_check(&l, &l.sources[0], &s, &err), 0);
	strv_release(&s.packages);
	assert_int_equal(strv_adds(&s.packages, "b", "c", NULL), 0);
	assert_int_equal(lock_check(&l, &l.sources[0], &s, &err), -ESTALE);
	assert_string_equal(err.msg, "the recipe asks for something else than 'lock.toml' was made "
				     "for: +c -a");
	strv_release(&s.suites);
	strv_release(&s.components);
	strv_release(&s.packages);
}

#define APK \
	"[[source]]\ntype = \"apk\"\nrepositories = [\"http://x/v3/main\"]\npackages = [\"a>=1\"]\n"
#define RPM                                                                                           \
	"[[source]]\ntype = \"rpm\"\nrepositories = [\"http://x/$basearch/?a&b\"]\nrelease = \"9\"\n" \
	"packages = [\"/usr/bin/a\"]\n"
#define OCI	 "[[source]]\ntype = \"oci\"\npath = \"dir/image\"\nreference = \"v1\"\n"
#define DIGEST	 "digest = \"sha256:" HEX64 "\"\n"
#define RESOLVED "resolved = [\n" PKG("a", "noarch", "") "]\n"

/* Sources of all kinds in one lock file, and a file without "type". */
static void test_kinds(void **state)
{
	static const char all[] = HEAD APK RESOLVED ASKED RESOLVED RPM RESOLVED OCI DIGEST;
	static const char *const bad[][2] = {
		{ HEAD "[[source]]\ntype = \"tar\"\n", "type: 'tar' cannot be locked" },
		{ HEAD "[[source]]\ntype = \"apk\"\n", "'repositories' is missing" },
		{ HEAD "[[source]]\ntype = \"apk\"\nrepositories = [\"a\\\"b\"]\n", "is unusable" },
		{ HEAD RPM "suites = [\"s\"]\n" RESOLVED, "suites: unknown key" },
		{ HEAD OCI, "'digest' is missing" },
		{ HEAD OCI "digest = \"md5:00\"\n", "digest: 'md5:00' is unusable" },
		{ HEAD OCI DIGEST RESOLVED, "resolved: unknown key" },
	};
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	_cleanup_lock_ struct lock l = { 0 }, again = { 0 };
	struct error err = ERROR_INIT;

	if (parse(all, &l, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.sources[1].type, "deb");
	assert_string_equal(l.sources[2].release, "9");
	assert_string_equal(l.sources[3].digest, "sha256:" HEX64);
	assert_int_equal(lock_to_toml(&l, &one, &err), 0);
	if (lock_parse(one.buf, one.len, "again", &again, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(lock_to_toml(&again, &two, &err), 0);
	assert_string_equal(one.buf, two.buf);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_lock_ struct lock no = { 0 };

		assert_int_equal(parse(bad[i][0], &no, &err), -EINVAL);
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("case %zu: '%s'", i, err.msg);
	}
}

/* Another repository, release or image is drift, too. */
static void test_check_kinds(void **state)
{
	_cleanup_lock_ struct lock l = { 0 };
	char rpm[] = "rpm", oci[] = "oci", ten[] = "10", path[] = "dir/image", v2[] = "v2";
	struct source_spec s = { .type = rpm, .release = ten };
	struct source_spec image = { .type = oci, .path = path, .reference = v2 };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(HEAD RPM RESOLVED OCI DIGEST, &l, &err), 0);
	assert_int_equal(strv_adds(&s.repositories, "http://y", NULL), 0);
	assert_int_equal(strv_adds(&s.packages, "/usr/bin/a", NULL), 0);
	assert_int_equal(lock_check(&l, &l.sources[0], &s, &err), -ESTALE);
	assert_non_null(strstr(err.msg, ": +http://y -http://x/$basearch/?a&b +10 -9"));
	assert_int_equal(lock_check(&l, &l.sources[1], &image, &err), -ESTALE);
	assert_non_null(strstr(err.msg, ": +v2 -v1"));
	assert_int_equal(lock_check(&l, &l.sources[1], &s, &err), -ESTALE);
	strv_release(&s.repositories);
	strv_release(&s.packages);
}

static void test_moved(void **state)
{
	static const char before[] = HEAD RPM "resolved = [\n" PKG("a", "noarch", "")
		PKG("b", "noarch", "") PKG("d", "noarch", "") "]\n" OCI DIGEST;
	static const char after[] = HEAD RPM "resolved = [\n" PKG("a", "noarch", "")
		PKG("c", "noarch", "") PKG("d", "noarch", "") "]\n" OCI "digest = \"sha256:ff\"\n";
	_cleanup_lock_ struct lock x = { 0 }, y = { 0 };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(parse(before, &x, &err), 0);
	assert_int_equal(parse(after, &y, &err), 0);
	assert_int_equal(lock_moved(&x, &x, &out), 0);
	assert_int_equal(out.len, 0);
	y.sources[0].resolved.v[2].sha256[0] = 'f'; /* the same version, another file */
	assert_int_equal(lock_moved(&x, &y, &out), 0);
	assert_string_equal(
		out.buf,
		"- b 1:2+3 noarch\n+ c 1:2+3 noarch\n"
		"- d 1:2+3 noarch sha256:" HEX64 "\n"
		"+ d 1:2+3 noarch sha256:f0112233445566778899aabbccddeeff001122334455667788"
		"99aabbccddeeff\n"
		"- dir/image sha256:" HEX64 "\n+ dir/image sha256:ff\n");
}

/* A mirror that apt hides (mirror+file:) has no path that another machine could use. */
static void test_no_path(void **state)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_lock_ struct lock l = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(parse(GOOD, &l, &err), 0);
	free(l.sources[0].resolved.v[0].path);
	l.sources[0].resolved.v[0].path = NULL;
	l.sources[0].resolved.v[0].uri = strdup("x:/y");
	assert_int_equal(lock_to_toml(&l, &out, &err), -ENOTSUP);
	assert_string_equal(err.msg, "package a cannot be locked: 'x:/y' is below no mirror");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_reject),
		cmocka_unit_test(test_check),	    cmocka_unit_test(test_no_path),
		cmocka_unit_test(test_kinds),	    cmocka_unit_test(test_moved),
		cmocka_unit_test(test_check_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
