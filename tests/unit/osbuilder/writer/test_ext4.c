/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"

static const struct writer_params params = { .epoch = TORTURE_EPOCH };

static void need(const char *tool)
{
	if (!tool_have(tool)) {
		skip_because("%s is not installed", tool);
	}
}

static void fsck_clean(void **state)
{
	char *dir;
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	char path[200];

	need("e2fsck");
	dir = tool_tmpdir();
	snprintf(path, sizeof(path), "%s/a.img", dir);
	torture_write(&writer_ext4, t, &params, path);
	free(tool_ok("e2fsck -fn %s", path));
	tool_rmdir(dir);
}

/* debugfs's view of one inode contains the text. */
static void stat_has(const char *img, const char *file, const char *text)
{
	char *out = tool_ok("debugfs -R 'stat %s' %s", file, img);

	if (!strstr(out, text))
		fail_msg("stat %s lacks \"%s\":\n%s", file, text, out);
	free(out);
}

static void debugfs_agrees(void **state)
{
	char *dir;
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	char img[200];
	char *out;

	need("debugfs");
	dir = tool_tmpdir();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	torture_write(&writer_ext4, t, &params, img);
	stat_has(img, "/bin/su", "Mode:  04755");
	stat_has(img, "/owned", "User: -294967296   Group: 65536");
	stat_has(img, "/owned", "Mode:  0400");
	stat_has(img, "/tmp", "Mode:  01777");
	stat_has(img, "/zz/last", "Links: 3");
	stat_has(img, "/dev/null", "Device major/minor number: 01:03");
	stat_has(img, "/dev/big", "Device major/minor number: 511:344865");
	stat_has(img, "/dev/fifo", "Type: FIFO");
	stat_has(img, "/dev/sock", "Type: socket");
	stat_has(img, "/links/59", "Fast link dest");
	stat_has(img, "/links/60", "EXTENTS");
	stat_has(img, "/data/sparse", "Size: 41943040");
	stat_has(img, "/bin/su", "mtime: 0x5f5e1001:00000000");
	/* Later than the epoch: clamped to it. */
	stat_has(img, "/bin/wall", "mtime: 0x6553f100:00000000");
	/* Six stretches: an extent block is needed. */
	stat_has(img, "/data/sparse", "(ETB0)");
	out = tool_ok("debugfs -R 'ea_list /data/1' %s", img);
	assert_non_null(strstr(out, "user.small (1) = \"v\""));
	assert_non_null(strstr(out, "user.big (3000)"));
	assert_non_null(strstr(out, "user.empty (0)"));
	assert_non_null(strstr(out, "trusted.t (5) = \"trust\""));
	free(out);
	out = tool_ok("debugfs -R 'ea_get -x /tmp system.posix_acl_access' %s", img);
	assert_non_null(strstr(out, "02 00 00 00 01 00 07 00"));
	free(out);
	assert_int_equal(tool_number("debugfs -R 'ls -l /many' %s 2>/dev/null | grep -c entry-with",
				     img),
			 TORTURE_ENTRIES);
	tool_rmdir(dir);
}

static void contents_read_back(void **state)
{
	static const char *const files[] = { "data/0",	    "data/4095",    "data/4096",
					     "data/100000", "data/1500000", "data/sparse" };
	char *dir;
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	char img[200];

	need("debugfs");
	dir = tool_tmpdir();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	torture_write(&writer_ext4, t, &params, img);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct blob *b = &tree_lookup(t, files[i])->inode->content;
		char *want = malloc(b->size + 1), *have = malloc(b->size + 1), path[300];
		FILE *f;

		free(tool_ok("debugfs -R 'dump /%s %s/out' %s", files[i], dir, img));
		snprintf(path, sizeof(path), "%s/out", dir);
		f = fopen(path, "r");
		assert_non_null(f);
		assert_int_equal(fread(have, 1, b->size + 1, f), b->size);
		fclose(f);
		assert_int_equal(blob_read(b, 0, want, b->size, NULL), 0);
		assert_memory_equal(have, want, b->size);
		free(want);
		free(have);
	}
	tool_rmdir(dir);
}

