/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "support/cmocka_all.h"
#include "base/alloc.h"
#include "kconfig/kconfig.h"

static int parse(struct kconfig *kc, const char *file, const char *text, struct error *err)
{
	return kconfig_parse(kc, file, text, strlen(text), err);
}

static void assert_value(const struct kconfig *kc, const char *name, const char *value)
{
	const struct kconfig_option *o = kconfig_find(kc, name);

	if (!value) {
		assert_null(o);
		return;
	}
	assert_non_null(o);
	assert_string_equal(o->value, value);
}

static void all_kinds_of_values(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(parse(&kc, "a.conf",
			       "# A comment about CONFIG_PROSE\n"
			       "\n"
			       "CONFIG_SMP=y\n"
			       "CONFIG_MOD=m\n"
			       "CONFIG_OFF=n\n"
			       "# CONFIG_ALSO_OFF is not set\n"
			       "CONFIG_NUM=240\n"
			       "CONFIG_NEG=-1\n"
			       "CONFIG_HEX=0x1000aF\n"
			       "CONFIG_EMPTY=\"\"\n"
			       "CONFIG_TEXT=\"a \\\"b\\\" \\\\ c\"\n"
			       "#\n"
			       "CONFIG_LAST=y",
			       &err),
			 0);
	assert_int_equal(kc.n, 10);
	assert_value(&kc, "SMP", "y");
	assert_value(&kc, "MOD", "m");
	assert_value(&kc, "OFF", "n");
	assert_value(&kc, "ALSO_OFF", "n");
	assert_value(&kc, "NUM", "240");
	assert_value(&kc, "NEG", "-1");
	assert_value(&kc, "HEX", "0x1000aF");
	assert_value(&kc, "EMPTY", "\"\"");
	assert_value(&kc, "TEXT", "\"a \\\"b\\\" \\\\ c\"");
	assert_value(&kc, "LAST", "y");
	assert_value(&kc, "PROSE", NULL);
	assert_int_equal(kconfig_find(&kc, "LAST")->line, 13);
	assert_string_equal(kconfig_find(&kc, "LAST")->file, "a.conf");
	for (size_t i = 1; i < kc.n; i++)
		assert_true(strcmp(kc.v[i - 1].name, kc.v[i].name) < 0);
}

static void bad_lines_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "SMP=y\n", "x.conf:1: expected CONFIG_NAME=VALUE" },
		{ "\nCONFIG_=y\n", "x.conf:2: expected CONFIG_NAME=VALUE" },
		{ "CONFIG_A y\n", "x.conf:1: expected CONFIG_NAME=VALUE" },
		{ " CONFIG_A=y\n", "x.conf:1: expected CONFIG_NAME=VALUE" },
		{ "CONFIG_A=yes\n", "x.conf:1: CONFIG_A: the value must be y, n, m, a number or a "
				    "quoted string" },
		{ "CONFIG_A=\n", "x.conf:1: CONFIG_A: the value must be y, n, m, a number or a "
				 "quoted string" },
		{ "CONFIG_A=0x\n", "x.conf:1: CONFIG_A: the value must be" },
		{ "CONFIG_A=-\n", "x.conf:1: CONFIG_A: the value must be" },
		{ "CONFIG_A=\"open\n", "x.conf:1: CONFIG_A: the value must be" },
		{ "CONFIG_A=\"a\"b\"\n", "x.conf:1: CONFIG_A: the value must be" },
		{ "CONFIG_A=\"a\\\"\n", "x.conf:1: CONFIG_A: the value must be" },
		{ "CONFIG_A=y # why\n", "x.conf:1: CONFIG_A: the value must be" },
		{ "CONFIG_A=y\r\n", "x.conf:1: control character 0x0d" },
		{ "#CONFIG_A is not set\n",
		  "x.conf:1: neither a comment nor '# CONFIG_A is not set'" },
		{ "# CONFIG_A is not set.\n",
		  "x.conf:1: neither a comment nor '# CONFIG_A is not set'" },
		{ "# CONFIG_A=y\n", "x.conf:1: neither a comment nor '# CONFIG_A is not set'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(parse(&kc, "x.conf", cases[i].text, &err), -EINVAL);
		assert_int_equal(strncmp(err.msg, cases[i].message, strlen(cases[i].message)), 0);
	}
}

