/* SPDX-License-Identifier: Apache-2.0 */
#include "source/installed.h"

#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

static struct source_packages found(const char *path, const char *text)
{
	_cleanup_tree_ struct tree *t = tree_new();
	struct source_packages p = { 0 };
	struct error err = ERROR_INIT;

	assert_non_null(t);
	assert_int_equal(tree_add_file(t, path, 0644, text, strlen(text), &err), 0);
	assert_int_equal(installed_packages(t, &p), 0);
	return p;
}

static void assert_package(const struct source_packages *p, size_t i, const char *name,
			   const char *version, const char *arch)
{
	assert_true(i < p->n);
	assert_string_equal(p->v[i].name, name);
	assert_string_equal(p->v[i].version, version);
	assert_string_equal(p->v[i].arch, arch);
}

static void test_dpkg(void **state)
{
	struct source_packages p =
		found("var/lib/dpkg/status",
		      "Package: one\nStatus: install ok installed\nArchitecture: amd64\n"
		      "Version: 1:1.0-1\nDescription: Package: no\n Package: no\n\n"
		      "Package: gone\nStatus: deinstall ok config-files\nVersion: 2\n\n\n"
		      "Package: last\nVersion: 3\nStatus: install ok installed");

	assert_int_equal(p.n, 2);
	assert_package(&p, 0, "one", "1:1.0-1", "amd64");
	assert_package(&p, 1, "last", "3", "");
	source_packages_release(&p);
}

static void test_apk(void **state)
{
	struct source_packages p = found("lib/apk/db/installed",
					 "C:Q1x\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:P:no\n\n"
					 "P:busybox\nV:1.36\n\n");

	assert_int_equal(p.n, 2);
	assert_package(&p, 0, "musl", "1.2.5-r0", "x86_64");
	assert_package(&p, 1, "busybox", "1.36", "");
	source_packages_release(&p);
}

static void test_summary(void **state)
{
	struct source_packages p =
		found("var/lib/osbuilder/osbuilder.yaml",
		      "base-distro:\n  packages:\n    default:\n      - \"chrony\"\n"
		      "    extra:\n      - \"strace\"\n      - \"\"\n      - \"cut\n");

	assert_int_equal(p.n, 2);
	assert_package(&p, 0, "chrony", "", "");
	assert_package(&p, 1, "strace", "", "");
	source_packages_release(&p);
}

static void test_nothing(void **state)
{
	struct source_packages p = found("etc/x", "Package: x\n");

	assert_int_equal(p.n, 0);
	p = found("var/lib/dpkg/status", "");
	assert_int_equal(p.n, 0);
	p = found("var/lib/dpkg/status", "\n\nVersion: 1\n\n");
	assert_int_equal(p.n, 0);
}

/* What is over a limit is left out; the rest is good. */
static void test_limits(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_tree_ struct tree *t = tree_new();
	struct blob status = BLOB_INIT;
	const struct tree_attr attr = { .mode = S_IFREG | 0644, .content = &status };
	static const char big[] = "Package: big\n\n";
	_cleanup_fd_ int fd = -1;
	struct source_packages p = { 0 };
	struct error err = ERROR_INIT;

	for (int i = 0; i < SOURCE_PACKAGES_MAX + 10; i++)
		assert_int_equal(strbuf_addf(&text, "P:p%d\nV:1\n\n", i), 0);
	p = found("lib/apk/db/installed", text.buf);
	assert_int_equal(p.n, SOURCE_PACKAGES_MAX);
	assert_package(&p, SOURCE_PACKAGES_MAX - 1, "p4095", "1", "");
	source_packages_release(&p);

	assert_int_equal(fd_memfd("status", &fd), 0);
	assert_int_equal(fd_write_full(fd, big, sizeof(big) - 1), 0);
	assert_int_equal(ftruncate(fd, (off_t)INSTALLED_FILE_MAX + 1), 0);
	assert_int_equal(tree_add_file(t, "lib/apk/db/installed", 0644, "P:a\n", 4, &err), 0);
	for (int over = 0; over < 2; over++) {
		blob_from_fd(&status, fd, 0, INSTALLED_FILE_MAX + (uint64_t)over);
		assert_int_equal(
			tree_add(t, "var/lib/dpkg/status", &attr, TREE_ADD_PARENTS, NULL, &err), 0);
		assert_int_equal(installed_packages(t, &p), 0);
		assert_int_equal(p.n, 1);
		assert_package(&p, 0, over ? "a" : "big", "", "");
		source_packages_release(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dpkg),	cmocka_unit_test(test_apk),
		cmocka_unit_test(test_summary), cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