static void same_bytes_twice(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *a = torture_tree(TORTURE_XATTRS);
	_cleanup_tree_ struct tree *b = torture_tree(TORTURE_XATTRS);
	char pa[200], pb[200];
	struct writer_result ra, rb;
	struct error err = ERROR_INIT;

	snprintf(pa, sizeof(pa), "%s/a.img", dir);
	snprintf(pb, sizeof(pb), "%s/b.img", dir);
	ra = torture_write(&writer_ext4, a, &params, pa);
	setenv("E2FSPROGS_FAKE_TIME", "12345", 1);
	rb = torture_write(&writer_ext4, b, &params, pb);
	unsetenv("E2FSPROGS_FAKE_TIME");
	assert_memory_equal(&ra, &rb, sizeof(ra));
	free(tool_ok("cmp %s %s", pa, pb));
	/* One byte of content decides the UUID. */
	assert_int_equal(tree_add_file(b, "data/1", 0644, "z", 1, &err), 0);
	rb = torture_write(&writer_ext4, b, &params, pb);
	assert_memory_not_equal(ra.uuid, rb.uuid, 16);
	tool_rmdir(dir);
}

static void at_an_offset(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	struct writer_result res = { 0 }, plain;
	struct error err = ERROR_INIT;
	char pa[200], pb[200];
	FILE *f;

	snprintf(pa, sizeof(pa), "%s/a.img", dir);
	snprintf(pb, sizeof(pb), "%s/b.img", dir);
	plain = torture_write(&writer_ext4, t, &params, pa);
	f = fopen(pb, "w+");
	assert_non_null(f);
	assert_int_equal(writer_ext4.write(t, &params, fileno(f), 3 << 20, &res, &err), 0);
	fclose(f);
	assert_memory_equal(&res, &plain, sizeof(res));
	free(tool_ok("cmp -i 0:3145728 %s %s", pa, pb));
	tool_rmdir(dir);
}

static void sizes_are_exact(void **state)
{
	struct writer_params p = params;
	char *dir;
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	struct writer_result res;
	char img[200];
	char *out;
	uint64_t n;

	need("e2fsck");
	need("dumpe2fs");
	dir = tool_tmpdir();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	assert_int_equal(tree_add_file(t, "sbin/init", 0755, "x", 1, &err), 0);
	res = torture_write(&writer_ext4, t, &p, img);
	assert_true(res.size <= 300 << 10);
	free(tool_ok("e2fsck -fn %s", img));
	p.free_bytes = 300 << 20; /* three groups, two backup superblocks */
	p.free_inodes = 5000;
	p.label = "a-label";
	torture_write(&writer_ext4, t, &p, img);
	free(tool_ok("e2fsck -fn %s", img));
	out = tool_ok("debugfs -R 'show_super_stats -h' %s", img);
	assert_non_null(strstr(out, "a-label"));
	assert_null(strstr(out, "has_journal"));
	free(out);
	n = tool_number("dumpe2fs -h %s 2>/dev/null | awk '/^Free blocks/ {print $3}'", img);
	assert_true(n >= 300 << 8 && n < (300 << 8) + 64);
	assert_true(tool_number("dumpe2fs -h %s 2>/dev/null | awk '/^Free inodes/ {print $3}'",
				img) >= 5000);
	tool_rmdir(dir);
}

/* Every size around the bounds of groups and of the smallest file system must be one that libext2fs accepts. */
static void any_size_works(void **state)
{
	static const uint64_t blocks[] = { 0,	  1,	 40,	41,    60,    32000,
					   32500, 32700, 32740, 32768, 33000, 65400 };
	char *dir;
	char img[200];

	need("e2fsck");
	dir = tool_tmpdir();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		_cleanup_tree_ struct tree *t = tree_new();
		struct writer_params p = params;

		p.free_bytes = blocks[i] * 4096;
		torture_write(&writer_ext4, t, &p, img);
		free(tool_ok("e2fsck -fn %s", img));
	}
	tool_rmdir(dir);
}

static void many_inodes(void **state)
{
	struct writer_params p = params;
	_cleanup_tree_ struct tree *t = tree_new();
	char *dir;
	char img[200];

	need("dumpe2fs");
	dir = tool_tmpdir();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	p.free_inodes = 300000; /* ten groups, though the data would fit one */
	torture_write(&writer_ext4, t, &p, img);
	free(tool_ok("e2fsck -fn %s", img));
	assert_true(tool_number("dumpe2fs -h %s 2>/dev/null | awk '/^Free inodes/ {print $3}'",
				img) >= 300000);
	tool_rmdir(dir);
}

