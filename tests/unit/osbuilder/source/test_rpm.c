/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "source/filecaps.h"
#include "source/rpm.h"
#include "support/make_rpm.h"

static void test_urls(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "http://x/a.deb\n", "cannot understand dnf's line 'http://x/a.deb'" },
		{ "a-1.rpm\n", "cannot understand dnf's line 'a-1.rpm'" },
		{ "http://x/.rpm\n", "cannot understand dnf's line 'http://x/.rpm'" },
		{ "http://x/-v.rpm\n", "cannot understand dnf's line 'http://x/-v.rpm'" },
		{ "file:///x/../\n", "cannot understand dnf's line 'file:///x/../'" },
	};
	_cleanup_strv_ struct strv names = STRV_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(rpm_parse_urls("http://x/p/b-1.rpm\n\nfile:///y/a-2.rpm\nhttp://z/b-1.rpm",
					&names, &err),
			 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "a-2.rpm");
	assert_string_equal(names.v[1], "b-1.rpm");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_strv_ struct strv none = STRV_INIT;

		assert_int_equal(rpm_parse_urls(bad[i].text, &none, &err), -EBADMSG);
		assert_string_equal(err.msg, bad[i].message);
	}
}

/* Reads a made package; the layer's contents are in *spool. */
static int read_made(const struct rpm_made *m, struct layer *l, struct layer_spool *spool,
		     struct source_package_info *info, struct error *err)
{
	_cleanup_strbuf_ struct strbuf rpm = STRBUF_INIT;

	make_rpm(&rpm, m);
	assert_int_equal(layer_spool_open(spool, err), 0);
	return rpm_read(l, spool, rpm.buf, rpm.len, "x86_64", info, err);
}

static const struct layer_entry *entry(const struct layer *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].e.path, path))
			return &l->v[i];
	fail_msg("no entry %s", path);
	return NULL;
}

static void assert_content(const struct layer_entry *d, const char *want)
{
	char buf[64] = "";

	assert_int_equal(d->content.size, strlen(want));
	assert_int_equal(blob_read(&d->content, 0, buf, d->content.size, NULL), 0);
	assert_string_equal(buf, want);
}

static const struct rpm_member all_kinds[] = {
	{ "/dev/tty9", S_IFCHR | 0620, NULL, NULL, "tty", NULL, 0, 0, NULL, 0 },
	{ "/usr/bin", S_IFDIR | 0755, NULL, NULL, NULL, NULL, 0, 0, NULL, 0 },
	{ "/usr/bin/a", S_IFREG | 0755, "linked", NULL, NULL, NULL, 0, 7, NULL, 0 },
	{ "/usr/bin/b", S_IFREG | 0755, "linked", NULL, NULL, NULL, 0, 7, NULL, 0 },
	{ "/usr/bin/empty", S_IFREG | 0644, "", NULL, NULL, NULL, 0, 0, NULL, 0 },
	{ "/usr/bin/ping", S_IFREG | 0755, "ping", NULL, NULL, "cap_net_raw=ep", 0, 0, NULL, 0 },
	{ "/usr/bin/write", S_IFREG | 02755, "w", "daemon", "tty", NULL, 0, 0, NULL, 0 },
	{ "/usr/lib/link", S_IFLNK | 0777, "../bin", NULL, NULL, NULL, 0, 0, NULL, 0 },
	{ "/var/log/ghost", S_IFREG | 0644, "x", "nobody-has-it", NULL, NULL, RPM_FLAG_GHOST, 0, "",
	  0 },
};

