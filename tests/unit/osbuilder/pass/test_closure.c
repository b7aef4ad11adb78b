/* SPDX-License-Identifier: Apache-2.0 */
/* What a program needs, found in trees of libraries that the compiler of this machine makes without a C library. */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "compat/elf_dynamic.h"
#include "pass/pass.h"
#include "support/tool.h"
#include "support/tree_text.h"

/* The parts: libdeep is needed by libone, libone and libtwo by prog; libplug by nobody. */
static const char build[] =
	"cd %s && echo 'int deep(void){return 1;}' > deep.c && echo 'int deep(void);int one(void){return deep();}' > one.c && "
	"echo 'int two(void){return 2;}' > two.c && "
	"echo 'int one(void),two(void);void _start(void){one();two();for(;;);}' > prog.c && "
	"gcc -shared -fPIC -nostdlib -o libdeep.so -Wl,-soname,libdeep.so.1 deep.c && "
	"gcc -shared -fPIC -nostdlib -o libone.so -Wl,-soname,libone.so.1 %s one.c libdeep.so && "
	"gcc -shared -fPIC -nostdlib -o libtwo.so -Wl,-soname,libtwo.so.1 two.c && "
	"gcc -shared -fPIC -nostdlib -o libplug.so one.c libdeep.so && "
	"gcc -nostdlib -o prog -Wl,--dynamic-linker,/lib64/ld-test.so.1 -Wl,--allow-shlib-undefined %s prog.c libone.so libtwo.so";

static struct utsname machine;

static char *make_parts(const char *one_flags, const char *prog_flags)
{
	char *dir = tool_tmpdir();

	uname(&machine);
	free(tool_ok(build, dir, one_flags, prog_flags));
	return dir;
}

static void put(struct tree *t, const char *dir, const char *from, const char *to)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, from);
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &bytes, &err), 0);
	tree_put_bytes(t, to, bytes.buf, bytes.len);
}

static void add_link(struct tree *t, const char *path, const char *target)
{
	struct error err = ERROR_INIT;

	assert_int_equal(tree_add_symlink(t, path, target, &err), 0);
}

/* prog and the loader, on a merged /usr, with links on the way. */
static struct tree *base_tree(const char *dir)
{
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	assert_non_null(t);
	assert_int_equal(pass_merge_usr(t, "x86_64", &err), 0);
	put(t, dir, "prog", "usr/bin/prog.real");
	add_link(t, "etc/alternatives/prog", "/usr/bin/prog.real");
	add_link(t, "usr/bin/prog", "/etc/alternatives/prog");
	tree_put(t, "usr/lib/ld-2.so", "loader");
	add_link(t, "usr/lib64/ld-test.so.1", "../lib/ld-2.so");
	tree_put(t, "usr/bin/other", "#!/bin/none\n");
	tree_put(t, "etc/other", "");
	return t;
}

static int keep(struct tree *t, const char *one, const char *two, struct error *err)
{
	_cleanup_strv_ struct strv patterns = STRV_INIT, dlopen = STRV_INIT;

	assert_int_equal(strv_add(&patterns, one), 0);
	if (two)
		assert_int_equal(strv_add(&dlopen, two), 0);
	return pass_keep(t, machine.machine, &patterns, &dlopen, err);
}

static void stays(struct tree *t, const char *path)
{
	if (!tree_lookup(t, path))
		fail_msg("%s is gone", path);
}

static void gone(struct tree *t, const char *path)
{
	if (tree_lookup(t, path))
		fail_msg("%s stayed", path);
}

/* RUNPATH with $ORIGIN, ld.so.conf with an include, the loader's own directories; a library of another architecture is passed over. */
static void test_searches(void **state)
{
	char *dir = make_parts("-Wl,-rpath,/opt/one",
			       "-Wl,--enable-new-dtags,-rpath,'$ORIGIN/../lib/prog'");
	struct tree *t = base_tree(dir);
	struct error err = ERROR_INIT;

	put(t, dir, "libone.so", "usr/lib/prog/libone.so.1.2");
	add_link(t, "usr/lib/prog/libone.so.1", "libone.so.1.2");
	put(t, dir, "libdeep.so", "opt/one/libdeep.so.1");
	tree_put(t, "usr/lib/prog/libtwo.so.1",
		 "not a library, so the search goes on ..........................................");
	tree_put(t, "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n");
	tree_put(t, "etc/ld.so.conf.d/a.conf", "# comment\n/srv/libs\n");
	put(t, dir, "libtwo.so", "srv/libs/libtwo.so.1");
	put(t, dir, "libtwo.so", "usr/lib/libtwo.so.1");
	if (keep(t, "/bin/prog", NULL, &err) < 0)
		fail_msg("%s", err.msg);
	stays(t, "usr/bin/prog");
	stays(t, "etc/alternatives/prog");
	stays(t, "usr/bin/prog.real");
	stays(t, "usr/lib/prog/libone.so.1");
	stays(t, "usr/lib/prog/libone.so.1.2");
	stays(t, "opt/one/libdeep.so.1");
	stays(t, "srv/libs/libtwo.so.1");
	stays(t, "usr/lib64/ld-test.so.1");
	stays(t, "usr/lib/ld-2.so");
	stays(t, "sbin");
	gone(t, "usr/lib/prog/libtwo.so.1");
	gone(t, "usr/lib/libtwo.so.1");
	gone(t, "usr/bin/other");
	gone(t, "etc/other");
	gone(t, "etc/ld.so.conf");
	gone(t, "usr/sbin");
	tree_free(t);
	tool_rmdir(dir);
}

