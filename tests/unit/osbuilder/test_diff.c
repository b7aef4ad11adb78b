/* SPDX-License-Identifier: Apache-2.0 */
#include "diff.h"

#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

struct lines {
	struct strbuf text;
	int stop; /* returned at the first line when not 0 */
};

static int collect(void *data, const struct diff_change *c)
{
	struct lines *l = data;

	assert_int_equal(diff_change_line(c, &l->text), 0);
	assert_int_equal(strbuf_addch(&l->text, '\n'), 0);
	return l->stop;
}

static void assert_lines(struct tree *a, struct tree *b, bool times, const char *want)
{
	struct lines l = { STRBUF_INIT, 0 };
	struct diff_params p = { .times = times };
	struct error err = ERROR_INIT;
	int r = diff_trees(a, b, &p, collect, &l, &err);

	if (r < 0)
		fail_msg("%s", error_text(&err));
	assert_string_equal(l.text.buf, want);
	assert_int_equal(r, *want ? 1 : 0);
	strbuf_release(&l.text);
}

static struct tree *make(void)
{
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	assert_non_null(t);
	assert_int_equal(tree_add_file(t, "a/one", 0644, "1", 1, &err), 0);
	assert_int_equal(tree_add_file(t, "a/two", 0644, "22", 2, &err), 0);
	assert_int_equal(tree_add_symlink(t, "z", "a/one", &err), 0);
	return t;
}

static void xattr(struct tree *t, const char *path, const char *name, const char *value)
{
	struct error err = ERROR_INIT;

	assert_int_equal(
		tree_set_xattr(tree_lookup(t, path)->inode, name, value, strlen(value), &err), 0);
}

static void test_xattrs(void **state)
{
	_cleanup_tree_ struct tree *a = make(), *b = make();

	xattr(a, "a/one", "user.a", "x");
	xattr(a, "a/one", "user.same", "x");
	xattr(a, "a/one", "user.value", "x");
	xattr(b, "a/one", "user.same", "x");
	xattr(b, "a/one", "user.value", "y");
	xattr(b, "a/one", "user.z", "x");
	xattr(b, "z", "trusted.link", "x");
	xattr(b, "a", "user.dir", "");
	xattr(b, "a", "user.\033[2J", ""); /* names are hostile */
	assert_lines(a, b, false,
		     "! /a: xattr user.\\x1b[2J only in the second\n"
		     "! /a: xattr user.dir only in the second\n"
		     "! /a/one: xattr user.a only in the first\n"
		     "! /a/one: xattr user.value differs\n"
		     "! /a/one: xattr user.z only in the second\n"
		     "! /z: xattr trusted.link only in the second\n");
}

static void test_root_and_times(void **state)
{
	_cleanup_tree_ struct tree *a = make(), *b = make();

	tree_root(b)->inode->mode = S_IFDIR | 0700;
	tree_lookup(b, "a")->inode->mtime_nsec = 7;
	assert_lines(a, b, false, "! /: mode 0755 -> 0700\n");
	assert_lines(a, b, true,
		     "! /: mode 0755 -> 0700\n! /a: mtime 0.000000000 -> 0.000000007\n");
}

/* Links are compared by the first name of the inode, whatever the numbers of names. */
static void test_links(void **state)
{
	_cleanup_tree_ struct tree *a = make(), *b = make();
	struct error err = ERROR_INIT;

	assert_int_equal(tree_link(a, "b", "a/one", 0, NULL, &err), 0);
	assert_lines(a, b, false, "- /b\n");
	assert_int_equal(tree_add_file(b, "b", 0644, "1", 1, &err), 0);
	assert_lines(a, b, false, "! /b: hard links /a/one -> none\n");
	assert_int_equal(tree_link(b, "c", "b", 0, NULL, &err), 0);
	assert_int_equal(tree_link(a, "c", "b", 0, NULL, &err), 0);
	assert_lines(a, b, false,
		     "! /b: hard links /a/one -> none\n! /c: hard links /a/one -> /b\n");
}

static void test_stop(void **state)
{
	_cleanup_tree_ struct tree *a = make(), *b = tree_new();
	struct lines l = { STRBUF_INIT, -EPIPE };
	struct diff_params p = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(diff_trees(a, b, &p, collect, &l, &err), -EPIPE);
	assert_string_equal(l.text.buf, "- /a\n");
	strbuf_release(&l.text);
}

static struct blob_run *runs_of(const struct blob_run *v, size_t n)
{
	struct blob_run *copy = new0_array(struct blob_run, n);

	assert_non_null(copy);
	memcpy(copy, v, n * sizeof(*v));
	return copy;
}

/* The content that images have: pieces with zeros between them. */
static void test_runs(void **state)
{
	static const struct blob_run good[] = { { 2, 0, 3 }, { 5, 10, 1 }, { 8, 4, 2 } };
	static const struct blob_run bad[][2] = {
		{ { 0, 0, 4 }, { 3, 0, 1 } },	       /* overlap */
		{ { 4, 0, 1 }, { 0, 0, 1 } },	       /* order */
		{ { 0, 0, 1 }, { 9, 0, 4 } },	       /* beyond the end */
		{ { 0, 0, 0 }, { 1, 0, 1 } },	       /* empty */
		{ { 0, 0, 1 }, { 2, 0, UINT64_MAX } }, /* overflow */
	};
	struct blob b = BLOB_INIT, copy = BLOB_INIT;
	struct error err = ERROR_INIT;
	char got[12];
	int fd = -1;

	assert_int_equal(fd_memfd("runs", &fd), 0);
	assert_int_equal(fd_pwrite_full(fd, "abcdefghijk", 11, 0), 0);
	assert_int_equal(blob_from_runs(&b, fd, runs_of(good, 3), 3, 12), 0);
	assert_int_equal(blob_read(&b, 0, got, 12, &err), 0);
	assert_memory_equal(got, "\0\0abck\0\0ef\0\0", 12);
	for (size_t from = 0; from < 12; from++)
		for (size_t n = 1; n <= 12 - from; n++) {
			char part[12];

			assert_int_equal(blob_read(&b, from, part, n, &err), 0);
			assert_memory_equal(part, got + from, n);
		}
	assert_int_equal(blob_read(&b, 6, got, 7, &err), -EINVAL);
	assert_int_equal(blob_copy(&copy, &b), 0);
	blob_release(&b);
	assert_int_equal(blob_read(&copy, 4, got, 2, &err), 0);
	assert_memory_equal(got, "ck", 2);
	blob_release(&copy);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(blob_from_runs(&b, fd, runs_of(bad[i], 2), 2, 12), -EINVAL);
	fd_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xattrs), cmocka_unit_test(test_root_and_times),
		cmocka_unit_test(test_links),  cmocka_unit_test(test_stop),
		cmocka_unit_test(test_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
