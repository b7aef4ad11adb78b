/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/deb.h"
#include "source/unpacked.h"
#include "support/make_archive.h"
#include "support/tool.h"

#define NAME	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OTHER	"ca7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define THIRD	"da7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define PATH_OF "unpacked/x86_64/ba/" NAME

static const struct archive_member members[] = {
	{ "./", 'd', NULL, 0755, 0 },
	{ "./usr/", 'd', NULL, 0755, 0 },
	{ "./usr/tool", 'f', "some content", 04755, 0 },
	{ "./usr/link", 'l', "tool", 0777, 0 },
	{ "./usr/hard", 'h', "./usr/tool", 0644, 0 },
	{ "./usr/empty", 'f', "", 0600, 0 },
	{ "./usr/null", 'c', NULL, 0666, 0 },
};

static const uint8_t no_print[XXH_SIZE];

static int setup(void **state)
{
	*state = tool_tmpdir();
	return 0;
}

static int teardown(void **state)
{
	tool_rmdir(*state);
	return 0;
}

/* Unpacks the package above into the cache under a name; *ret is the index. */
static void put(const struct unpacked *u, const char *name, struct strbuf *ret)
{
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	_cleanup_strbuf_ struct strbuf deb = STRBUF_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	struct source_package_info info;
	struct error err = ERROR_INIT;
	_cleanup_fd_ int fd = -1;

	make_deb(&deb, "xz", "amd64", members, ARRAY_SIZE(members));
	assert_int_equal(layer_spool_init(&spool, &err), 0);
	assert_int_equal(unpacked_create(u, name, &out, &err), 0);
	layer_spool_to(&spool, out.fd, UNPACKED_HEADER);
	assert_int_equal(deb_read(&l, &spool, deb.buf, deb.len, "amd64", &info, &err), 0);
	assert_false(unpacked_has(u, name));
	assert_int_equal(unpacked_finish(&out, name, &l, &spool, &info, &fd, &err), 0);
	assert_true(unpacked_has(u, name));
	assert_int_equal(unpacked_index_make(&l, &info, no_print, ret, &err), 0);
}

static int get(const struct unpacked *u, const char *name, struct error *err)
{
	_cleanup_layer_ struct layer l = { 0 };
	struct source_package_info info;
	_cleanup_fd_ int fd = -1;

	error_clear(err);
	return unpacked_read(u, name, &l, &info, &fd, err);
}

