/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tree/tree.h"

static struct tree *new_tree(void)
{
	struct tree *t = tree_new();

	assert_non_null(t);
	return t;
}

static void must(int r, const struct error *err)
{
	if (r < 0)
		fail_msg("%s", error_text(err));
}

static void test_sorted_by_bytes(void **state)
{
	static const char *const names[] = { "b", "a", "a.b", "a-b", "Z", "\xff", "ab", "\x01" };
	static const char *const want[] = { "\x01", "Z", "a", "a-b", "a.b", "ab", "b", "\xff" };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		must(tree_add_file(t, names[i], 0644, "x", 1, &err), &err);
	assert_int_equal(tree_count(t), ARRAY_SIZE(names) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(tree_root(t)->children[i]->name, want[i]);
	tree_free(t);
}

static void test_paths(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	char buf[TREE_PATH_BUF];

	must(tree_add_file(t, "/a//./b/c/", 0600, "hello", 5, &err), &err);
	assert_non_null(tree_lookup(t, "a/b/c"));
	assert_ptr_equal(tree_lookup(t, "/a/b//c"), tree_lookup(t, "./a/./b/c"));
	assert_string_equal(tree_path(tree_lookup(t, "a/b/c"), buf), "/a/b/c");
	assert_string_equal(tree_path(tree_root(t), buf), "/");
	assert_ptr_equal(tree_lookup(t, "/"), tree_root(t));
	assert_null(tree_lookup(t, "a/x"));
	assert_null(tree_lookup(t, "a/../a"));
	assert_int_equal(tree_add_file(t, "a/../../b", 0644, NULL, 0, &err), -EINVAL);
	assert_string_equal(err.msg, "path contains '..'");
	tree_free(t);
}

static void test_limits(void **state)
{
	char name[TREE_NAME_MAX + 2], path[TREE_PATH_MAX + 600];
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	size_t n = 0;

	memset(name, 'n', sizeof(name));
	name[TREE_NAME_MAX] = '\0';
	must(tree_add_file(t, name, 0644, NULL, 0, &err), &err);
	name[TREE_NAME_MAX] = 'n';
	name[TREE_NAME_MAX + 1] = '\0';
	assert_int_equal(tree_add_file(t, name, 0644, NULL, 0, &err), -ENAMETOOLONG);
	assert_string_equal(err.msg, "name is longer than 255 bytes");

	for (int i = 0; i < TREE_DEPTH_MAX; i++, n += 2)
		memcpy(path + n, "/d", 3);
	must(tree_add_dir(t, path, 0755, &err), &err);
	memcpy(path + n, "/d", 3);
	assert_int_equal(tree_add_dir(t, path, 0755, &err), -E2BIG);
	assert_string_equal(err.msg, "more than 256 directories deep");

	for (n = 0; n < TREE_PATH_MAX; n += 201) {
		path[n] = '/';
		memset(path + n + 1, 'p', 200);
	}
	path[n] = '\0';
	assert_int_equal(tree_add_dir(t, path, 0755, &err), -ENAMETOOLONG);
	assert_string_equal(err.msg, "path is longer than 4095 bytes");
	tree_free(t);
}

static void test_replace_rules(void **state)
{
	const struct tree_attr file = { .mode = S_IFREG | 0600, .uid = 7 };
	const struct tree_attr dir = { .mode = S_IFDIR | 0700, .gid = 9 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	struct tree_node *n;

	must(tree_add_file(t, "d/f", 0644, "1", 1, &err), &err);
	must(tree_add_symlink(t, "l", "d", &err), &err);
	must(tree_add_symlink(t, "dangling", "nowhere", &err), &err);

	/* directory over directory: attributes change, children stay */
	must(tree_add(t, "d", &dir, 0, &n, &err), &err);
	assert_int_equal(n->inode->gid, 9);
	assert_non_null(tree_lookup(t, "d/f"));
	/* directory over a link to a directory: the link stays */
	must(tree_add(t, "l", &dir, 0, &n, &err), &err);
	assert_ptr_equal(n, tree_lookup(t, "d"));
	assert_true(S_ISLNK(tree_lookup(t, "l")->inode->mode));
	/* directory over a dangling link and over a file: replaced */
	must(tree_add(t, "dangling", &dir, 0, &n, &err), &err);
	assert_true(tree_is_dir(tree_lookup(t, "dangling")));
	must(tree_add(t, "d/f", &dir, 0, &n, &err), &err);
	assert_true(tree_is_dir(tree_lookup(t, "d/f")));
	/* anything over a directory */
	assert_int_equal(tree_add(t, "d", &file, TREE_ADD_EMPTY, NULL, &err), -EISDIR);
	assert_string_equal(err.msg, "a directory is in the way");
	assert_int_equal(tree_add(t, "d/f", &file, 0, NULL, &err), -EISDIR);
	must(tree_add(t, "d/f", &file, TREE_ADD_EMPTY, &n, &err), &err);
	assert_int_equal(n->inode->uid, 7);
	assert_int_equal(tree_add(t, "d/f", &file, TREE_ADD_EXCL, NULL, &err), -EEXIST);
	tree_free(t);
}

static void test_through_links(void **state)
{
	const struct tree_attr file = { .mode = S_IFREG | 0644 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	must(tree_add_dir(t, "usr/bin", 0755, &err), &err);
	must(tree_add_symlink(t, "bin", "usr/bin", &err), &err);
	must(tree_add_symlink(t, "abs", "/usr/../usr", &err), &err);
	must(tree_add_symlink(t, "loop", "loop", &err), &err);
	assert_int_equal(tree_add(t, "bin/sh", &file, 0, NULL, &err), -ELOOP);
	assert_string_equal(err.msg, "path goes through the symbolic link 'bin'");
	must(tree_add(t, "bin/sh", &file, TREE_ADD_FOLLOW, NULL, &err), &err);
	assert_non_null(tree_lookup(t, "usr/bin/sh"));
	must(tree_add(t, "abs/bin/ls", &file, TREE_ADD_FOLLOW, NULL, &err), &err);
	assert_non_null(tree_lookup(t, "usr/bin/ls"));
	assert_int_equal(tree_add(t, "loop/x", &file, TREE_ADD_FOLLOW, NULL, &err), -ENOENT);
	assert_int_equal(tree_add(t, "usr/bin/sh/x", &file, 0, NULL, &err), -ENOTDIR);
	assert_int_equal(tree_add(t, "none/x", &file, 0, NULL, &err), -ENOENT);
	/* resolving: links never leave the tree */
	must(tree_add_symlink(t, "up", "../../../bin/sh", &err), &err);
	assert_ptr_equal(tree_resolve(t, "up"), tree_lookup(t, "usr/bin/sh"));
	assert_null(tree_resolve(t, "loop"));
	assert_null(tree_lookup(t, "bin/sh"));
	tree_free(t);
}

static void test_hard_links(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	struct tree_node *n;
	char c;

	must(tree_add_file(t, "a", 0644, "A", 1, &err), &err);
	must(tree_link(t, "d/b", "a", TREE_ADD_PARENTS, &n, &err), &err);
	assert_ptr_equal(n->inode, tree_lookup(t, "a")->inode);
	assert_int_equal(n->inode->nlink, 2);
	/* replacing one name leaves the other */
	must(tree_add_file(t, "a", 0644, "new", 3, &err), &err);
	assert_int_equal(n->inode->nlink, 1);
	must(blob_read(&n->inode->content, 0, &c, 1, &err), &err);
	assert_int_equal(c, 'A');
	/* a link to itself is nothing */
	must(tree_link(t, "a", "a", 0, NULL, &err), &err);
	assert_int_equal(tree_lookup(t, "a")->inode->nlink, 1);
	assert_int_equal(tree_link(t, "x", "missing", 0, NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "hard link target 'missing' is missing");
	assert_int_equal(tree_link(t, "x", "d", 0, NULL, &err), -EPERM);
	assert_int_equal(tree_link(t, "d", "a", 0, NULL, &err), -EISDIR);
	tree_free(t);
}

static void test_remove_and_move(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	must(tree_add_file(t, "a/b/c", 0644, NULL, 0, &err), &err);
	must(tree_add_dir(t, "z", 0755, &err), &err);
	must(tree_move(t, tree_lookup(t, "a/b"), tree_lookup(t, "z"), "moved", &err), &err);
	assert_non_null(tree_lookup(t, "z/moved/c"));
	assert_null(tree_lookup(t, "a/b"));
	assert_int_equal(tree_move(t, tree_lookup(t, "z"), tree_lookup(t, "z/moved"), "x", &err),
			 -EINVAL);
	assert_int_equal(tree_move(t, tree_lookup(t, "a"), tree_root(t), "z", &err), -EEXIST);
	assert_int_equal(tree_move(t, tree_root(t), tree_lookup(t, "a"), "x", &err), -EINVAL);
	tree_remove(t, tree_lookup(t, "z"));
	assert_int_equal(tree_count(t), 2);
	tree_remove(t, tree_root(t));
	assert_int_equal(tree_count(t), 1);
	tree_free(t);
}

static void test_attributes(void **state)
{
	const struct tree_attr bad_type = { .mode = 0150000 };
	const struct tree_attr no_target = { .mode = S_IFLNK | 0777 };
	struct tree_attr nsec = { .mode = S_IFREG, .mtime_nsec = 1000000000 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	struct tree_inode *ino;

	assert_int_equal(tree_add(t, "x", &bad_type, 0, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, "file type 0150000 is unknown");
	assert_int_equal(tree_add(t, "x", &no_target, 0, NULL, &err), -EINVAL);
	assert_int_equal(tree_add(t, "x", &nsec, 0, NULL, &err), -EINVAL);
	assert_int_equal(tree_add(t, "/", &nsec, 0, NULL, &err), -EISDIR);
	must(tree_add_file(t, "f", 0644, NULL, 0, &err), &err);
	ino = tree_lookup(t, "f")->inode;
	must(tree_set_xattr(ino, "user.b", "2", 1, &err), &err);
	must(tree_set_xattr(ino, "user.a", "1", 1, &err), &err);
	must(tree_set_xattr(ino, "user.b", "three", 5, &err), &err);
	assert_int_equal(ino->n_xattrs, 2);
	assert_string_equal(ino->xattrs[0].name, "user.a");
	assert_int_equal(ino->xattrs[1].len, 5);
	assert_int_equal(tree_set_xattr(ino, "plain", "", 0, &err), -EINVAL);
	assert_int_equal(tree_set_xattr(ino, "user.c", "", TREE_XATTR_VALUE_MAX + 1, &err), -E2BIG);
	tree_free(t);
}

static void test_blobs(void **state)
{
	char path[] = "/tmp/test_tree-XXXXXX", buf[16];
	struct blob b = BLOB_INIT;
	struct error err = ERROR_INIT;
	int fd = mkstemp(path), dirfd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0 && dirfd >= 0);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	blob_from_fd(&b, fd, 2, 4);
	must(blob_read(&b, 1, buf, 3, &err), &err);
	assert_memory_equal(buf, "345", 3);
	assert_int_equal(blob_read(&b, 2, buf, 3, &err), -EINVAL);
	blob_release(&b);

	assert_int_equal(blob_from_path(&b, dirfd, path + 5, 10), 0);
	must(blob_read(&b, 8, buf, 2, &err), &err);
	assert_memory_equal(buf, "89", 2);
	assert_int_equal(ftruncate(fd, 5), 0);
	assert_int_equal(blob_read(&b, 0, buf, 10, &err), -EIO);
	assert_non_null(strstr(err.msg, "became shorter while it was read"));
	unlink(path);
	assert_int_equal(blob_read(&b, 0, buf, 1, &err), -ENOENT);
	blob_release(&b);
	close(fd);
	close(dirfd);
}

static void test_spool(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	struct blob b = BLOB_INIT;
	uint64_t start;
	char buf[6];

	must(tree_spool_write(t, "first", 5, &err), &err);
	start = tree_spool_pos(t);
	must(tree_spool_write(t, "sec", 3, &err), &err);
	must(tree_spool_write(t, "ond", 3, &err), &err);
	tree_spool_blob(t, start, &b);
	assert_int_equal(b.size, 6);
	must(blob_read(&b, 0, buf, 6, &err), &err);
	assert_memory_equal(buf, "second", 6);
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_by_bytes), cmocka_unit_test(test_paths),
		cmocka_unit_test(test_limits),		cmocka_unit_test(test_replace_rules),
		cmocka_unit_test(test_through_links),	cmocka_unit_test(test_hard_links),
		cmocka_unit_test(test_remove_and_move), cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_blobs),		cmocka_unit_test(test_spool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
