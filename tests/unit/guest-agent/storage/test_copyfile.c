/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/compiler.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "storage/copyfile.h"

static char dir[64], root[80], outside[80];

static struct copyfile_req request(const char *path, uint32_t mode, const char *data)
{
	return (struct copyfile_req){ .path = path,
				      .mode = mode,
				      .dir_mode = 0750,
				      .uid = -1,
				      .gid = -1,
				      .data = (const uint8_t *)data,
				      .len = strlen(data),
				      .size = (int64_t)strlen(data) };
}

static const char *at(const char *rel)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, rel);
	return path;
}

static void assert_content(const char *rel, const char *want)
{
	struct strbuf text = STRBUF_INIT;

	assert_int_equal(file_read(AT_FDCWD, at(rel), 4096, &text, NULL), 0);
	assert_string_equal(text.buf, want);
	strbuf_release(&text);
}

static int apply(struct copyfile_req req, struct error *err)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", req.path[0] == '/' ? req.path : at(req.path));
	req.path = path;
	return copyfile_apply(root, &req, err);
}

static void test_pieces(void **state)
{
	struct copyfile_req req = request("d/e/f", S_IFREG | 0640, "hello ");
	struct error err = ERROR_INIT;
	struct stat st;

	req.size = 11;
	if (apply(req, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(access(at("d/e/f"), F_OK), -1); /* not there before it is whole */
	req.data = (const uint8_t *)"world";
	req.len = 5;
	req.offset = 6;
	assert_int_equal(apply(req, &err), 0);
	assert_content("d/e/f", "hello world");
	assert_int_equal(stat(at("d/e/f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(at("d/e"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_int_equal(st.st_nlink,
			 2); /* and no part is left: the directory has the file alone */
	assert_int_equal(apply(request("d/e/f", S_IFREG | 0600, "new"), &err), 0);
	assert_content("d/e/f", "new");
	assert_int_equal(apply(request("empty", 0600, ""), &err), 0);
	assert_content("empty", "");
}

static void test_types(void **state)
{
	struct copyfile_req req = request("k", S_IFDIR | 0711, "");
	struct error err = ERROR_INIT;
	struct stat st;
	char target[32] = "";

	assert_int_equal(apply(req, &err), 0);
	assert_int_equal(apply(req, &err), 0); /* it may be there */
	assert_int_equal(stat(at("k"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	assert_int_equal(apply(request("k/link", S_IFLNK | 0777, "../../any"), &err), 0);
	assert_int_equal(apply(request("k/link", S_IFLNK | 0777, "..data"), &err), 0);
	assert_true(readlink(at("k/link"), target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "..data");
	assert_int_equal(apply(request("k", S_IFLNK | 0777, "x"), &err), -EISDIR);
	assert_string_equal(err.msg, "cannot replace \"k\": Is a directory");
	assert_int_equal(apply(request("dev", S_IFCHR | 0666, ""), &err), -EINVAL);
	assert_string_equal(err.msg,
			    "mode 020666: neither a regular file nor a directory nor a link");
	assert_int_equal(apply(request("fifo", S_IFIFO | 0666, ""), &err), -EINVAL);
	assert_int_equal(apply(request("l", S_IFLNK | 0777, ""), &err), -EINVAL);
}

static void test_owner(void **state)
{
	struct copyfile_req req = request("owned", S_IFREG | 04755, "x");
	struct error err = ERROR_INIT;
	struct stat st;

	if (geteuid() != 0)
		skip_because("needs root, to give a file an owner");
	req.uid = 1234;
	req.gid = 77;
	assert_int_equal(apply(req, &err), 0);
	assert_int_equal(stat(at("owned"), &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 77);
	assert_int_equal(st.st_mode & 07777, 04755);
	req.uid = -5;
	assert_int_equal(apply(req, &err), -EINVAL);
	assert_string_equal(err.msg, "owner -5:77 is not one");
}

static void test_traversal(void **state)
{
	static const char *const paths[] = { "../up", "a/../../up", "a/..", "..", "x/../y" };
	struct error err = ERROR_INIT;
	char beside[128], path[256];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(apply(request(paths[i], S_IFREG | 0600, "bad"), &err), -EPERM);
		assert_non_null(strstr(err.msg, "is not below"));
	}
	assert_int_equal(apply(request("/etc/passwd", S_IFREG | 0600, "bad"), &err), -EPERM);
	snprintf(beside, sizeof(beside), "%s-too/x", root);
	assert_int_equal(apply(request(beside, S_IFREG | 0600, "bad"), &err), -EPERM);
	snprintf(path, sizeof(path), "%s/", root);
	assert_int_equal(apply(request(path, S_IFDIR | 0700, ""), &err), -EPERM);
	/* Through links that were sent before: they lead to places below the root only. */
	assert_int_equal(apply(request("out", S_IFLNK | 0777, outside), &err), 0);
	assert_int_equal(apply(request("up", S_IFLNK | 0777, "../../.."), &err), 0);
	apply(request("out/evil", S_IFREG | 0600, "bad"), &err);
	apply(request("up/evil", S_IFREG | 0600, "bad"), &err);
	snprintf(path, sizeof(path), "%s/evil", outside);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/evil", dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_content("evil", "bad"); /* "up" was the root itself */
	/* A file replaces a link; it is not written through it. */
	snprintf(path, sizeof(path), "%s/target", outside);
	assert_int_equal(apply(request("ln", S_IFLNK | 0777, path), &err), 0);
	assert_int_equal(apply(request("ln", S_IFREG | 0600, "mine"), &err), 0);
	assert_content("ln", "mine");
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(apply(request("dl", S_IFLNK | 0777, outside), &err), 0);
	assert_int_equal(apply(request("dl", S_IFDIR | 0777, ""), &err), -ENOTDIR);
}

static void test_numbers(void **state)
{
	static const struct {
		int64_t size, offset;
	} bad[] = { { -1, 0 },	     { 3, -1 }, { 3, 1 }, { 3, 4 }, { INT64_MAX, INT64_MAX },
		    { INT64_MIN, 0 } };
	struct copyfile_req req = request("n", S_IFREG | 0600, "abc");
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		req.size = bad[i].size;
		req.offset = bad[i].offset;
		assert_int_equal(apply(req, &err), -EINVAL);
		assert_non_null(str_after(err.msg, "3 bytes at "));
	}
	/* A second piece that makes the file larger than was said. */
	req.size = 10;
	req.offset = 4;
	assert_int_equal(apply(req, &err), 0);
	req.size = 3;
	req.offset = 0;
	assert_int_equal(apply(req, &err), 0); /* begun anew: the old pieces are gone */
	assert_content("n", "abc");
	assert_int_equal(access(at("n"), F_OK), 0);
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/copyfile-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(root, sizeof(root), "%s/root", dir);
	snprintf(outside, sizeof(outside), "%s/outside", dir);
	umask(0);
	return mkdir(outside, 0755);
}

static int teardown(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),	cmocka_unit_test(test_types),
		cmocka_unit_test(test_owner),	cmocka_unit_test(test_traversal),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