static void limits(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_free_ char *big = calloc(1, KCONFIG_FILE_MAX + 2);
	char name[KCONFIG_NAME_MAX + 32] = "CONFIG_";
	struct error err = ERROR_INIT;

	assert_non_null(big);
	memset(big, '\n', KCONFIG_FILE_MAX + 1);
	assert_int_equal(kconfig_parse(&kc, "big", big, KCONFIG_FILE_MAX, &err), 0);
	assert_int_equal(kconfig_parse(&kc, "big", big, KCONFIG_FILE_MAX + 1, &err), -EFBIG);
	assert_string_equal(err.msg, "big: larger than 1048576 bytes");

	memset(big, '#', KCONFIG_LINE_MAX + 1);
	assert_int_equal(kconfig_parse(&kc, "line", big, KCONFIG_LINE_MAX, &err), 0);
	assert_int_equal(kconfig_parse(&kc, "line", big, KCONFIG_LINE_MAX + 1, &err), -EFBIG);
	assert_string_equal(err.msg, "line:1: line longer than 4096 bytes");

	memset(name + 7, 'A', KCONFIG_NAME_MAX);
	memcpy(name + 7 + KCONFIG_NAME_MAX, "=y", 3);
	assert_int_equal(parse(&kc, "name", name, &err), 0);
	memcpy(name + 7 + KCONFIG_NAME_MAX, "A=y", 4);
	assert_int_equal(parse(&kc, "name", name, &err), -EINVAL);
	assert_string_equal(err.msg, "name:1: expected CONFIG_NAME=VALUE");
}

static void an_option_set_again(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
	struct error err = ERROR_INIT;
	size_t bad = 0;

	assert_int_equal(parse(&kc, "a.conf", "CONFIG_X=y\nCONFIG_N=1\n", &err), 0);
	assert_int_equal(parse(&kc, "b.conf", "CONFIG_X=y\n", &err), 0);
	assert_int_equal(parse(&kc, "c.conf", "\n# CONFIG_X is not set\n", &err), 0);
	assert_int_equal(kc.n, 2);
	assert_value(&kc, "X", "y");
	assert_int_equal(kconfig_compare(&kc, NULL, &table, &bad), 0);
	assert_int_equal(bad, 2);
	assert_non_null(strstr(
		table.buf, "CONFIG_X                             b.conf:1          "
			   "                   y          redundant: a.conf:1 sets it already\n"));
	assert_non_null(strstr(table.buf,
			       "CONFIG_X                             c.conf:2          "
			       "                   n          redefines y of a.conf:1\n"));
}

static void features(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(parse(&kc, "a.conf",
			       "CONFIG_NONE=y\n#: virtio-fs: shared directories\n# prose\n"
			       "CONFIG_FUSE_FS=y\n\n#: pci\nCONFIG_PCI=y\n",
			       &err),
			 0);
	assert_int_equal(parse(&kc, "b.conf", "#: pci: devices on a PCI bus\nCONFIG_MSI=y\n", &err),
			 0);
	assert_int_equal(kc.n_features, 2);
	assert_string_equal(kc.features[0].name, "virtio-fs");
	assert_string_equal(kc.features[0].breaks, "shared directories");
	assert_string_equal(kc.features[1].breaks, "devices on a PCI bus");
	assert_int_equal(kconfig_find(&kc, "NONE")->feature, -1);
	assert_int_equal(kconfig_find(&kc, "FUSE_FS")->feature, 0);
	assert_int_equal(kconfig_find(&kc, "PCI")->feature, 1);
	assert_int_equal(kconfig_find(&kc, "MSI")->feature, 1);
	assert_int_equal(kconfig_check_features(&kc, &err), 0);

	assert_int_equal(parse(&kc, "c.conf", "#: late\n", &err), 0);
	assert_int_equal(kconfig_check_features(&kc, &err), -EINVAL);
	assert_string_equal(err.msg, "c.conf:1: feature 'late' is nowhere described");
	error_clear(&err);
	assert_int_equal(parse(&kc, "d.conf", "\n#: pci: again\n", &err), -EINVAL);
	assert_string_equal(err.msg, "d.conf:2: feature 'pci' is described a second time");
	error_clear(&err);
	assert_int_equal(parse(&kc, "e.conf", "#: Not a name\n", &err), -EINVAL);
	assert_string_equal(err.msg,
			    "e.conf:1: expected '#: FEATURE: what does not work without it'");
}