static void check_all_kinds(const struct layer *l)
{
	static const uint8_t caps[FILECAPS_SIZE] = { 1, 0, 0, 2, 0, 0x20 };
	const struct layer_entry *d;

	assert_int_equal(l->n, ARRAY_SIZE(all_kinds) - 1);
	d = entry(l, "dev/tty9");
	assert_true(S_ISCHR(d->e.mode) && d->e.rdev_major == 1 && d->e.rdev_minor == 3);
	assert_string_equal(d->group, "tty");
	d = entry(l, "usr/bin/a");
	assert_content(d, "linked");
	assert_int_equal(d->e.mtime_sec, 1600000000);
	assert_string_equal(entry(l, "usr/bin/b")->e.hardlink, "usr/bin/a");
	assert_content(entry(l, "usr/bin/empty"), "");
	d = entry(l, "usr/bin/ping");
	assert_int_equal(d->n_xattrs, 1);
	assert_string_equal(d->xattrs[0].name, "security.capability");
	assert_int_equal(d->xattrs[0].len, sizeof(caps));
	assert_memory_equal(d->xattrs[0].value, caps, sizeof(caps));
	d = entry(l, "usr/bin/write");
	assert_int_equal(d->e.mode, S_IFREG | 02755);
	assert_string_equal(d->user, "daemon");
	assert_string_equal(entry(l, "usr/lib/link")->e.symlink, "../bin");
}