/* RPATH counts for what the libraries need as well; plug-ins bring what they need. */
static void test_rpath_and_dlopen(void **state)
{
	char *dir = make_parts("", "-Wl,--disable-new-dtags,-rpath,/opt/all");
	struct tree *t = base_tree(dir);
	struct error err = ERROR_INIT;

	put(t, dir, "libone.so", "opt/all/libone.so.1");
	put(t, dir, "libtwo.so", "opt/all/libtwo.so.1");
	put(t, dir, "libdeep.so", "opt/all/libdeep.so.1");
	if (keep(t, "/usr/bin/pro?", NULL, &err) < 0)
		fail_msg("%s", err.msg);
	stays(t, "opt/all/libdeep.so.1");
	tree_free(t);
	t = base_tree(dir);
	put(t, dir, "libplug.so", "usr/lib/plug/libplug.so");
	tree_put(t, "srv/a/b", "");
	add_link(t, "srv/link", "../etc/other");
	add_link(t, "srv/dangling", "nowhere");
	put(t, dir, "libdeep.so", "usr/lib/libdeep.so.1");
	if (keep(t, "/srv", "/usr/lib/plug/*.so", &err) < 0)
		fail_msg("%s", err.msg);
	stays(t, "usr/lib/plug/libplug.so");
	stays(t, "usr/lib/libdeep.so.1");
	stays(t,
	      "etc/other"); /* a directory stays with all that is in it, and what its links lead to */
	gone(t, "usr/bin/prog");
	tree_free(t);
	tool_rmdir(dir);
}

static void test_scripts(void **state)
{
	char *dir = make_parts("", "");
	struct tree *t = base_tree(dir);
	struct error err = ERROR_INIT;

	tree_put(t, "usr/bin/sh.real", "static");
	add_link(t, "usr/bin/sh", "sh.real");
	tree_put(t, "usr/bin/env", "static");
	tree_put(t, "usr/sbin/python", "static");
	tree_put(t, "s1", "#! /bin/sh -e\n");
	tree_put(t, "s2", "#!/usr/bin/env python\n");
	if (keep(t, "/s[12]", NULL, &err) < 0)
		fail_msg("%s", err.msg);
	stays(t, "usr/bin/sh.real");
	stays(t, "usr/bin/env");
	stays(t, "usr/sbin/python");
	gone(t, "usr/bin/prog");
	tree_free(t);
	tool_rmdir(dir);
}

static void test_missing(void **state)
{
	char *dir = make_parts("", "");
	struct tree *t = base_tree(dir);
	struct error err = ERROR_INIT;

	assert_int_equal(keep(t, "/usr/bin/prog", NULL, &err), -ENOENT);
	assert_string_equal(
		err.msg, "keep: /usr/bin/prog.real needs 'libone.so.1', which is not in the image");
	put(t, dir, "libone.so", "usr/lib/libone.so.1");
	assert_int_equal(keep(t, "/usr/bin/prog", NULL, &err), -ENOENT);
	assert_string_equal(
		err.msg,
		"keep: /usr/lib/libone.so.1 needs 'libdeep.so.1', which is not in the image");
	assert_int_equal(keep(t, "/usr/bin/other", NULL, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "keep: /usr/bin/other needs '/bin/none', which is not in the image");
	assert_int_equal(keep(t, "/usr/bin/nothing", NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "keep: nothing in the image is '/usr/bin/nothing'");
	assert_int_equal(keep(t, "/etc/other", "/lib/none/*.so", &err), -ENOENT);
	assert_string_equal(err.msg, "dlopen: nothing in the image is '/lib/none/*.so'");
	put(t, dir, "libtwo.so", "usr/lib/libtwo.so.1");
	put(t, dir, "libdeep.so", "usr/lib/libdeep.so.1");
	tree_remove(t, tree_lookup(t, "usr/lib/ld-2.so"));
	assert_int_equal(keep(t, "/usr/bin/prog", NULL, &err), -ENOENT);
	assert_string_equal(
		err.msg,
		"keep: /usr/bin/prog.real needs '/lib64/ld-test.so.1', which is not in the image");
	stays(t, "etc/other"); /* nothing was removed */
	tree_free(t);
	tool_rmdir(dir);
}

/* Every prefix of a program, and every changed byte of its first page: an error or a result, never more. */
static void test_damaged(void **state)
{
	char *dir = make_parts("", "-Wl,-rpath,/x");
	_cleanup_free_ char *path = str_printf("%s/prog", dir);
	_cleanup_strbuf_ struct strbuf bytes = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct elf_dynamic d;

	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &bytes, &err), 0);
	for (size_t len = 0; len < bytes.len; len += 7) {
		_cleanup_free_ char *copy = mem_dup0(bytes.buf, len);

		if (elf_dynamic_read(copy, len, &d, &err) == 0)
			elf_dynamic_release(&d);
	}
	for (size_t i = 0; i < 1024; i++) {
		bytes.buf[i] ^= 0x7f;
		if (elf_dynamic_read(bytes.buf, bytes.len, &d, &err) == 0)
			elf_dynamic_release(&d);
		bytes.buf[i] ^= 0x7f;
	}
	assert_int_equal(elf_dynamic_read("#!/bin/sh", 9, &d, &err), -ENOEXEC);
	assert_string_equal(err.msg, "is not an ELF file");
	tool_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_searches), cmocka_unit_test(test_rpath_and_dlopen),
		cmocka_unit_test(test_scripts),	 cmocka_unit_test(test_missing),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
