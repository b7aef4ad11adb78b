/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "storage/group.h"

static char dir[64];

static const char *at(const char *rel)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, rel);
	return path;
}

static void put(const char *rel, mode_t mode)
{
	int fd = open(at(rel), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void expect(const char *rel, gid_t gid, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(at(rel), &st), 0);
	assert_int_equal(st.st_gid, gid);
	if (!S_ISLNK(st.st_mode))
		assert_int_equal(st.st_mode & 07777, mode);
}

static void test_tree(void **state)
{
	struct error err = ERROR_INIT;

	if (geteuid() != 0)
		skip_because("needs root, to give files a group");
	assert_int_equal(mkdir(at("d"), 0700), 0);
	put("d/file", 0600);
	put("d/program", 0700);
	put("d/public", 0644);
	assert_int_equal(symlink("/etc/passwd", at("d/link")), 0);
	assert_int_equal(mkfifo(at("d/fifo"), 0600), 0);
	if (storage_own_tree(dir, 4321, false, false, &err) < 0)
		fail_msg("%s", err.msg);
	expect("", 4321, 02770);
	expect("d", 4321, 02770);
	expect("d/file", 4321, 0660);
	expect("d/program", 4321, 0770);
	expect("d/public", 4321, 0664);
	expect("d/link", 4321, 0);
	expect("d/fifo", 4321, 0600);
	{
		struct stat st;

		assert_int_equal(stat("/etc/passwd", &st), 0);
		assert_int_equal(st.st_gid, 0); /* not through the link */
	}
	/* The top is right: nothing is looked at below. */
	put("d/later", 0600);
	assert_int_equal(chown(at("d/later"), 0, 0), 0);
	assert_int_equal(storage_own_tree(dir, 4321, false, true, &err), 0);
	expect("d/later", 0, 0600);
	assert_int_equal(storage_own_tree(dir, 4321, false, false, &err), 0);
	expect("d/later", 4321, 0660);
	/* For reading only. */
	assert_int_equal(storage_own_tree(dir, 99, true, true, &err), 0);
	put("d/new", 0600);
	assert_int_equal(storage_own_tree(dir, 99, true, false, &err), 0);
	expect("d/new", 99, 0640);
}

static void test_missing(void **state)
{
	struct error err = ERROR_INIT;

	assert_true(storage_own_tree("/no/such/dir", 1, false, false, &err) < 0);
	assert_string_equal(err.msg, "storage \"/no/such/dir\": No such file or directory");
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/group-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
