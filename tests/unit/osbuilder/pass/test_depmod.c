/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes of kernel modules, of modules made here by the assembler; compared with those of kmod's own depmod. */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "pass/module_index.h"
#include "pass/pass.h"
#include "source/source.h"
#include "support/tool.h"
#include "support/tree_text.h"

#define VERSION "6.1.0-test"

static const char *const indexes[] = { "dep",	  "alias",	"softdep",     "devname",
				       "dep.bin", "alias.bin",	"builtin.bin", "builtin.alias.bin",
				       "symbols", "symbols.bin" };

/* What each module exports, needs, and says in .modinfo, one word each. */
static const struct {
	const char *path, *exports, *needs, *info;
} modules[] = {
	{ "kernel/lib/base.ko", "base_a base_b", "printk", "license=GPL alias=base-alias" },
	{ "kernel/drivers/mid-one.ko", "mid", "base_a kfree",
	  "alias=pci:v00008086d*sv*sd* depends=base" },
	{ "kernel/drivers/mid_two.ko", "two", "base_b base_a", "softdep=pre:crc32c" },
	{ "kernel/drivers/top.ko", "", "mid two",
	  "alias=char-major-10-237 alias=devname:loop-control alias=usb:[0-9-a]x-y alias=bad]" },
	{ "kernel/alone.ko", "", "", "" },
	{ "updates/extra.ko", "", "base_b", "alias=block-major-7-*" },
};

static void add_words(struct strbuf *s, const char *words, const char *format_before,
		      const char *format_after)
{
	for (const char *p = words; *p; p += strspn(p, " ")) {
		const size_t len = strcspn(p, " ");

		assert_int_equal(strbuf_addstr(s, format_before), 0);
		assert_int_equal(strbuf_add(s, p, len), 0);
		assert_int_equal(strbuf_addstr(s, format_after), 0);
		p += len;
	}
}

/* DIR/lib/modules/VERSION as `make modules_install` would make it. */
static char *make_modules(const char *dir)
{
	char *top = str_printf("%s/lib/modules/" VERSION, dir);
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		_cleanup_free_ char *source = str_printf("%s/m.s", dir);
		_cleanup_strbuf_ struct strbuf s = STRBUF_INIT;

		assert_int_equal(strbuf_addstr(&s, ".section .modinfo,\"a\"\n"), 0);
		add_words(&s, modules[i].info, ".asciz \"", "\"\n.byte 0\n");
		assert_int_equal(strbuf_addstr(&s, ".data\n"), 0);
		add_words(&s, modules[i].exports, "__ksymtab_", ": .quad 0\n");
		add_words(&s, modules[i].exports, ".globl __crc_", "\n");
		add_words(&s, modules[i].exports, "__crc_", ": .quad 0\n");
		add_words(&s, modules[i].needs, ".quad ", "\n");
		assert_int_equal(file_write_atomic(AT_FDCWD, source, 0644, s.buf, s.len, &err), 0);
		free(tool_ok("mkdir -p $(dirname %s/%s) && gcc -c -o %s/%s %s", top,
			     modules[i].path, top, modules[i].path, source));
	}
	free(tool_ok(
		"cd %s && find kernel -name '*.ko' | sort -r > modules.order && "
		"printf 'kernel/fs/ext4/ext-4.ko\\n' > modules.builtin && "
		"printf 'ext4.alias=fs-ext3\\0ext4.license=GPL\\0' > modules.builtin.modinfo && "
		"ln -s /usr/src build",
		top));
	return top;
}

static int load(const char *top, struct tree **ret, struct error *err)
{
	struct source_spec s = { .type = (char *)"modules", .path = (char *)top };
	const struct source_env env = { .arch = "x86_64", .dirfd = AT_FDCWD };

	*ret = tree_new();
	assert_non_null(*ret);
	return source_load(&s, &env, *ret, err);
}

static void test_indexes(void **state)
{
	_cleanup_free_ char *top = NULL;
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	char *dir = tool_tmpdir();

	top = make_modules(dir);
	if (load(top, &t, &err) < 0 || pass_depmod(t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_null(tree_lookup(t, "lib/modules/" VERSION "/build"));
	tree_has(
		t, "lib/modules/" VERSION "/modules.dep",
		"kernel/drivers/top.ko: kernel/drivers/mid_two.ko kernel/drivers/mid-one.ko kernel/lib/base.ko\n");
	tree_has(t, "lib/modules/" VERSION "/modules.dep", "kernel/alone.ko:\n");
	tree_has(t, "lib/modules/" VERSION "/modules.alias", "alias base-alias base\n");
	tree_has(t, "lib/modules/" VERSION "/modules.devname", "top loop-control c10:237\n");
	tree_has(t, "lib/modules/" VERSION "/modules.symbols", "alias symbol:mid mid_one\n");
	tree_free(t);
	tool_rmdir(dir);
}

static void test_as_kmod(void **state)
{
	_cleanup_free_ char *top = NULL;
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	char *dir;

	if (!tool_have("depmod")) {
		skip_because("depmod is not installed");
	}
	dir = tool_tmpdir();
	top = make_modules(dir);
	if (load(top, &t, &err) < 0 || pass_depmod(t, &err) < 0)
		fail_msg("%s", err.msg);
	free(tool_ok("PATH=$PATH:/usr/sbin:/sbin depmod -b %s " VERSION, dir));
	for (size_t i = 0; i < ARRAY_SIZE(indexes); i++) {
		_cleanup_free_ char *path = str_printf("%s/modules.%s", top, indexes[i]);
		_cleanup_free_ char *in_tree =
			str_printf("lib/modules/" VERSION "/modules.%s", indexes[i]);
		_cleanup_strbuf_ struct strbuf want = STRBUF_INIT;
		const struct tree_node *n = tree_lookup(t, in_tree);

		assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &want, &err), 0);
		assert_non_null(n);
		/* depmod lists symbols in the order of a hash table */
		if (str_eq(indexes[i], "symbols"))
			continue;
		if (n->inode->content.size != want.len ||
		    memcmp(n->inode->content.bytes, want.buf, want.len) != 0)
			fail_msg("modules.%s differs from depmod's", indexes[i]);
	}
	tree_free(t);
	tool_rmdir(dir);
}

