/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "source/apk.h"
#include "support/make_archive.h"

#define SUM			 "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define PKG(name, version, rest) SUM "P:" name "\nV:" version "\nA:x86_64\nS:100\n" rest "\n"

static int sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

static void test_version_order(void **state)
{
	/* ascending */
	static const char *const order[] = {
		"0.1",
		"1.0",
		"1.01",
		"1.1_alpha1",
		"1.1_alpha2",
		"1.1_beta",
		"1.1_pre3",
		"1.1_rc1",
		"1.1_rc2",
		"1.1",
		"1.1-r0",
		"1.1-r10",
		"1.1_git20240101",
		"1.1_p1",
		"1.1_p1-r1",
		"1.1_p2",
		"1.1a",
		"1.1b",
		"1.1.0",
		"1.1.1",
		"1.2",
		"1.10",
		"2",
		"2.0",
		"20240101-r3",
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
			int want = i < k ? -1 : i > k;

			assert_int_equal(apk_version_check(order[i], NULL), 0);
			if (sign(apk_version_cmp(order[i], order[k], false)) != want)
				fail_msg("%s against %s is not %d", order[i], order[k], want);
		}
	assert_int_equal(apk_version_cmp("1.2.3-r4", "1.2", true), 0);
	assert_int_equal(apk_version_cmp("1.2", "1.2", true), 0);
	assert_int_not_equal(apk_version_cmp("1.20", "1.2", true), 0);
	assert_int_not_equal(apk_version_cmp("1", "1.2", true), 0);
}

static void test_bad_versions(void **state)
{
	static const char *const bad[] = {
		"",	 "a",	 ".1",	  "1.",	   "1..2", "1_",
		"1_foo", "1-r",	 "1-4",	  "1-r1x", "1 2",  "99999999999999999999",
		"1.2bc", "../1", "1_p1_",
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error e = ERROR_INIT;

		if (apk_version_check(bad[i], &e) != -EBADMSG)
			fail_msg("'%s' passed", bad[i]);
		assert_non_null(strstr(e.msg, "is not a version"));
	}
	error_clear(&err);
	assert_int_equal(
		apk_version_check("1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1."
				  "1.1.1.1.1.1",
				  &err),
		-EBADMSG);
}

static void test_dependencies(void **state)
{
	static const struct {
		const char *word, *version;
		bool want;
	} cases[] = {
		{ "x", "1", true },
		{ "x", NULL, true },
		{ "x=1.0", "1.0", true },
		{ "x=1.0", "1.0-r1", false },
		{ "x~1.0", "1.0-r1", true },
		{ "x=~1.0", "1.0.5", true },
		{ "x>=2", "2", true },
		{ "x>=2", "1.9", false },
		{ "x>2", "2", false },
		{ "x>2", "2.1", true },
		{ "x<2", "1.9", true },
		{ "x<=2", "2", true },
		{ "x<2", "2", false },
		{ "x>=2", NULL, false },
		{ "so:libc.so.6=6", "6", true },
	};
	static const struct {
		const char *word, *message;
	} bad[] = {
		{ "=1", "bad dependency '=1'" },
		{ "!", "bad dependency '!'" },
		{ "x@edge", "dependency 'x@edge' on a tagged repository" },
		{ "x><Q1abc", "dependency 'x><Q1abc' is of a kind that is not known" },
		{ "x>~1", "dependency 'x>~1' is of a kind that is not known" },
		{ "x>=", "bad version in dependency 'x>='" },
		{ "x>=b", "bad version in dependency 'x>=b'" },
	};
	struct apk_dep d;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;

		if (apk_dep_parse(cases[i].word, strlen(cases[i].word), &d, &err) < 0)
			fail_msg("%s", err.msg);
		if (apk_dep_matches(&d, cases[i].version) != cases[i].want)
			fail_msg("%s with %s", cases[i].word, cases[i].version);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;

		assert_true(apk_dep_parse(bad[i].word, strlen(bad[i].word), &d, &err) < 0);
		assert_string_equal(err.msg, bad[i].message);
	}
}

