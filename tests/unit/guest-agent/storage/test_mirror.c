/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/strbuf.h"
#include "storage/mirror.h"

static char dir[64], src[80], dst[80];

static const char *at(const char *base, const char *rel)
{
	static char path[192];

	snprintf(path, sizeof(path), "%s/%s", base, rel);
	return path;
}

static void put(const char *rel, const char *text)
{
	assert_int_equal(file_write_atomic(AT_FDCWD, at(src, rel), 0644, text, strlen(text), NULL),
			 0);
}

static void expect(const char *rel, const char *text)
{
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(file_read(AT_FDCWD, at(dst, rel), 4096, &out, NULL), 0);
	assert_string_equal(out.buf, text);
	strbuf_release(&out);
}

static int run(struct error *err)
{
	return mirror_sync(src, dst, err);
}

/* As Kubernetes writes its volumes: generations in directories, and a link that switches. */
static void test_generations(void **state)
{
	struct error err = ERROR_INIT;
	struct stat before, after;

	assert_int_equal(mkdir(at(src, "..1"), 0755), 0);
	put("..1/conf", "one");
	assert_int_equal(symlink("..1", at(src, "..data")), 0);
	assert_int_equal(symlink("..data/conf", at(src, "conf")), 0);
	if (run(&err) < 0)
		fail_msg("%s", err.msg);
	expect("conf", "one");
	assert_int_equal(stat(at(dst, "..1/conf"), &before), 0);
	assert_int_equal(run(&err), 0);
	assert_int_equal(stat(at(dst, "..1/conf"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* nothing changed: nothing touched */
	assert_int_equal(mkdir(at(src, "..2"), 0755), 0);
	put("..2/conf", "two");
	assert_int_equal(unlink(at(src, "..data")), 0);
	assert_int_equal(symlink("..2", at(src, "..data")), 0);
	assert_int_equal(file_remove_tree(AT_FDCWD, at(src, "..1"), NULL), 0);
	assert_int_equal(run(&err), 0);
	expect("conf", "two");
	assert_int_equal(access(at(dst, "..1"), F_OK), -1);
	assert_int_equal(access(at(dst, ".kata-watch-part"), F_OK), -1);
}

static void test_modes(void **state)
{
	struct error err = ERROR_INIT;
	struct stat st;

	put("secret", "s");
	assert_int_equal(chmod(at(src, "secret"), 0400), 0);
	assert_int_equal(run(&err), 0);
	assert_int_equal(stat(at(dst, "secret"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	put("secret", "longer");
	assert_int_equal(run(&err), 0);
	expect("secret", "longer");
}

static void test_limits(void **state)
{
	struct error err = ERROR_INIT;
	char name[32];

	for (int i = 0; i <= MIRROR_MAX_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		put(name, "x");
	}
	assert_int_equal(run(&err), -EFBIG);
	for (int i = 0; i <= MIRROR_MAX_FILES; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		unlink(at(src, name));
	}
	put("big", "");
	assert_int_equal(truncate(at(src, "big"), MIRROR_MAX_BYTES + 1), 0);
	assert_int_equal(run(&err), -EFBIG);
	unlink(at(src, "big"));
	assert_int_equal(run(&err), 0);
	assert_int_equal(mirror_sync(at(src, "secret"), dst, &err), -ENOTDIR);
	assert_int_equal(mirror_sync("/no/such", dst, &err), -ENOENT);
	assert_string_equal(err.msg, "cannot watch \"/no/such\": No such file or directory");
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/mirror-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(src, sizeof(src), "%s/src", dir);
	snprintf(dst, sizeof(dst), "%s/dst", dir);
	return mkdir(src, 0755) | mkdir(dst, 0755);
}

static int teardown(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