/* Compressed modules give the same lists; a second run changes nothing. */
static void test_compressed(void **state)
{
	_cleanup_free_ char *top = NULL;
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	char *dir = tool_tmpdir();

	top = make_modules(dir);
	free(tool_ok("cd %s/kernel && gzip -n lib/base.ko && xz drivers/top.ko", top));
	if (tool_have("zstd"))
		free(tool_ok("cd %s/kernel && zstd -q --rm drivers/mid-one.ko", top));
	else
		free(tool_ok("cd %s/kernel && gzip -n drivers/mid-one.ko", top));
	if (load(top, &t, &err) < 0 || pass_depmod(t, &err) < 0 || pass_depmod(t, &err) < 0)
		fail_msg("%s", err.msg);
	tree_has(t, "lib/modules/" VERSION "/modules.dep",
		 "kernel/drivers/top.ko.xz: kernel/drivers/mid_two.ko kernel/drivers/mid-one.ko.");
	tree_has(t, "lib/modules/" VERSION "/modules.dep", " kernel/lib/base.ko.gz\n");
	tree_free(t);
	tool_rmdir(dir);
}

static void test_bad(void **state)
{
	_cleanup_free_ char *top = NULL;
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	char *dir = tool_tmpdir();

	assert_int_equal(load("/nonexistent", &t, &err), -ENOENT);
	assert_string_equal(
		err.msg, "source modules: cannot open '/nonexistent': No such file or directory");
	tree_free(t);
	assert_true(load(dir, &t, &err) < 0);
	assert_non_null(strstr(err.msg, "has no kernel modules; it must be a directory like "
					"/lib/modules/VERSION"));
	tree_free(t);
	t = tree_new();
	assert_non_null(t);
	tree_put(t, "lib/modules/1/kernel/x.ko", "no ELF at all");
	assert_int_equal(pass_depmod(t, &err), -ENOEXEC);
	assert_string_equal(err.msg, "/lib/modules/1/kernel/x.ko: is not an ELF file");
	tree_put(t, "lib/modules/1/kernel/x.ko", "");
	tree_put(t, "lib/modules/1/kernel/a.ko.xz", "abc");
	assert_int_equal(pass_depmod(t, &err), -EBADMSG);
	assert_string_equal(err.msg,
			    "/lib/modules/1/kernel/a.ko.xz: is too short for a compressed file");
	tree_free(t);
	/* two modules that need each other */
	top = make_modules(dir);
	free(tool_ok(
		"cd %s && printf '.data\\n__ksymtab_x: .quad y\\n' | gcc -c -x assembler -o kernel/x.ko - && "
		"printf '.data\\n__ksymtab_y: .quad x\\n' | gcc -c -x assembler -o kernel/y.ko -",
		top));
	assert_int_equal(load(top, &t, &err), 0);
	assert_int_equal(pass_depmod(t, &err), -ELOOP);
	assert_string_equal(err.msg, "kernel modules need each other: kernel/x.ko is one of them");
	tree_free(t);
	tool_rmdir(dir);
}

static void test_index_file(void **state)
{
	static const uint8_t want[] = {
		0xb0,
		0x07,
		0xf4,
		0x57,
		0x00,
		0x02,
		0x00,
		0x01,
		0x20,
		0x00,
		0x00,
		0x39,
		/* "abc": the rest is "c" behind 'b' */
		'c',
		0,
		0,
		0,
		0,
		1,
		0,
		0,
		0,
		2,
		'v',
		0,
		/* "ad" */
		0,
		0,
		0,
		1,
		0,
		0,
		0,
		3,
		0,
		/* "a", with both as children */
		'b',
		'd',
		0xc0,
		0,
		0,
		0x0c,
		0,
		0,
		0,
		0,
		0x40,
		0,
		0,
		0x18,
		0,
		0,
		0,
		1,
		0,
		0,
		0,
		9,
		'w',
		0,
		/* the root */
		'a',
		'a',
		0x60,
		0,
		0,
		0x21,
	};
	struct module_index ix = { 0 };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(module_index_add(&ix, "ad", "", 3), 0);
	assert_int_equal(module_index_add(&ix, "abc", "v", 2), 0);
	assert_int_equal(module_index_add(&ix, "a", "w", 9), 0);
	assert_int_equal(module_index_add(&ix, "\xc3\xa4", "left out", 9), 0);
	assert_int_equal(module_index_write(&ix, &out, &err), 0);
	assert_int_equal(out.len, sizeof(want));
	assert_memory_equal(out.buf, want, sizeof(want));
	module_index_release(&ix);
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_file), cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_as_kmod),	   cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