static void test_index(void **state)
{
	static const char text[] =
		PKG("bash", "5.2-r0", "T:a shell\nk:7\nD:so:libc.so.6\np:cmd:bash=5\n") SUM
		"P:other\nV:1\nA:armv7\nS:1\n\n" SUM "P:docs\nV:1\nA:noarch\nS:1";
	_cleanup_(apk_index_release) struct apk_index x = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(apk_index_add(&x, text, strlen(text), "x86_64", 3, &err), 0);
	assert_int_equal(x.n, 2);
	assert_string_equal(x.v[0].name, "bash");
	assert_string_equal(x.v[0].version, "5.2-r0");
	assert_string_equal(x.v[0].depends, "so:libc.so.6");
	assert_string_equal(x.v[0].provides, "cmd:bash=5");
	assert_int_equal(x.v[0].priority, 7);
	assert_int_equal(x.v[0].size, 100);
	assert_int_equal(x.v[0].repo, 3);
	assert_string_equal(x.v[1].name, "docs");
}

static void test_bad_index(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "bash\n", "line 1: 'bash' is not LETTER:VALUE" },
		{ "P:../x\n", "line 1: unusable name '../x'" },
		{ "P:a b\n", "line 1: unusable name 'a b'" },
		{ "P:.x\n", "line 1: unusable name '.x'" },
		{ "P:a\nV:one\n", "line 2: 'one' is not a version" },
		{ "C:Q2AAAA\n", "line 1: checksum 'Q2AAAA' is not Q1 and a SHA-1" },
		{ "C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
		  "line 1: checksum 'Q1AAAAAAAAAAAAAAAAAAAAAAAAAAB=' is not Q1 and a SHA-1" },
		{ "S:0\n", "line 1: bad size '0'" },
		{ "S:9999999999999\n", "line 1: bad size '9999999999999'" },
		{ "k:-1\n", "line 1: bad priority '-1'" },
		{ "V:1\n\n", "line 2: package '' lacks its name (P)" },
		{ "P:a\nV:1\nA:x86_64\nS:1\n\n", "line 5: package 'a' lacks its checksum (C)" },
		{ SUM "P:a\nV:1\nS:1\n\n", "line 5: package 'a' lacks its architecture (A)" },
		{ SUM "P:a\nV:1\nA:x86_64\n", "line 5: package 'a' lacks its size (S)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(apk_index_release) struct apk_index x = { 0 };
		struct error err = ERROR_INIT;

		assert_true(apk_index_add(&x, cases[i].text, strlen(cases[i].text), "x86_64", 0,
					  &err) < 0);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* The names and versions that are chosen for these words, "a-1 b-2", or the message. */
static void expect(const char *index, const char *wanted, const char *want)
{
	_cleanup_(apk_index_release) struct apk_index x = { 0 };
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	_cleanup_strv_ struct strv words = STRV_INIT;
	struct error err = ERROR_INIT;
	char copy[200], *save = NULL;
	size_t *v = NULL, n = 0;
	int r;

	snprintf(copy, sizeof(copy), "%s", wanted);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		assert_int_equal(strv_add(&words, w), 0);
	if (apk_index_add(&x, index, strlen(index), "x86_64", 0, &err) < 0)
		fail_msg("%s", err.msg);
	r = apk_solve(&x, &words, &v, &n, &err);
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&got, "%s%s-%s", i ? " " : "", x.v[v[i]].name, x.v[v[i]].version);
	free(v);
	assert_string_equal(r < 0 ? err.msg : got.buf, want);
}

