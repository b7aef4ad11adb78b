/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "compat/la.h"
#include "source/layer.h"
#include "source/unpack.h"
#include "support/make_archive.h"

static int unpack_tar(struct tree *t, const char *filter, const struct archive_member *m, size_t n,
		      struct error *err)
{
	const struct source_unpack u = { .target = "" };
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	_cleanup_fd_ int fd = -1;

	make_tar(&tar, filter, m, n);
	assert_int_equal(fd_memfd("tar", &fd), 0);
	assert_int_equal(fd_write_full(fd, tar.buf, tar.len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return source_unpack_tar_fd(t, fd, &u, err);
}

static void test_good_tar(void **state)
{
	static const char *const filters[] = { "none", "gzip", "xz", "zstd" };
	static const struct archive_member m[] = {
		{ "./", 'd', NULL, 0755, 0 },
		{ "./dir/", 'd', NULL, 02750, 0 },
		{ "./dir/file", 'f', "content", 04711, 0 },
		{ "./dir/link", 'l', "file", 0777, 0 },
		{ "./hard", 'h', "./dir/file", 0644, 0 },
		{ "dev/null", 'c', NULL, 0666, 0 },
		{ "dir/\xc3\xa4", 'f', "utf8", 0644, 0 },
		{ "dir/\xff\xfe", 'f', "bytes", 0644, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct tree *t = tree_new();
		struct error err = ERROR_INIT;
		struct tree_node *n;
		char buf[7];

		if (unpack_tar(t, filters[i], m, ARRAY_SIZE(m), &err) < 0)
			fail_msg("%s: %s", filters[i], err.msg);
		n = tree_lookup(t, "dir/file");
		assert_int_equal(n->inode->mode, S_IFREG | 04711);
		assert_int_equal(n->inode->mtime_sec, 1600000000);
		assert_int_equal(n->inode->nlink, 2);
		assert_ptr_equal(tree_lookup(t, "hard")->inode, n->inode);
		assert_int_equal(blob_read(&n->inode->content, 0, buf, 7, &err), 0);
		assert_memory_equal(buf, "content", 7);
		assert_int_equal(tree_lookup(t, "dir")->inode->mode, S_IFDIR | 02750);
		assert_string_equal(tree_lookup(t, "dir/link")->inode->target, "file");
		assert_int_equal(tree_lookup(t, "dev/null")->inode->rdev_minor, 3);
		assert_non_null(tree_lookup(t, "dir/\xc3\xa4"));
		assert_non_null(tree_lookup(t, "dir/\xff\xfe"));
		tree_free(t);
	}
}

/* Contents of a plain tar stay where they are, in a descriptor of the tree; a compressed one goes through the spool. */
static void test_contents_stay_in_the_file(void **state)
{
	static const struct archive_member m[] = {
		{ "./empty", 'f', "", 0644, 0 },
		{ "./small", 'f', "content", 0644, 0 },
		{ "./zeros", 'f', NULL, 0644, 200000 },
		{ "./last", 'f', "the last one", 0644, 0 },
	};
	struct tree *t = tree_new(), *z = tree_new();
	struct error err = ERROR_INIT;
	uint8_t *zeros = malloc(200000);
	const struct blob *b;
	char buf[12];

	assert_int_equal(unpack_tar(t, "none", m, ARRAY_SIZE(m), &err), 0);
	assert_int_equal(tree_spool_pos(t), 0);
	assert_int_equal(tree_lookup(t, "empty")->inode->content.kind, BLOB_EMPTY);
	b = &tree_lookup(t, "small")->inode->content;
	assert_int_equal(b->kind, BLOB_FD);
	assert_int_equal(b->offset % 512, 0);
	assert_int_equal(blob_read(b, 0, buf, 7, &err), 0);
	assert_memory_equal(buf, "content", 7);
	b = &tree_lookup(t, "last")->inode->content;
	assert_int_equal(blob_read(b, 0, buf, 12, &err), 0);
	assert_memory_equal(buf, "the last one", 12);
	b = &tree_lookup(t, "zeros")->inode->content;
	assert_int_equal(b->size, 200000);
	assert_int_equal(blob_read(b, 0, zeros, 200000, &err), 0);
	assert_true(zeros[0] == 0 && memcmp(zeros, zeros + 1, 199999) == 0);
	assert_int_equal(unpack_tar(z, "gzip", m, ARRAY_SIZE(m), &err), 0);
	assert_int_equal(tree_spool_pos(z), 200000 + 19);
	free(zeros);
	tree_free(t);
	tree_free(z);
}

static void test_cut_off_tar(void **state)
{
	static const struct archive_member m[] = { { "./a", 'f', "content", 0644, 0 },
						   { "./b", 'f', NULL, 0644, 100000 } };
	const struct source_unpack u = { .target = "" };
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	_cleanup_fd_ int fd = -1;

	make_tar(&tar, "none", m, ARRAY_SIZE(m));
	assert_int_equal(fd_memfd("tar", &fd), 0);
	assert_int_equal(fd_write_full(fd, tar.buf, 50000), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(source_unpack_tar_fd(t, fd, &u, &err), -EBADMSG);
	assert_string_equal(err.msg, "entry './b': damaged archive: truncated");
}

static int unpack_deb(struct tree *t, const struct archive_member *m, size_t n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	struct source_package_info info;

	make_deb(&deb, "xz", "amd64", m, n);
	return source_unpack_deb(t, deb.buf, deb.len, "amd64", &info, err);
}

/* As a tar and as the content of a package. */
static void test_hostile_tar(void **state)
{
	static char long_name[300];
	static const struct {
		struct archive_member m[2];
		const char *message;
	} cases[] = {
		{ { { "/etc/passwd", 'f', "x", 0644, 0 } }, "entry '/etc/passwd': absolute path" },
		{ { { "a/../../x", 'f', "x", 0644, 0 } }, "entry 'a/../../x': path contains '..'" },
		{ { { "..", 'd', NULL, 0755, 0 } }, "entry '../': path contains '..'" },
		{ { { "h", 'h', "../../etc/shadow", 0644, 0 } },
		  "entry 'h': hard link target '../../etc/shadow': path contains '..'" },
		{ { { "h", 'h', "/etc/shadow", 0644, 0 } },
		  "entry 'h': hard link target '/etc/shadow': absolute path" },
		{ { { "h", 'h', "none", 0644, 0 } }, "none' is missing" },
		{ { { "out", 'l', "/nowhere", 0777, 0 }, { "out/x", 'f', "x", 0644, 0 } },
		  "entry 'out/x': path goes through a dangling symbolic link" },
		{ { { "loop", 'l', "loop", 0777, 0 }, { "loop/x", 'f', "x", 0644, 0 } },
		  "entry 'loop/x': path goes through a dangling symbolic link" },
		{ { { "f", 'f', "x", 0644, 0 }, { "f/x", 'f', "x", 0644, 0 } },
		  "entry 'f/x': parent 'f' is not a directory" },
		{ { { "d/x", 'f', "x", 0644, 0 }, { "d", 'f', "x", 0644, 0 } },
		  "entry 'd': a directory is in the way" },
		{ { { "d", 'd', NULL, 0755, 0 }, { "h", 'h', "d", 0644, 0 } },
		  "entry 'h': hard link to the directory '" },
		{ { { long_name, 'f', "x", 0644, 0 } }, "name is longer than 255 bytes" },
		{ { { "a", 'f', "x", 0644, 0 }, { "./a", 'f', "y", 0644, 0 } },
		  "entry './a': is there twice" },
		{ { { "a/b", 'f', "x", 0644, 0 }, { "a//b", 'f', "y", 0644, 0 } },
		  "entry 'a//b': is there twice" },
		{ { { "./a/b", 'f', "x", 0644, 0 }, { "a/./b", 'f', "y", 0644, 0 } },
		  "entry 'a/./b': is there twice" },
		{ { { "a/./b", 'l', "x", 0777, 0 }, { ".//a/b", 'f', "y", 0644, 0 } },
		  "entry './/a/b': is there twice" },
		{ { { "a", 'f', "x", 0644, 0 }, { "a/.", 'f', "y", 0644, 0 } },
		  "entry 'a/.': is there twice" },
		{ { { "a", 'l', "b", 0777, 0 }, { "a", 'l', "c", 0777, 0 } },
		  "entry 'a': is there twice" },
		{ { { "a", 'l', "/", 0777, 0 }, { "a", 'd', NULL, 0755, 0 } },
		  "entry 'a/': is there twice" },
		{ { { "a", 'f', "x", 0644, 0 }, { "a", 'h', "a", 0644, 0 } },
		  "entry 'a': is there twice" },
	};

	memset(long_name, 'n', sizeof(long_name) - 1);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const struct archive_member *m = cases[i / 2].m;
		const size_t n = m[1].path ? 2 : 1;
		_cleanup_tree_ struct tree *t = tree_new();
		struct error err = ERROR_INIT;

		assert_true((i % 2 ? unpack_deb(t, m, n, &err)
				   : unpack_tar(t, "none", m, n, &err)) < 0);
		/* a layer is looked through as a whole, and says "entry 'a' is there twice" */
		if (!strstr(err.msg, cases[i / 2].message) &&
		    !(i % 2 && strstr(err.msg, "' is there twice") &&
		      strstr(cases[i / 2].message, "is there twice")))
			fail_msg("case %zu: '%s'", i, err.msg);
	}
}

/* Names that only begin alike are different ones, and directories may be there more than once. */
static void test_not_twice(void **state)
{
	static const struct archive_member m[] = {
		{ "a", 'd', NULL, 0755, 0 },	{ "./a/", 'd', NULL, 0755, 0 },
		{ "a/.", 'd', NULL, 0755, 0 },	{ "a/b", 'f', "x", 0644, 0 },
		{ "a/b.c", 'f', "x", 0644, 0 }, { "ab", 'f', "x", 0644, 0 },
		{ "a/.b", 'f', "x", 0644, 0 },	{ "a/b-/c", 'f', "x", 0644, 0 },
		{ "a/...", 'f', "x", 0644, 0 }, { "b", 'f', "x", 0644, 0 },
		{ ".", 'd', NULL, 0755, 0 },	{ "./", 'd', NULL, 0755, 0 },
	};

	for (int deb = 0; deb < 2; deb++) {
		_cleanup_tree_ struct tree *t = tree_new();
		struct error err = ERROR_INIT;

		if ((deb ? unpack_deb(t, m, ARRAY_SIZE(m), &err)
			 : unpack_tar(t, "none", m, ARRAY_SIZE(m), &err)) < 0)
			fail_msg("%d: %s", deb, err.msg);
		assert_non_null(tree_lookup(t, "a/b-/c"));
		assert_non_null(tree_lookup(t, "a/..."));
	}
}

/* A link that points above the root stays inside: a file "through" it lands in the tree. */
static void test_link_cannot_escape(void **state)
{
	static const struct archive_member m[] = {
		{ "etc", 'd', NULL, 0755, 0 },
		{ "up", 'l', "../../../../etc", 0777, 0 },
		{ "up/passwd", 'f', "mine", 0644, 0 },
	};
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	assert_int_equal(unpack_tar(t, "none", m, ARRAY_SIZE(m), &err), 0);
	assert_non_null(tree_lookup(t, "etc/passwd"));
	tree_free(t);
}

static void test_bomb(void **state)
{
	static const struct archive_member m[] = { { "zeros", 'f', NULL, 0644, 8u << 20 } };
	static const struct la_limits limits = { 1u << 20, 10 };
	const struct source_unpack u = { .target = "" };
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct la_archive *a = NULL;
	struct tree *t = tree_new();

	make_tar(&tar, "xz", m, 1);
	assert_true(tar.len < 16384);
	assert_int_equal(la_open_memory(tar.buf, tar.len, LA_TAR, &limits, &a, &err), 0);
	assert_int_equal(unpack_archive(t, a, &u, &err), -EFBIG);
	assert_string_equal(err.msg, "entry 'zeros': unpacks to more than 1048576 bytes");
	assert_true(tree_spool_pos(t) < 2u << 20);
	la_close(a);
	tree_free(t);
}

/* The content of a package, which is read into a layer first. */
static void test_bomb_layer(void **state)
{
	static const struct archive_member m[] = { { "zeros", 'f', NULL, 0644, 8u << 20 } };
	static const struct la_limits limits = { 1u << 20, 10 };
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	_cleanup_la_ struct la_archive *a = NULL;
	struct error err = ERROR_INIT;

	make_tar(&tar, "xz", m, 1);
	assert_int_equal(layer_spool_open(&spool, &err), 0);
	assert_int_equal(la_open_memory(tar.buf, tar.len, LA_TAR, &limits, &a, &err), 0);
	assert_int_equal(layer_read(&l, a, &spool, &err), -EFBIG);
	assert_string_equal(err.msg, "entry 'zeros': unpacks to more than 1048576 bytes");
	assert_true(spool.size < 2u << 20);
}

static void test_many_entries(void **state)
{
	struct archive_member m[12];
	static const struct la_limits limits = { 1u << 20, 10 };
	const struct source_unpack u = { .target = "" };
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct la_archive *a = NULL;
	struct tree *t = tree_new();
	char names[12][4];

	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		m[i] = (struct archive_member){ names[i], 'f', "x", 0644, 0 };
	}
	make_tar(&tar, "none", m, 12);
	assert_int_equal(la_open_memory(tar.buf, tar.len, LA_TAR, &limits, &a, &err), 0);
	assert_int_equal(unpack_archive(t, a, &u, &err), -EFBIG);
	assert_string_equal(err.msg, "has more than 10 entries");
	la_close(a);
	tree_free(t);
}

static const struct archive_member deb_files[] = {
	{ "./", 'd', NULL, 0755, 0 },
	{ "./bin/", 'd', NULL, 0755, 0 },
	{ "./bin/probe", 'f', "#!/bin/sh\n", 0755, 0 },
};

static void test_good_deb(void **state)
{
	static const char *const filters[] = { "none", "gzip", "xz", "zstd" };

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
		struct source_package_info info = { 0 };
		struct tree *t = tree_new();
		struct error err = ERROR_INIT;

		/* merged /usr: the package still says /bin */
		assert_int_equal(tree_add_dir(t, "usr/bin", 0755, &err), 0);
		assert_int_equal(tree_add_symlink(t, "bin", "usr/bin", &err), 0);
		make_deb(&deb, filters[i], "amd64", deb_files, ARRAY_SIZE(deb_files));
		if (source_unpack_deb(t, deb.buf, deb.len, "amd64", &info, &err) < 0)
			fail_msg("%s: %s", filters[i], err.msg);
		assert_string_equal(info.name, "probe");
		assert_string_equal(info.version, "1:2.0-3");
		assert_string_equal(info.arch, "amd64");
		assert_int_equal(tree_lookup(t, "usr/bin/probe")->inode->mode, S_IFREG | 0755);
		assert_true(S_ISLNK(tree_lookup(t, "bin")->inode->mode));
		tree_free(t);
	}
}

static void refuse_deb(const struct strbuf *deb, const char *message)
{
	struct source_package_info info = { 0 };
	struct tree *t = tree_new();
	struct error err = ERROR_INIT;

	assert_true(source_unpack_deb(t, deb->buf, deb->len, "amd64", &info, &err) < 0);
	if (!strstr(err.msg, message))
		fail_msg("wanted '%s', got '%s'", message, err.msg);
	tree_free(t);
}

static void test_bad_deb(void **state)
{
	static const char *const data_first[] = { "debian-binary", "data.tar" };
	static const char *const only_binary[] = { "debian-binary" };
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT, version = STRBUF_INIT;
	struct strbuf parts[2] = { STRBUF_INIT, STRBUF_INIT };

	make_deb(&deb, "xz", "arm64", deb_files, ARRAY_SIZE(deb_files));
	refuse_deb(&deb, "package probe is for arm64, the image is for amd64");

	/* cut in the middle of the data */
	strbuf_reset(&deb);
	make_deb(&deb, "xz", "amd64", deb_files, ARRAY_SIZE(deb_files));
	strbuf_setlen(&deb, deb.len - 60);
	refuse_deb(&deb, "truncated");

	strbuf_reset(&deb);
	assert_int_equal(strbuf_addstr(&parts[0], "2.0\n"), 0);
	make_ar(&deb, data_first, parts, 2);
	refuse_deb(&deb, "unexpected member 'data.tar'");
	strbuf_reset(&deb);
	make_ar(&deb, only_binary, parts, 1);
	refuse_deb(&deb, "is not a complete Debian package");
	strbuf_reset(&deb);
	assert_int_equal(strbuf_addstr(&version, "3.0\n"), 0);
	make_ar(&deb, only_binary, &version, 1);
	refuse_deb(&deb, "is not a Debian package of format 2.0");
	strbuf_reset(&deb);
	assert_int_equal(strbuf_addstr(&deb, "this is no archive at all, but some text"), 0);
	refuse_deb(&deb, "not an archive");
	strbuf_release(&parts[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_tar),
		cmocka_unit_test(test_contents_stay_in_the_file),
		cmocka_unit_test(test_cut_off_tar),
		cmocka_unit_test(test_hostile_tar),
		cmocka_unit_test(test_not_twice),
		cmocka_unit_test(test_link_cannot_escape),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_bomb_layer),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_good_deb),
		cmocka_unit_test(test_bad_deb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