/* 1400 stretches of data: an extent tree of two levels below the inode (340 entries a block, 4 in the inode). */
static void deep_extent_tree(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();
	struct tree_attr a = { .mode = S_IFREG | 0644 };
	struct error err = ERROR_INIT;
	struct blob b = BLOB_INIT;
	uint64_t size = 1400 * UINT64_C(131072);
	char *dir, *out;
	char img[200];
	int fd = -1;

	need("debugfs");
	dir = tool_tmpdir();
	snprintf(img, sizeof(img), "%s/a.img", dir);
	assert_int_equal(fd_memfd("deep", &fd), 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (uint32_t i = 0; i < 1400; i++)
		assert_int_equal(fd_pwrite_full(fd, &i, 4, i * INT64_C(131072) + 1), 0);
	blob_from_fd(&b, fd, 0, size);
	a.content = &b;
	assert_int_equal(tree_add(t, "deep", &a, 0, NULL, &err), 0);
	torture_write(&writer_ext4, t, &params, img);
	free(tool_ok("e2fsck -fn %s", img));
	out = tool_ok("debugfs -R 'dump_extents -n /deep' %s 2>/dev/null", img);
	assert_non_null(strstr(out, " 1/ 2   5/  5 "));
	free(out);
	free(tool_ok("debugfs -R 'dump /deep %s/out' %s && cmp %s/out /proc/%d/fd/%d", dir, img,
		     dir, (int)getpid(), fd));
	fd_close(fd);
	tool_rmdir(dir);
}

static void refusals(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(0);
	struct writer_params p = params;
	struct tree_inode *in = tree_lookup(t, "data/1")->inode;
	uint8_t big[5000] = { 1 };

	assert_int_equal(tree_set_xattr(in, "user.big", big, sizeof(big), NULL), 0);
	torture_refused(&writer_ext4, t, &p, -E2BIG,
			"/data/1: its extended attributes do not fit ext4's one block");
	assert_int_equal(tree_set_xattr(in, "user.big", big, 10, NULL), 0);
	assert_int_equal(tree_set_xattr(in, "system.posix_acl_access", big, 9, NULL), 0);
	torture_refused(&writer_ext4, t, &p, -EINVAL,
			"/data/1: system.posix_acl_access: malformed POSIX ACL of 9 bytes");
	in = tree_lookup(t, "data/0")->inode;
	assert_int_equal(tree_set_xattr(in, "system.other", big, 1, NULL), 0);
	torture_refused(
		&writer_ext4, t, &p, -ENOTSUP,
		"/data/0: the file system cannot store extended attribute \"system.other\"");
	p.free_bytes = UINT64_MAX;
	tree_remove(t, tree_lookup(t, "data"));
	torture_refused(&writer_ext4, t, &p, -EINVAL, "is over the limit");
}

static void shrunk_file_is_an_error(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();
	struct tree_attr a = { .mode = S_IFREG | 0644 };
	struct blob b = BLOB_INIT;
	FILE *f = tmpfile();

	assert_non_null(f);
	blob_from_fd(&b, fileno(f), 0, 100000);
	a.content = &b;
	assert_int_equal(tree_add(t, "gone", &a, 0, NULL, NULL), 0);
	torture_refused(&writer_ext4, t, &params, -EIO, "/gone: ");
	torture_refused(&writer_erofs, t, &params, -EIO, "/gone: ");
	torture_refused(&writer_cpio, t, &params, -EIO, "/gone: ");
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fsck_clean),
		cmocka_unit_test(debugfs_agrees),
		cmocka_unit_test(contents_read_back),
		cmocka_unit_test(same_bytes_twice),
		cmocka_unit_test(at_an_offset),
		cmocka_unit_test(sizes_are_exact),
		cmocka_unit_test(any_size_works),
		cmocka_unit_test(refusals),
		cmocka_unit_test(many_inodes),
		cmocka_unit_test(deep_extent_tree),
		cmocka_unit_test(shrunk_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
