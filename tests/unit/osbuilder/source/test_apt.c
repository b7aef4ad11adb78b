/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "source/apt.h"
#include "support/tool.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int setup(void **state)
{
	*state = tool_tmpdir();
	return 0;
}

static int teardown(void **state)
{
	tool_rmdir(*state);
	return 0;
}

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_strbuf_ struct strbuf p = STRBUF_INIT;
	struct error err = ERROR_INIT;

	strbuf_addf(&p, "%s/sources.list.d", dir);
	assert_int_equal(file_mkdir_p(AT_FDCWD, p.buf, 0755, &err), 0);
	strbuf_reset(&p);
	strbuf_addf(&p, "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, p.buf, 0644, text, strlen(text), &err), 0);
}

static void spec_init(struct source_spec *s)
{
	*s = (struct source_spec){ 0 };
	assert_int_equal(strv_adds(&s->suites, "bookworm", "bookworm-updates", "bookworm-security",
				   NULL),
			 0);
	assert_int_equal(strv_adds(&s->components, "main", NULL), 0);
}

static void expect(const struct source_spec *s, const char *etc, const char *want)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (apt_sources_text(s, etc, &out, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out.buf, want);
}

static void spec_release(struct source_spec *s)
{
	strv_release(&s->suites);
	strv_release(&s->components);
}

#define STANZA(uri, suite)                          \
	"Types: deb\nURIs: " uri "\nSuites: " suite \
	"\nComponents: main\nSigned-By: " APT_DEFAULT_KEYRING "\n\n"

static void test_defaults(void **state)
{
	struct source_spec s;

	spec_init(&s);
	expect(&s, "/nonexistent",
	       STANZA("http://deb.debian.org/debian",
		      "bookworm") STANZA("http://deb.debian.org/debian", "bookworm-updates")
		       STANZA("http://deb.debian.org/debian-security", "bookworm-security"));
	s.mirror = (char *)"http://one.example/d";
	expect(&s, "/nonexistent",
	       STANZA("http://one.example/d", "bookworm")
		       STANZA("http://one.example/d", "bookworm-updates")
			       STANZA("http://one.example/d", "bookworm-security"));
	s.security_mirror = (char *)"http://sec.example/s";
	s.keyring = (char *)"/k.gpg";
	s.suites.n = 1;
	expect(&s, "/nonexistent",
	       "Types: deb\nURIs: http://one.example/d\nSuites: bookworm\nComponents: main\n"
	       "Signed-By: /k.gpg\n\n");
	s.suites.n = 3;
	spec_release(&s);
}

static void test_host_deb822(void **state)
{
	struct source_spec s;

	spec_init(&s);
	put(*state, "sources.list.d/debian.sources",
	    "# comment\nTypes: deb deb-src\n# in between\nURIs: http://a.example/debian\n"
	    " http://b.example/debian\nSuites: bookworm trixie\nComponents: main contrib\n"
	    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
	    "\n"
	    "types: deb\nuris: http://s.example/security\nsuites: bookworm-security\n"
	    "components: main\n");
	put(*state, "sources.list.d/vendor.sources",
	    "Types: deb\nURIs: http://vendor.example\nSuites: bookworm\nComponents: stable\n"
	    "Signed-By: /etc/apt/keyrings/vendor.asc\n");
	put(*state, "sources.list.d/off.sources",
	    "Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n");
	put(*state, "sources.list.d/src.sources",
	    "Types: deb-src\nURIs: http://src.example\nSuites: bookworm\nComponents: main\n");
	put(*state, "sources.list.d/ignored.bak", "deb http://bak.example bookworm main\n");
	expect(&s, *state,
	       STANZA("http://a.example/debian http://b.example/debian", "bookworm")
		       STANZA("http://s.example/security", "bookworm-security"));
	spec_release(&s);
}

static void test_host_one_line(void **state)
{
	struct source_spec s;

	spec_init(&s);
	put(*state, "sources.list",
	    "deb http://a.example/debian bookworm main # words\n"
	    "# deb http://no.example bookworm main\n"
	    "deb-src http://src.example bookworm main\n"
	    "deb [arch=amd64 signed-by=/k/vendor.gpg] http://vendor.example bookworm main\n"
	    "deb [ signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] "
	    "http://u.example bookworm-updates main\n"
	    "deb http://broken.example\n");
	expect(&s, *state,
	       STANZA("http://a.example/debian", "bookworm")
		       STANZA("http://u.example", "bookworm-updates"));
	spec_release(&s);
}

/* A host of another distribution has no entry for the first suite: the public mirror serves all. */
static void test_host_without(void **state)
{
	struct source_spec s;

	spec_init(&s);
	put(*state, "sources.list",
	    "deb http://x.example noble main\ndeb http://y.example bookworm-updates main\n");
	s.suites.n = 2;
	expect(&s, *state,
	       STANZA("http://deb.debian.org/debian", "bookworm")
		       STANZA("http://deb.debian.org/debian", "bookworm-updates"));
	s.suites.n = 3;
	spec_release(&s);
}