static void test_solver(void **state)
{
	static const char index[] = PKG("app", "1", "D:lib>=2 so:libz.so.1 cmd:sh !old\n")
		PKG("lib", "1", "") PKG("lib", "2", "D:app\n") PKG("lib", "2.1", "") PKG(
			"zlib", "1.3", "p:so:libz.so.1=1.3 pc:zlib=1.3-bad\n")
			PKG("ash", "1", "p:cmd:sh=1\nk:10\n") PKG("dash", "1", "p:cmd:sh=1\nk:5\n")
				PKG("old", "1", "") PKG("mta-a", "1", "p:mta\n") PKG(
					"mta-b", "1", "p:mta\n") PKG("mailer", "1", "D:mta\n")
					PKG("pin", "1", "D:lib=1\n") PKG("lost", "1", "D:nowhere\n")
						PKG("newer", "1", "D:lib>3\n") PKG("anti", "1",
										   "D:!lib<2\n")
							PKG("pcuser", "1", "D:pc:zlib>=1\n")
								PKG("odd", "1", "D:x@edge\n");

	expect(index, "app", "app-1 ash-1 lib-2.1 zlib-1.3");
	expect(index, "app dash", "app-1 dash-1 lib-2.1 zlib-1.3");
	expect(index, "lib=2 app", "app-1 ash-1 lib-2 zlib-1.3");
	expect(index, "lib~2", "lib-2.1");
	expect(index, "mailer mta-b", "mailer-1 mta-b-1");
	expect(index, "pin anti", "anti conflicts with lib-1");
	expect(index, "anti lib", "anti-1 lib-2.1");
	expect(index, "mailer",
	       "mailer needs 'mta', which mta-a and mta-b provide: name one in 'packages'");
	expect(index, "app pin", "pin needs 'lib' from lib-1, but lib-2.1 is already chosen");
	expect(index, "pin app", "app needs 'lib' from lib-2.1, but lib-1 is already chosen");
	expect(index, "app old", "app conflicts with old-1");
	expect(index, "lost", "lost needs 'nowhere', which no repository has");
	expect(index, "newer",
	       "newer needs 'lib>3', which the repositories have in other versions only");
	expect(index, "pcuser",
	       "pcuser needs 'pc:zlib>=1', which the repositories have in other versions only");
	expect(index, "nothing", "the recipe needs 'nothing', which no repository has");
	expect(index, "odd", "odd: dependency 'x@edge' on a tagged repository");
}

static void test_install_if(void **state)
{
	static const char index[] =
		PKG("app", "1", "") PKG("other", "1", "") PKG("init", "2", "D:base\n")
			PKG("base", "1", "") PKG("app-init", "1", "i:app init>=2\nD:dep\n")
				PKG("app-init", "2", "i:app init\n") PKG("dep", "1", "")
					PKG("chain", "1", "i:app-init\nD:base\n")
						PKG("plain", "1", "i:app !init\n")
							PKG("hater", "1", "D:app init !app-init\n")
								PKG("bad", "1", "i:x@edge\n");

	expect(index, "app", "app-1 plain-1");
	expect(index, "app init", "app-1 app-init-2 base-1 chain-1 init-2");
	expect(index, "app-init=1 app init", "app-1 app-init-1 base-1 chain-1 dep-1 init-2");
	expect(index, "app init !app-init", "app-1 base-1 init-2");
	expect(index, "app init !chain", "app-1 app-init-2 base-1 init-2");
	expect(index, "hater", "app-1 base-1 hater-1 init-2");
	expect(index, "other", "other-1");
	expect(index, "init !base", "the recipe wants '!base', but base is needed");
}

/* A package of these files; `more` is put into its control data. Signatures are not looked at when a package is read. */
static int read_made(const struct archive_member *more, const struct archive_member *v, size_t n,
		     struct layer *l, struct layer_spool *spool, struct error *err)
{
	static const struct archive_member sign = { ".SIGN.RSA.key", 'f', "x", 0644, 0 };
	const struct archive_member control[] = {
		more ? *more : (struct archive_member){ ".post-install", 'f', "exit 1", 0755, 0 },
		{ ".PKGINFO", 'f', "pkgname = test\npkgver = 1-r0\narch = x86_64\n", 0644, 0 },
	};
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT, three = STRBUF_INIT;
	struct source_package_info info = { 0 };

