/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"
#include "support/tree_same.h"

static const struct writer_params params = { .epoch = 1900000000 };

static struct tree_node *add(struct tree *t, const char *path, struct tree_attr a)
{
	struct error err = ERROR_INIT;
	struct tree_node *n = NULL;

	if (tree_add(t, path, &a, TREE_ADD_PARENTS, &n, &err) < 0)
		fail_msg("%s: %s", path, error_text(&err));
	return n;
}

/* A directory path of `n` times `part`, which ends with a slash. */
static char *deep(const char *part, unsigned n)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(strbuf_addstr(&sb, part), 0);
	return strbuf_detach(&sb, NULL);
}

/* Names and targets on both sides of the fields' sizes, with and without UTF-8. */
static void add_lengths(struct tree *t)
{
	static const char *const parts[] = { "0123456789abcdef/", "\xc3\xa4\xe2\x82\xac/",
					     "\xff\xfe\xed\xa0\x80/" };
	char name[8];

	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		for (unsigned n = 1; n < 60; n += n < 20 ? 1 : 13) {
			_cleanup_free_ char *dir = deep(parts[k], n), *path = NULL, *link = NULL;

			snprintf(name, sizeof(name), "f%u", n);
			path = str_printf("len/%s%s", dir, name);
			link = str_printf("%s.link", path);
			assert_true(path && link);
			add(t, path, (struct tree_attr){ .mode = S_IFREG | 0600, .mtime_nsec = n });
			add(t, link, (struct tree_attr){ .mode = S_IFLNK | 0777, .target = dir });
			assert_int_equal(tree_link(t, name, path, 0, NULL, NULL), 0);
			tree_remove(t, tree_lookup(t, name));
			link[strlen(link) - 1] = 'x';
			assert_int_equal(tree_link(t, link, path, 0, NULL, NULL), 0);
		}
	}
	for (size_t n = 95; n < 105; n++) {
		memset(name, 0, sizeof(name));
		char one[128];

		memset(one, 'n', n);
		one[n] = '\0';
		add(t, one, (struct tree_attr){ .mode = S_IFDIR | 0700, .mtime_sec = -5 });
	}
}

static struct tree *torture(unsigned flags)
{
	struct tree *t = torture_tree(flags);
	struct error err = ERROR_INIT;

	/* the one type that tar lacks */
	tree_remove(t, tree_lookup(t, "dev/sock"));
	add_lengths(t);
	add(t, "late",
	    (struct tree_attr){
		    .mode = S_IFREG | 0644, .mtime_sec = 0x100000005, .mtime_nsec = 999999999 });
	if (!(flags & TORTURE_XATTRS))
		return t;
	assert_int_equal(tree_set_xattr(tree_lookup(t, "owned")->inode, "user.new\nline\xff",
					"10 a=b\n\0x", 9, &err),
			 0);
	return t;
}

static void reads_back(void **state)
{
	_cleanup_tree_ struct tree *t = torture(TORTURE_XATTRS), *got = NULL;
	struct writer_params p = { .keep_times = true };
	char *dir = tool_tmpdir();
	_cleanup_free_ char *path = str_printf("%s/a.tar", dir);
	struct writer_result res = torture_write(&writer_tar, t, &p, path);

	assert_int_equal(res.size % 10240, 0);
	/* 40 MiB with data of 6 x 64 KiB in it */
	assert_true(res.size < 12 << 20);
	got = tree_read_back(path);
	tree_is_same(t, got);
	tool_rmdir(dir);
}

/* Another program takes it apart, and the directory is the tree again. */
static void extracted_by(const char *tool, const char *options, bool bsd)
{
	_cleanup_tree_ struct tree *t = torture(TORTURE_XATTRS), *got = NULL;
	char *dir;
	_cleanup_free_ char *path = NULL, *out = NULL;

	if (geteuid() != 0) {
		skip_because("needs root for owners and devices");
	}
	if (!tool_have(tool)) {
		skip_because("%s is not installed", tool);
	}
	/* the kernel makes the mode of a file with an ACL what the ACL says */
	tree_lookup(t, "tmp")->inode->mode = S_IFDIR | 01770;
	if (bsd) {
		/* restores ACLs from records of their own only, and not these: */
		tree_remove(t, tree_lookup(t, "tmp"));
		tree_remove(t, tree_lookup(t, "links/abs"));
	}
	dir = tool_tmpdir();
	path = str_printf("%s/a.tar", dir);
	torture_write(&writer_tar, t, &params, path);
	free(tool_ok("mkdir %s/x && LC_ALL=C %s %s -xp -f %s -C %s/x 2>&1 | "
		     "grep -v \"Ignoring unknown extended header keyword 'hdrcharset'\" || :",
		     dir, tool, options, path, dir));
	out = str_printf("%s/x", dir);
	got = tree_read_back(out);
	/* later ones became the epoch */
	tree_lookup(t, "late")->inode->mtime_sec = params.epoch;
	tree_lookup(t, "late")->inode->mtime_nsec = 0;
	if (bsd) /* passes over the directory that is there */
		tree_root(got)->inode->mtime_sec = tree_root(got)->inode->mtime_nsec = 0;
	tree_is_same(t, got);
	assert_true(tool_number("stat -c %%b %s/x/data/sparse", dir) < 2000);
	tool_rmdir(dir);
}