/* A fragment in a file, read with the tags that a build has. */
static int load_text(struct kconfig *kc, const char *text, const char *tag, struct error *err)
{
	_cleanup_strv_ struct strv tags = STRV_INIT;
	char path[] = "/tmp/test_kconfig.XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(strv_add(&tags, tag), 0);
	r = kconfig_load_fragment(kc, path, &tags, err);
	unlink(path);
	return r;
}

static void tags(void **state)
{
	static const char text[] = "# no PCI\n# !s390x\n# !microvm (why)\n\n#: pci: devices\n"
				   "CONFIG_PCI=y\n";
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(load_text(&kc, text, "s390x", &err), 0);
	assert_int_equal(load_text(&kc, text, "microvm", &err), 0);
	assert_int_equal(kc.n, 0);
	assert_int_equal(load_text(&kc, text, "s390", &err), 0);
	assert_int_equal(kc.n, 1);
	assert_int_equal(load_text(&kc, "CONFIG_A=y\n", "s390x", &err), -EINVAL);
	assert_non_null(strstr(err.msg, ":1: CONFIG_A belongs to no feature"));
}

static void written_text_reads_back(void **state)
{
	static const char text[] = "CONFIG_A=y\n"
				   "# CONFIG_B is not set\n"
				   "CONFIG_C=\"x=y\"\n";
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(parse(&kc, "a", "CONFIG_C=\"x=y\"\nCONFIG_B=n\nCONFIG_A=y\n", &err), 0);
	assert_int_equal(kconfig_write(&kc, &out), 0);
	assert_string_equal(out.buf, text);
}

static void comparing_with_the_result(void **state)
{
	_cleanup_kconfig_ struct kconfig want = KCONFIG_INIT, got = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
	struct error err = ERROR_INIT;
	size_t bad = 99;

	assert_int_equal(parse(&want, "common/net.conf",
			       "CONFIG_VETH=y\n# CONFIG_WLAN is not set\n# CONFIG_GONE is not set\n"
			       "CONFIG_NR_CPUS=240\nCONFIG_TYPO=y\nCONFIG_BRIDGE=y\n",
			       &err),
			 0);
	assert_int_equal(parse(&got, ".config",
			       "CONFIG_VETH=y\n# CONFIG_WLAN is not set\nCONFIG_NR_CPUS=240\n"
			       "CONFIG_TYPO=y\nCONFIG_BRIDGE=y\nCONFIG_OTHER=y\n",
			       &err),
			 0);
	assert_int_equal(kconfig_compare(&want, &got, &table, &bad), 0);
	assert_int_equal(bad, 0);
	assert_int_equal(table.len, 0);

	kconfig_release(&got);
	assert_int_equal(parse(&got, ".config",
			       "CONFIG_VETH=m\nCONFIG_WLAN=y\nCONFIG_NR_CPUS=64\n"
			       "CONFIG_BRIDGE=y\n",
			       &err),
			 0);
	assert_int_equal(kconfig_compare(&want, &got, &table, &bad), 0);
	assert_int_equal(bad, 4);
	assert_non_null(strstr(table.buf, "option  "));
	assert_non_null(strstr(table.buf, "CONFIG_NR_CPUS                       common/net.conf:4 "
					  "                   240        altered: 64\n"));
	assert_non_null(strstr(table.buf, "CONFIG_TYPO                          common/net.conf:5 "
					  "                   y          absent\n"));
	assert_non_null(strstr(table.buf, "CONFIG_VETH                          common/net.conf:1 "
					  "                   y          altered: m\n"));
	assert_non_null(strstr(table.buf, "CONFIG_WLAN                          common/net.conf:2 "
					  "                   n          altered: y\n"));
	assert_null(strstr(table.buf, "BRIDGE"));
}

static void loading_files(void **state)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	char path[] = "/tmp/test_kconfig.XXXXXX";
	struct error err = ERROR_INIT;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "CONFIG_A=y\n", 11), 11);
	close(fd);
	assert_int_equal(kconfig_load(&kc, path, &err), 0);
	assert_value(&kc, "A", "y");
	assert_string_equal(kconfig_find(&kc, "A")->file, path);
	unlink(path);
	assert_int_equal(kconfig_load(&kc, path, &err), -ENOENT);
	assert_non_null(strstr(err.msg, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_values),
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(limits),
		cmocka_unit_test(an_option_set_again),
		cmocka_unit_test(features),
		cmocka_unit_test(tags),
		cmocka_unit_test(written_text_reads_back),
		cmocka_unit_test(comparing_with_the_result),
		cmocka_unit_test(loading_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
