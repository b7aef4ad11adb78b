/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "compat/la.h"
#include "support/make_archive.h"

static const struct la_limits limits = LA_LIMITS_DEFAULT;
static const struct archive_member members[] = {
	{ "dir", 'd', NULL, 0755, 0 },	      { "dir/file", 'f', "content", 0640, 0 },
	{ "zeros", 'f', NULL, 0600, 200000 }, { "link", 'l', "dir/file", 0777, 0 },
	{ "hard", 'h', "dir/file", 0640, 0 },
};

static struct la_archive *open_ok(const struct strbuf *b, const struct la_limits *l)
{
	struct error err = ERROR_INIT;
	struct la_archive *a = NULL;

	if (la_open_memory(b->buf, b->len, LA_TAR, l, &a, &err) < 0)
		fail_msg("%s", error_text(&err));
	return a;
}

static struct la_entry next_ok(struct la_archive *a)
{
	struct error err = ERROR_INIT;
	struct la_entry e;

	if (la_next(a, &e, &err) != 1)
		fail_msg("%s", error_text(&err));
	return e;
}

/* Until the end or the first error, contents included. */
static int read_all(struct la_archive *a, struct error *err)
{
	char buf[4096];
	struct la_entry e;
	ssize_t n = 0;
	int r = 0;

	while (n >= 0 && (r = la_next(a, &e, err)) == 1)
		do
			n = la_read(a, buf, sizeof(buf), err);
		while (n > 0);
	return n < 0 ? (int)n : r;
}

static void test_entries(void **state)
{
	static const char *const filters[] = { "none", "gzip", "xz", "zstd" };

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
		struct error err = ERROR_INIT;
		_cleanup_la_ struct la_archive *a = NULL;
		struct la_entry e;
		char buf[16];

		make_tar(&tar, filters[i], members, ARRAY_SIZE(members));
		a = open_ok(&tar, &limits);
		e = next_ok(a);
		assert_true(S_ISDIR(e.mode));
		e = next_ok(a);
		assert_string_equal(e.path, "dir/file");
		assert_int_equal(e.mode, S_IFREG | 0640);
		assert_int_equal(e.size, 7);
		assert_int_equal(la_read(a, buf, sizeof(buf), &err), 7);
		assert_memory_equal(buf, "content", 7);
		assert_int_equal(la_read(a, buf, sizeof(buf), &err), 0);
		assert_int_equal(next_ok(a).size, 200000);
		assert_string_equal(next_ok(a).symlink, "dir/file");
		e = next_ok(a);
		assert_string_equal(e.hardlink, "dir/file");
		assert_true(S_ISREG(e.mode));
		assert_int_equal(la_next(a, &e, &err), 0);
	}
}

static void test_limits(void **state)
{
	static const struct {
		struct la_limits limits;
		const char *message;
	} cases[] = {
		{ { 1 << 30, 4 }, "has more than 4 entries" },
		{ { 100000, 100 }, "entry 'zeros': unpacks to more than 100000 bytes" },
		{ { 200000, 100 }, "unpacks to more than 200000 bytes" },
	};
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;

	make_tar(&tar, "xz", members, ARRAY_SIZE(members));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_la_ struct la_archive *a = open_ok(&tar, &cases[i].limits);
		struct error err = ERROR_INIT;

		assert_int_equal(read_all(a, &err), -EFBIG);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* Cut anywhere it is an error, or an archive that ends early, and never more than that. */
static void test_cut(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	unsigned refused = 0;

	make_tar(&tar, "gzip", members, ARRAY_SIZE(members));
	for (size_t len = 0; len + 9 < tar.len; len += 1 + tar.len / 50) {
		_cleanup_free_ char *part = mem_dup0(tar.buf, len);
		_cleanup_la_ struct la_archive *a = NULL;
		struct error err = ERROR_INIT;
		int r = la_open_memory(part, len, LA_TAR, &limits, &a, &err);

		r = r < 0 ? r : read_all(a, &err);
		assert_true(r == 0 || (r == -EBADMSG && *err.msg));
		refused += r < 0;
	}
	assert_true(refused > 20);
}

/* Where the content of an uncompressed archive lies in its file, also of one that does not begin at the file's begin. */
static void test_content_at(void **state)
{
	_cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
	_cleanup_la_ struct la_archive *a = NULL;
	struct error err = ERROR_INIT;
	_cleanup_fd_ int fd = -1;
	uint64_t at = 0;
	char buf[7];

	make_tar(&tar, "none", members, ARRAY_SIZE(members));
	assert_int_equal(fd_memfd("tar", &fd), 0);
	assert_int_equal(fd_write_full(fd, "before", 6), 0);
	assert_int_equal(fd_write_full(fd, tar.buf, tar.len), 0);
	assert_int_equal(lseek(fd, 6, SEEK_SET), 6);
	assert_int_equal(la_open_fd(fd, LA_TAR, &limits, &a, &err), 0);
	next_ok(a);
	assert_int_equal(la_content_at(a, &at, &err), 0); /* a directory has none */
	next_ok(a);
	assert_int_equal(la_content_at(a, &at, &err), 1);
	assert_int_equal(pread(fd, buf, 7, (off_t)at), 7);
	assert_memory_equal(buf, "content", 7);
	la_close(a);
	/* The file ends inside the content. */
	assert_int_equal(ftruncate(fd, (off_t)at + 3), 0);
	assert_int_equal(lseek(fd, 6, SEEK_SET), 6);
	assert_int_equal(la_open_fd(fd, LA_TAR, &limits, &a, &err), 0);
	next_ok(a);
	next_ok(a);
	assert_int_equal(la_content_at(a, &at, &err), -EBADMSG);
	assert_string_equal(err.msg, "damaged archive: truncated");
}

static ssize_t fail_reading(void *data, void *buf, size_t len, struct error *err)
{
	return error_set(err, -EIO, "the wire is cut");
}

static void test_reader(void **state)
{
	struct la_archive *a = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(la_open_reader(fail_reading, NULL, LA_TAR, &limits, &a, &err), -EIO);
	assert_null(a);
	assert_non_null(strstr(err.msg, "the wire is cut"));
	assert_int_equal(la_load(&err), 0);
	la_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cut),	cmocka_unit_test(test_content_at),
		cmocka_unit_test(test_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