static void gnu_tar(void **state)
{
	extracted_by("tar", "-P --numeric-owner --xattrs --xattrs-include='*'", false);
}

static void bsdtar(void **state)
{
	extracted_by("bsdtar", "--numeric-owner --xattrs", true);
}

static void python(void **state)
{
	_cleanup_tree_ struct tree *t = torture(0);
	char *dir;

	if (!tool_have("python3")) {
		skip_because("python3 is not installed");
	}
	dir = tool_tmpdir();
	_cleanup_free_ char *path = str_printf("%s/a.tar", dir);
	torture_write(&writer_tar, t, &params, path);
	assert_int_equal(tool_number("python3 -c \"import tarfile; t=tarfile.open('%s'); "
				     "print(len(t.getmembers()))\"",
				     path),
			 tree_count(t));
	tool_rmdir(dir);
}

static void same_bytes(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *a = torture(TORTURE_XATTRS), *b = torture(TORTURE_XATTRS);
	_cleanup_free_ char *pa = str_printf("%s/a", dir), *pb = str_printf("%s/b", dir);
	struct writer_params p = params;
	struct error err = ERROR_INIT;
	struct writer_result res;
	int fd;

	torture_write(&writer_tar, a, &p, pa);
	torture_write(&writer_tar, b, &p, pb);
	free(tool_ok("cmp %s %s", pa, pb));
	/* in order, behind what is there */
	p.stream = true;
	fd = open(pb, O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(fd_write_full(fd, "0123456", 7), 0);
	if (writer_tar.write(b, &p, fd, 0, &res, &err) < 0)
		fail_msg("%s", error_text(&err));
	fd_close(fd);
	free(tool_ok("cmp %s %s 0 7", pa, pb));
	tool_rmdir(dir);
}

static void refusals(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	struct writer_params p = params;
	_cleanup_free_ uint8_t *v = calloc(1, TREE_XATTR_VALUE_MAX);
	struct tree_node *n = add(t, "a/s", (struct tree_attr){ .mode = S_IFSOCK | 0755 });
	char name[32];

	torture_refused(&writer_tar, t, &p, -ENOTSUP, "/a/s: tar has no type for a socket");
	tree_remove(t, n);
	n = add(t, "x", (struct tree_attr){ .mode = S_IFCHR, .rdev_major = 1 << 21 });
	torture_refused(&writer_tar, t, &p, -ENOTSUP,
			"/x: device 2097152:0 is beyond what a tar header holds");
	n = add(t, "x", (struct tree_attr){ .mode = S_IFREG });
	assert_int_equal(tree_set_xattr(n->inode, "user.a=b", "", 0, &err), 0);
	torture_refused(
		&writer_tar, t, &p, -ENOTSUP,
		"/x: tar cannot hold the extended attribute \"user.a=b\": its name contains '='");
	n = add(t, "x", (struct tree_attr){ .mode = S_IFREG });
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		assert_int_equal(tree_set_xattr(n->inode, name, v, TREE_XATTR_VALUE_MAX, &err), 0);
	}
	torture_refused(&writer_tar, t, &p, -E2BIG,
			"/x: names and attributes of 1049014 bytes are too many for a tar header, "
			"which ends at 1048576");
	p.drop_xattrs = true;
	char *dir = tool_tmpdir();
	_cleanup_free_ char *path = str_printf("%s/a", dir);
	assert_int_equal(torture_write(&writer_tar, t, &p, path).size, 10240);
	tool_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back), cmocka_unit_test(gnu_tar),
		cmocka_unit_test(bsdtar),     cmocka_unit_test(python),
		cmocka_unit_test(same_bytes), cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