	make_tar(&one, "gzip", &sign, 1);
	make_tar(&two, "gzip", control, ARRAY_SIZE(control));
	make_tar(&three, "gzip", v, n);
	assert_int_equal(strbuf_add(&one, two.buf, two.len), 0);
	assert_int_equal(strbuf_add(&one, three.buf, three.len), 0);
	assert_int_equal(layer_spool_open(spool, err), 0);
	return apk_read(l, spool, one.buf, one.len, "x86_64", &info, err);
}

static void test_hostile_files(void **state)
{
	static char long_name[257], long_path[TREE_PATH_MAX + 3];
	static const struct {
		struct archive_member v[2];
		const char *message; /* NULL: is at etc/f */
	} cases[] = {
		{ { { long_name, 'f', "x", 0644, 0 } }, "name is longer than 255 bytes" },
		{ { { long_path, 'f', "x", 0644, 0 } }, "path is longer than 4095 bytes" },
		{ { { "../f", 'f', "x", 0644, 0 } }, "entry '../f': path contains '..'" },
		{ { { "/etc/f", 'f', "x", 0644, 0 } }, "entry '/etc/f': absolute path" },
		{ { { "h", 'h', "../etc/f", 0644, 0 } },
		  "entry 'h': hard link target '../etc/f': path contains '..'" },
		{ { { "out", 'l', "/nowhere", 0777, 0 }, { "out/f", 'f', "x", 0644, 0 } },
		  "entry 'out/f': path goes through a dangling symbolic link" },
		{ { { "out", 'l', "../../nowhere", 0777, 0 }, { "out/f", 'f', "x", 0644, 0 } },
		  "entry 'out/f': path goes through a dangling symbolic link" },
		{ { { "up", 'l', "../../etc", 0777, 0 }, { "up/f", 'f', "x", 0644, 0 } }, NULL },
		{ { { "a/b", 'f', "x", 0644, 0 }, { "a//b", 'f', "y", 0644, 0 } },
		  "entry 'a//b' is there twice" },
	};

	memset(long_name, 'n', sizeof(long_name) - 1);
	for (size_t i = 0; i < sizeof(long_path) - 1; i++)
		long_path[i] = i % 2 ? '/' : 'p';
	long_path[sizeof(long_path) - 2] = 'p';
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const size_t n = cases[i].v[1].path ? 2 : 1;
		_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
		_cleanup_tree_ struct tree *t = tree_new();
		_cleanup_layer_ struct layer l = { 0 };
		struct error err = ERROR_INIT;
		int r;

		assert_int_equal(tree_add_dir(t, "etc", 0755, &err), 0);
		r = read_made(NULL, cases[i].v, n, &l, &spool, &err);
		if (r == 0)
			r = layer_apply(&l, t, 0, &err);
		if (!cases[i].message) {
			assert_int_equal(r, 0);
			assert_non_null(tree_lookup(t, "etc/f"));
		} else if (r >= 0 || !strstr(err.msg, cases[i].message)) {
			fail_msg("case %zu: %d '%s'", i, r, err.msg);
		}
	}
}

/* A few thousand bytes that would become very many. */
static void test_bomb(void **state)
{
	static const struct archive_member zeros = { "zeros", 'f', NULL, 0644, APK_CONTROL_MAX };
	static const struct archive_member file = { "f", 'f', "x", 0644, 0 };
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(read_made(&zeros, &file, 1, &l, &spool, &err), -EFBIG);
	assert_string_equal(err.msg, "unpacks to more than 16777216 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_order), cmocka_unit_test(test_bad_versions),
		cmocka_unit_test(test_dependencies),  cmocka_unit_test(test_index),
		cmocka_unit_test(test_bad_index),     cmocka_unit_test(test_solver),
		cmocka_unit_test(test_install_if),    cmocka_unit_test(test_hostile_files),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
