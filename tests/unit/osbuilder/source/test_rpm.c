/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "source/rpm.h"

static void test_urls(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "http://x/a.deb\n", "cannot understand dnf's line 'http://x/a.deb'" },
		{ "a-1.rpm\n", "cannot understand dnf's line 'a-1.rpm'" },
		{ "http://x/.rpm\n", "cannot understand dnf's line 'http://x/.rpm'" },
		{ "http://x/-v.rpm\n", "cannot understand dnf's line 'http://x/-v.rpm'" },
		{ "file:///x/../\n", "cannot understand dnf's line 'file:///x/../'" },
	};
	_cleanup_strv_ struct strv names = STRV_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(rpm_parse_urls("http://x/p/b-1.rpm\n\nfile:///y/a-2.rpm\nhttp://z/b-1.rpm",
					&names, &err),
			 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "a-2.rpm");
	assert_string_equal(names.v[1], "b-1.rpm");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_strv_ struct strv none = STRV_INIT;

		assert_int_equal(rpm_parse_urls(bad[i].text, &none, &err), -EBADMSG);
		assert_string_equal(err.msg, bad[i].message);
	}
}

static void test_query(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "", "cannot understand rpm's line ''" },
		{ "P\ta\t1\n", "cannot understand rpm's line 'P\ta\t1'" },
		{ "P\ta\t1\tnoarch\nroot\n", "cannot understand rpm's line 'root'" },
		{ "P\ta\t1\tnoarch\nF\troot\tmail\t(none)\t/x\n",
		  "/x belongs to root:mail (plain_owners would make it root's)" },
		{ "P\ta\t1\tnoarch\nF\troot\troot\t(none)\t/x\nF\troot\troot\tcap_net_raw=ep\t/ping\n",
		  "/ping has capabilities (plain_owners would take it without)" },
	};
	static const char good[] = "P\ta\t1:2-3\tx86_64\nF\troot\troot\t(none)\t/a b\n";
	struct error err = ERROR_INIT;
	struct rpm_info info;

	assert_int_equal(rpm_parse_query(good, false, &info, &err), 0);
	assert_string_equal(info.name, "a");
	assert_string_equal(info.version, "1:2-3");
	assert_string_equal(info.arch, "x86_64");
	assert_int_equal(rpm_parse_query("P\ta\t1\tnoarch\nF\t(none)\t(none)\t(none)\t(none)\n",
					 false, &info, &err),
			 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(rpm_parse_query(bad[i].text, false, &info, &err) < 0);
		assert_string_equal(err.msg, bad[i].message);
	}
	assert_int_equal(rpm_parse_query(bad[4].text, true, &info, &err), 0);
}

static int unpack(const char *text, size_t len, struct error *err)
{
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_fd_ int fd = -1;

	assert_int_equal(fd_memfd("rpm", &fd), 0);
	assert_int_equal(fd_write_full(fd, text, len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return rpm_unpack_fd(t, fd, err);
}

/* A bare cpio archive (newc) with one file, as a payload holds it. */
static void test_hostile_payload(void **state)
{
	static const char *const names[] = { "./../../out", "/etc/passwd" };
	static const char *const messages[] = { "entry './../../out': path contains '..'",
						"entry '/etc/passwd': absolute path" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_strbuf_ struct strbuf cpio = STRBUF_INIT;
		struct error err = ERROR_INIT;
		const char *all[] = { names[i], "TRAILER!!!" };

		for (size_t k = 0; k < 2; k++) {
			strbuf_addf(&cpio,
				    "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1,
				    k ? 0 : 0100644, 0, 0, 1, 0, 0, 0, 0, 0, 0,
				    (unsigned)strlen(all[k]) + 1, 0);
			strbuf_add(&cpio, all[k], strlen(all[k]) + 1);
			while (cpio.len % 4)
				strbuf_addch(&cpio, '\0');
		}
		assert_true(unpack(cpio.buf, cpio.len, &err) < 0);
		assert_string_equal(err.msg, messages[i]);
	}
	for (size_t len = 1; len < 40; len += 13) {
		struct error err = ERROR_INIT;

		assert_true(unpack("\xed\xab\xee\xdb\3\0\0\0\0\0not a package at all, but long",
				   len, &err) < 0);
		assert_true(strstr(err.msg, "archive") != NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_hostile_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