static void test_round_trip(void **state)
{
	_cleanup_unpacked_ struct unpacked u = UNPACKED_INIT;
	_cleanup_strbuf_ struct strbuf index = STRBUF_INIT, again = STRBUF_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	struct source_package_info info;
	struct error err = ERROR_INIT;
	_cleanup_fd_ int fd = -1;
	char text[12];

	unpacked_open(&u, *state, "x86_64");
	assert_int_equal(get(&u, NAME, &err), -ENOENT);
	put(&u, NAME, &index);
	if (unpacked_read(&u, NAME, &l, &info, &fd, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(unpacked_index_make(&l, &info, no_print, &again, &err), 0);
	assert_int_equal(again.len, index.len);
	assert_memory_equal(again.buf, index.buf, index.len);
	assert_int_equal(l.n, ARRAY_SIZE(members));
	assert_string_equal(l.v[2].e.path, "./usr/tool");
	assert_int_equal(blob_read(&l.v[2].content, 0, text, sizeof(text), &err), 0);
	assert_memory_equal(text, "some content", sizeof(text));
	assert_true(l.v[2].content.has_sums && l.v[5].content.has_sums);
	assert_string_equal(l.v[3].e.symlink, "tool");
	assert_string_equal(l.v[4].e.hardlink, "./usr/tool");
	assert_int_equal(l.v[6].e.rdev_minor, 3);
}

/* Any bit and any length but the right ones. */
static void test_damage(void **state)
{
	_cleanup_unpacked_ struct unpacked u = UNPACKED_INIT;
	_cleanup_strbuf_ struct strbuf index = STRBUF_INIT, file = STRBUF_INIT;
	struct error err = ERROR_INIT;
	_cleanup_fd_ int fd = -1;
	int dir = open(*state, O_PATH | O_CLOEXEC);

	unpacked_open(&u, *state, "x86_64");
	put(&u, NAME, &index);
	assert_int_equal(file_read(dir, PATH_OF, 1 << 20, &file, &err), 0);
	fd = openat(dir, PATH_OF, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < file.len; i++) {
		char c = (char)(file.buf[i] ^ 1 << i % 8);
		int r;

		assert_int_equal(pwrite(fd, &c, 1, (off_t)i), 1);
		r = get(&u, NAME, &err);
		if (r != (i >= 8 && i < 12 ? -ENOENT : -EBADMSG))
			fail_msg("byte %zu: %d %s", i, r, err.msg);
		assert_int_equal(pwrite(fd, file.buf + i, 1, (off_t)i), 1);
	}
	for (size_t n = file.len; n--;) {
		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		if (get(&u, NAME, &err) != -EBADMSG)
			fail_msg("%zu bytes: %s", n, err.msg);
	}
	assert_int_equal(fd_pwrite_full(fd, file.buf, file.len, 0), 0);
	assert_int_equal(get(&u, NAME, &err), 0);
	assert_int_equal(fd_pwrite_full(fd, "x", 1, (off_t)file.len), 0);
	assert_int_equal(get(&u, NAME, &err), -EBADMSG);
	fd_close(dir);
}

static void test_messages(void **state)
{
	_cleanup_unpacked_ struct unpacked u = UNPACKED_INIT;
	_cleanup_strbuf_ struct strbuf index = STRBUF_INIT;
	struct error err = ERROR_INIT;

	unpacked_open(&u, *state, "x86_64");
	put(&u, NAME, &index);
	free(tool_ok("cd '%s' && mkdir unpacked/x86_64/ca && cp " PATH_OF
		     " unpacked/x86_64/ca/" OTHER,
		     (char *)*state));
	assert_int_equal(get(&u, OTHER, &err), -EBADMSG);
	assert_string_equal(err.msg, "its index does not have its hash");
	free(tool_ok("cd '%s' && printf X | dd of=" PATH_OF
		     " bs=1 seek=70 conv=notrunc status=none",
		     (char *)*state));
	assert_int_equal(get(&u, NAME, &err), -EBADMSG);
	assert_string_equal(err.msg, "the content of './usr/tool' does not have its hash");
	free(tool_ok("cd '%s' && echo no > " PATH_OF, (char *)*state));
	assert_int_equal(get(&u, NAME, &err), -EBADMSG);
	assert_string_equal(err.msg, "it does not begin as it should");
	free(tool_ok("cd '%s' && rm " PATH_OF " && mkdir " PATH_OF, (char *)*state));
	assert_true(get(&u, NAME, &err) < 0);
	free(tool_ok("cd '%s' && rmdir " PATH_OF " && ln -s ../ca/" OTHER " " PATH_OF,
		     (char *)*state));
	assert_true(get(&u, NAME, &err) < 0);
	/* where nothing can be kept, nothing is */
	u.dirfd = fd_close(u.dirfd);
	assert_int_equal(get(&u, NAME, &err), -ENOENT);
	assert_false(unpacked_has(&u, OTHER));
}

static int parse_one(const struct layer_entry *e, uint64_t end, struct error *err)
{
	struct layer_entry copy = *e;
	const struct layer l = { .v = &copy, .n = 1 };
	const struct source_package_info info = { "name", "1", "amd64" };
	_cleanup_strbuf_ struct strbuf index = STRBUF_INIT;
	_cleanup_layer_ struct layer read = { 0 };
	struct source_package_info read_info;
	uint8_t print[XXH_SIZE];

	assert_int_equal(unpacked_index_make(&l, &info, no_print, &index, err), 0);
	return unpacked_index_parse(index.buf, index.len, end, &read, &read_info, print, err);
}

#define DAMAGED "its index is damaged"

static void test_reject_index(void **state)
{
	static char long_name[300], long_path[5000];
	const struct blob beyond = { .kind = BLOB_FD, .size = 100, .offset = 64, .fd = -1 };
	const struct blob before = { .kind = BLOB_FD, .size = 10, .offset = 63, .fd = -1 };
	const struct {
		struct layer_entry e;
		const char *message;
	} cases[] = {
		{ { .e = { .path = "../x", .mode = S_IFREG } }, DAMAGED ": path contains '..'" },
		{ { .e = { .path = "/x", .mode = S_IFREG } }, DAMAGED ": absolute path" },
		{ { .e = { .path = long_name, .mode = S_IFREG } },
		  DAMAGED ": name is longer than 255 bytes" },
		{ { .e = { .path = long_path, .mode = S_IFREG } }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFREG, .hardlink = "a/../../x" } },
		  DAMAGED ": path contains '..'" },
		{ { .e = { .path = "x", .mode = S_IFREG, .symlink = "y" } }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFLNK } }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFDIR, .hardlink = "y" } }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFREG, .mtime_nsec = 1000000000 } }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFREG }, .content = beyond }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFREG }, .content = before }, DAMAGED },
		{ { .e = { .path = "x", .mode = S_IFDIR }, .content = before }, DAMAGED },
	};
	const struct layer_entry good = { .e = { .path = "x", .mode = S_IFREG },
					  .content = beyond };
	struct error err = ERROR_INIT;

	memset(long_name, 'n', sizeof(long_name) - 1);
	for (size_t i = 0; i + 1 < sizeof(long_path); i++)
		long_path[i] = i % 2 ? '/' : 'd';
	assert_int_equal(parse_one(&good, 164, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		error_clear(&err);
		if (parse_one(&cases[i].e, 163, &err) != -EBADMSG ||
		    strcmp(err.msg, cases[i].message) != 0)
			fail_msg("case %zu: '%s'", i, err.msg);
	}
}

static void touch(const char *dir, const char *path, int64_t age)
{
	free(tool_ok(
		"cd '%s/unpacked/x86_64' && mkdir -p \"$(dirname %s)\" && head -c 1000 /dev/zero > %s && "
		"touch -d \"-%lld seconds\" %s",
		dir, path, path, (long long)age, path));
}

static void test_prune(void **state)
{
	_cleanup_unpacked_ struct unpacked u = UNPACKED_INIT;

	unpacked_open(&u, *state, "x86_64");
	touch(*state, "ba/" NAME, 300);
	touch(*state, "ca/" OTHER, 100);
	touch(*state, "da/" THIRD, 200);
	touch(*state, "da/.tmp-0011-" NAME, 100);
	touch(*state, "da/.tmp-2233-" NAME, UNPACKED_TMP_SECONDS + 100);
	touch(*state, "da/somebody-elses", 1000);
	unpacked_prune(&u, 3000);
	assert_true(unpacked_has(&u, NAME) && unpacked_has(&u, OTHER) && unpacked_has(&u, THIRD));
	unpacked_prune(&u, 2999);
	assert_false(unpacked_has(&u, NAME));
	unpacked_prune(&u, 1000);
	assert_true(unpacked_has(&u, OTHER));
	assert_false(unpacked_has(&u, THIRD));
	free(tool_ok("cd '%s/unpacked/x86_64/da' && test -e .tmp-0011-" NAME
		     " && test ! -e .tmp-2233-" NAME " && test -e somebody-elses",
		     (char *)*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
		cmocka_unit_test(test_reject_index),
		cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