static void test_base_uris(void **state)
{
	_cleanup_strv_ struct strv bases = STRV_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(apt_base_uris("Types: deb\nURIs: http://a/debian/ http://b\nSuites: x\n\n"
				       "URIs: http://b/\nURIs:\nURIs: file:/srv/deb",
				       &bases, &err),
			 0);
	assert_int_equal(bases.n, 3);
	assert_string_equal(bases.v[0], "http://a/debian");
	assert_string_equal(bases.v[1], "http://b");
	assert_string_equal(bases.v[2], "file:/srv/deb");
}

static void test_uris(void **state)
{
	_cleanup_strv_ struct strv bases = STRV_INIT;
	struct lock_packages f = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(strv_adds(&bases, "http://m", "http://m/d", NULL), 0);
	assert_int_equal(
		apt_parse_uris("'http://m/d/p/y%2b_3_all.deb' y+_3_all.deb 5 SHA256:" HEX64
			       "\nsome words\n'http://m/x_2_amd64.deb' x_1%3a2_amd64.deb 123 "
			       "SHA256:" HEX64 "\n'http://else/z_1_all.deb' z_1_all.deb 7 "
			       "SHA256:" HEX64 "\n",
			       &bases, &f, &err),
		0);
	assert_int_equal(f.n, 3);
	assert_string_equal(f.v[0].name, "x");
	assert_string_equal(f.v[0].version, "1:2");
	assert_string_equal(f.v[0].arch, "amd64");
	assert_string_equal(f.v[0].path, "x_2_amd64.deb");
	assert_string_equal(f.v[0].uri, "http://m/x_2_amd64.deb");
	assert_int_equal(f.v[0].size, 123);
	assert_string_equal(f.v[1].name, "y+");
	assert_string_equal(f.v[1].path, "p/y%2b_3_all.deb");
	assert_string_equal(f.v[1].sha256, HEX64);
	assert_null(f.v[2].path);
	lock_packages_release(&f);
}

/* apt writes a mirror "file:///x" as "file:/x". */
static void test_file_uris(void **state)
{
	static const struct {
		const char *base, *uri, *path;
	} cases[] = {
		{ "file:///srv/deb", "file:/srv/deb/p/x_1_all.deb", "p/x_1_all.deb" },
		{ "file:///srv/deb", "file:///srv/deb/p/x_1_all.deb", "p/x_1_all.deb" },
		{ "file:/srv/deb", "file:/srv/deb/p/x_1_all.deb", "p/x_1_all.deb" },
		{ "copy:///srv/deb", "copy:/srv/deb/x_1_all.deb", "x_1_all.deb" },
		{ "file:///srv/deb", "file:/srv/debian/x_1_all.deb", NULL },
		{ "file:///srv/deb", "copy:/srv/deb/x_1_all.deb", NULL },
		{ "file:///srv/deb", "http:/srv/deb/x_1_all.deb", NULL },
		{ "http://srv/deb", "http:/srv/deb/x_1_all.deb", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strv_ struct strv bases = STRV_INIT;
		_cleanup_free_ char *line = NULL;
		struct lock_packages f = { 0 };
		struct error err = ERROR_INIT;

		line = str_printf("'%s' x_1_all.deb 5 SHA256:" HEX64 "\n", cases[i].uri);
		assert_non_null(line);
		assert_int_equal(strv_add(&bases, cases[i].base), 0);
		assert_int_equal(apt_parse_uris(line, &bases, &f, &err), 0);
		assert_int_equal(f.n, 1);
		if (cases[i].path)
			assert_string_equal(f.v[0].path, cases[i].path);
		else
			assert_null(f.v[0].path);
		lock_packages_release(&f);
	}
}

static void test_bad_uris(void **state)
{
	static const char *const bad[][2] = {
		{ "'http://m/x x.deb 1 SHA256:" HEX64 "\n", "cannot understand apt's line" },
		{ "'u' x_1_all.deb 1\n", "cannot understand apt's line" },
		{ "'u' x_1_all.deb 1 MD5Sum:0123\n", "apt has no SHA-256 for x_1_all.deb" },
		{ "'u' x_1_all.deb 1 SHA256:0123\n", "apt has no SHA-256 for x_1_all.deb" },
		{ "'u' ../x_1_all.deb 1 SHA256:" HEX64 "\n", "apt names a file '../x_1_all.deb'" },
		{ "'u' x.txt 1 SHA256:" HEX64 "\n", "apt names a file 'x.txt'" },
		{ "'u' x.deb 1 SHA256:" HEX64 "\n", "cannot understand the file name 'x.deb'" },
		{ "'u' x__all.deb 1 SHA256:" HEX64 "\n", "cannot understand the file name" },
		{ "'u' x_1_.deb 1 SHA256:" HEX64 "\n", "cannot understand the file name" },
		{ "'u' x_1_all.deb 99999999999999999999999 SHA256:" HEX64 "\n",
		  "bad size of x_1_all.deb" },
		{ "'u' x_1_all.deb 0 SHA256:" HEX64 "\n", "bad size of x_1_all.deb" },
		{ "'\n", "cannot understand apt's line" },
	};
	static const struct strv none = STRV_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct lock_packages f = { 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(apt_parse_uris(bad[i][0], &none, &f, &err), -EBADMSG);
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("case %zu: '%s'", i, err.msg);
		lock_packages_release(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test_setup_teardown(test_host_deb822, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_without, setup, teardown),
		cmocka_unit_test(test_base_uris),
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_file_uris),
		cmocka_unit_test(test_bad_uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