static void test_read(void **state)
{
	static const struct rpm_made made[] = {
		{ .v = all_kinds, .n = ARRAY_SIZE(all_kinds) },
		{ .v = all_kinds, .n = ARRAY_SIZE(all_kinds), .filter = "gzip" },
		{ .v = all_kinds, .n = ARRAY_SIZE(all_kinds), .filter = "xz" },
		{ .v = all_kinds, .n = ARRAY_SIZE(all_kinds), .filter = "zstd" },
		{ .v = all_kinds, .n = ARRAY_SIZE(all_kinds), .filter = "bzip2" },
		{ .v = all_kinds, .n = ARRAY_SIZE(all_kinds), .long_sizes = true },
		{ .v = all_kinds,
		  .n = ARRAY_SIZE(all_kinds),
		  .long_sizes = true,
		  .filter = "zstd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
		_cleanup_layer_ struct layer l = { 0 };
		struct source_package_info info = { 0 };
		struct error err = ERROR_INIT;

		if (read_made(&made[i], &l, &spool, &info, &err) < 0)
			fail_msg("package %zu: %s", i, err.msg);
		check_all_kinds(&l);
		assert_string_equal(info.name, "test");
		assert_string_equal(info.version, "1.0-2");
		assert_string_equal(info.arch, "noarch");
	}
}

static void test_name(void **state)
{
	static const struct {
		struct rpm_made made;
		const char *message;
	} bad[] = {
		{ { .arch = "aarch64" }, "is for aarch64, the image is for x86_64" },
		{ { .source = true }, "is a source package" },
		{ { .name = "a b" }, "name 'a b' is unusable" },
		{ { .name = "" }, "name '' is unusable" },
		{ { .arch = "../x" }, "architecture '../x' is unusable" },
	};
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	struct source_package_info info = { 0 };
	struct error err = ERROR_INIT;

	/* an epoch, and no files at all */
	assert_int_equal(read_made(&(struct rpm_made){ .epoch = 3, .arch = "x86_64" }, &l, &spool,
				   &info, &err),
			 0);
	assert_string_equal(info.version, "3:1.0-2");
	assert_int_equal(l.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_layer_spool_ struct layer_spool s = LAYER_SPOOL_INIT;

		assert_true(read_made(&bad[i].made, &l, &s, &info, &err) < 0);
		assert_string_equal(err.msg, bad[i].message);
	}
}

static void test_reject_files(void **state)
{
	static const char long_name[] =
		"/0123456789012345678901234567890123456789012345678901234567890123456789"
		"012345678901234567890123456789012345678901234567890123456789012345678901"
		"234567890123456789012345678901234567890123456789012345678901234567890123"
		"45678901234567890123456789012345678901234567890123456789";
	static const struct {
		struct rpm_member v[2];
		const char *message;
	} bad[] = {
		{ { { .path = "/../out", .mode = S_IFREG | 0644, .text = "x" } },
		  "entry '/../out': path contains '..'" },
		{ { { .path = "/usr/../../out", .mode = S_IFREG | 0644, .text = "x" } },
		  "entry '/usr/../../out': path contains '..'" },
		{ { { .path = "usr/x", .mode = S_IFREG | 0644, .text = "x" } },
		  "directory 'usr/' is not absolute" },
		{ { { .path = long_name, .mode = S_IFREG | 0644, .text = "x" } },
		  "name is longer than 255 bytes" },
		{ { { .path = "/a", .mode = S_IFREG | 0644, .text = "x" },
		    { .path = "/a", .mode = S_IFREG | 0644, .text = "y" } },
		  "entry '/a' is there twice" },
		{ { { .path = "/a", .mode = S_IFREG | 0644, .text = "x" },
		    { .path = "/b", .mode = S_IFREG | 0644, .text = "y", .name = "./a" } },
		  "entry '/a' is there twice" },
		{ { { .path = "/usr/a", .mode = S_IFREG | 0644, .text = "x" },
		    { .path = "/usr/.//a", .mode = S_IFREG | 0644, .text = "y" } },
		  "a' is there twice" },
		{ { { .path = "/a", .mode = S_IFREG | 0644, .text = "x", .name = "./../../out" } },
		  "entry './../../out': the header has no such file" },
		{ { { .path = "/a", .mode = S_IFREG | 0644, .text = "x", .name = "" } },
		  "entry '/a': is not in the payload" },
		{ { { .path = "/a", .mode = S_IFREG | 0644, .text = "x", .size_added = 1 } },
		  "entry '/a': has 1 bytes, the header says 2" },
		{ { { .path = "/a", .mode = S_IFDIR | 0755, .text = "x" } },
		  NULL }, /* some versions of rpm write what fstat says: taken, and thrown away */
		{ { { .path = "/a", .mode = S_IFREG | 0755, .text = "x", .caps = "cap_fly=ep" } },
		  "entry '/a': capabilities 'cap_fly=ep' are not known" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
		const struct rpm_made made = { .v = bad[i].v, .n = bad[i].v[1].path ? 2 : 1 };
		_cleanup_layer_ struct layer l = { 0 };
		struct source_package_info info = { 0 };
		struct error err = ERROR_INIT;
		int r = read_made(&made, &l, &spool, &info, &err);

		if (!bad[i].message)
			assert_int_equal(r, 0);
		else if (r >= 0 || !strstr(err.msg, bad[i].message))
			fail_msg("case %zu: %d '%s'", i, r, err.msg);
	}
}

/* A file that the package puts through a link of its own ends in the tree, or nowhere. */
static void test_through_link(void **state)
{
	static const struct {
		struct rpm_member v[2];
		const char *message; /* NULL: is at etc/f */
	} cases[] = {
		{ { { .path = "/out", .mode = S_IFLNK | 0777, .text = "/nowhere" },
		    { .path = "/out/f", .mode = S_IFREG | 0644, .text = "x" } },
		  "entry 'out/f': path goes through a dangling symbolic link" },
		{ { { .path = "/out", .mode = S_IFLNK | 0777, .text = "../../../../nowhere" },
		    { .path = "/out/f", .mode = S_IFREG | 0644, .text = "x" } },
		  "entry 'out/f': path goes through a dangling symbolic link" },
		{ { { .path = "/loop", .mode = S_IFLNK | 0777, .text = "loop" },
		    { .path = "/loop/f", .mode = S_IFREG | 0644, .text = "x" } },
		  "entry 'loop/f': path goes through a dangling symbolic link" },
		{ { { .path = "/up", .mode = S_IFLNK | 0777, .text = "../../../etc" },
		    { .path = "/up/f", .mode = S_IFREG | 0644, .text = "x" } },
		  NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
		const struct rpm_made made = { .v = cases[i].v, .n = 2 };
		_cleanup_tree_ struct tree *t = tree_new();
		_cleanup_layer_ struct layer l = { 0 };
		struct source_package_info info = { 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(tree_add_dir(t, "etc", 0755, &err), 0);
		if (read_made(&made, &l, &spool, &info, &err) < 0)
			fail_msg("case %zu: %s", i, err.msg);
		if (!cases[i].message) {
			assert_int_equal(layer_apply(&l, t, 0, &err), 0);
			assert_non_null(tree_lookup(t, "etc/f"));
			continue;
		}
		assert_true(layer_apply(&l, t, 0, &err) < 0);
		assert_string_equal(err.msg, cases[i].message);
	}
}

/* Every cut and every changed byte of the headers is refused or read, never more than that. */
static void test_damaged(void **state)
{
	static const struct rpm_made made = { .v = all_kinds, .n = ARRAY_SIZE(all_kinds) };
	_cleanup_strbuf_ struct strbuf rpm = STRBUF_INIT;
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	struct source_package_info info = { 0 };
	struct error err = ERROR_INIT;

	make_rpm(&rpm, &made);
	assert_int_equal(layer_spool_open(&spool, &err), 0);
	for (size_t len = 0; len < rpm.len - 160; len += 7) { /* the trailer's end is padding */
		_cleanup_layer_ struct layer l = { 0 };
		_cleanup_free_ char *copy = malloc(len ? len : 1);

		memcpy(copy, rpm.buf, len);
		error_clear(&err);
		assert_true(rpm_read(&l, &spool, copy, len, NULL, &info, &err) < 0);
		assert_true(err.msg[0]);
	}
	for (size_t at = 0; at < rpm.len; at += 3) {
		_cleanup_layer_ struct layer l = { 0 };

		rpm.buf[at] ^= (char)(1 << at % 8);
		rpm_read(&l, &spool, rpm.buf, rpm.len, NULL, &info, &err);
		rpm.buf[at] ^= (char)(1 << at % 8);
	}
}

static void test_bomb(void **state)
{
	static const struct la_limits limits = { 1000, 2 };
	static const struct rpm_member v[] = {
		{ .path = "/a", .mode = S_IFREG | 0644, .text = "x" }
	};
	static const struct rpm_made made = { .v = v, .n = 1 };
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	_cleanup_(rpm_files_release) struct rpm_files files = { 0 };
	_cleanup_strbuf_ struct strbuf rpm = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct rpm_header h;
	char zeros[4096] = { 0 };
	size_t payload = 0;

	make_rpm(&rpm, &made);
	assert_int_equal(rpm_header_open(rpm.buf, rpm.len, &h, &payload, &err), 0);
	assert_int_equal(rpm_header_files(&h, &files, &err), 0);
	assert_int_equal(layer_spool_open(&spool, &err), 0);
	memcpy(zeros, "07070X00000000\0", 16);
	files.v[0].size = 4000;
	assert_int_equal(rpm_payload_read(zeros, sizeof(zeros), &limits, &files, &spool, &err),
			 -EFBIG);
	assert_string_equal(err.msg, "entry '/a': unpacks to more than 1000 bytes");
}

static void test_caps(void **state)
{
	static const struct {
		const char *text;
		uint8_t want[FILECAPS_SIZE];
	} good[] = {
		{ "cap_net_raw=ep", { 1, 0, 0, 2, 0, 0x20 } },
		{ "= cap_net_raw+ep", { 1, 0, 0, 2, 0, 0x20 } },
		{ "cap_net_admin,cap_net_raw=p", { 0, 0, 0, 2, 0, 0x30 } },
		{ "cap_chown=p cap_bpf=p", { 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0x80 } },
		{ "cap_setuid=eip cap_setuid-p", { 1, 0, 0, 2, 0, 0, 0, 0, 0x80 } },
		{ "=", { 0, 0, 0, 2 } },
		{ "", { 0, 0, 0, 2 } },
		{ "=ep", { 1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 1 } },
		{ "all=ep", { 1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 1 } },
	};
	static const char *const bad[] = { "cap_",	     "cap_net_raw",
					   "cap_net_raw=x",  "net_raw=ep",
					   "cap_chown,",     "cap_chown=e cap_kill=p",
					   "cap_net_rawx=p", "+ep",
					   "cap_chown=p," };
	uint8_t out[FILECAPS_SIZE];
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (filecaps_parse(good[i].text, out, &err) < 0)
			fail_msg("%s", err.msg);
		if (memcmp(out, good[i].want, sizeof(out)) != 0)
			fail_msg("wrong: %s", good[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (filecaps_parse(bad[i], out, &err) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),	     cmocka_unit_test(test_read),
		cmocka_unit_test(test_name),	     cmocka_unit_test(test_reject_files),
		cmocka_unit_test(test_through_link), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_bomb),	     cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
