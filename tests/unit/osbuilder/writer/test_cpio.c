/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"

static struct writer_params params = { .epoch = TORTURE_EPOCH };

/* One entry of an archive; the parser below knows nothing of the writer. */
struct entry {
	uint32_t f[13]; /* ino mode uid gid nlink mtime size dmaj dmin rmaj rmin namesize check */
	const char *name;
	const char *data;
};

static size_t next_entry(const struct strbuf *a, size_t at, struct entry *e)
{
	assert_true(at + 110 <= a->len);
	assert_memory_equal(a->buf + at, "070701", 6);
	for (int i = 0; i < 13; i++) {
		char hex[9] = { 0 };

		memcpy(hex, a->buf + at + 6 + i * 8, 8);
		e->f[i] = (uint32_t)strtoul(hex, NULL, 16);
	}
	e->name = a->buf + at + 110;
	assert_int_equal(strlen(e->name) + 1, e->f[11]);
	at = (at + 110 + e->f[11] + 3) & ~(size_t)3;
	e->data = a->buf + at;
	at = (at + e->f[6] + 3) & ~(size_t)3;
	assert_true(at <= a->len);
	return at;
}

/* Finds an entry in a row of archives (zero padding between). The last of that name. */
static bool find(const struct strbuf *a, const char *name, struct entry *ret,
		 unsigned *ret_archives)
{
	unsigned archives = 0;
	bool found = false;
	size_t at = 0;

	while (at < a->len) {
		struct entry e;

		if (!a->buf[at]) {
			at++;
			continue;
		}
		at = next_entry(a, at, &e);
		archives += str_eq(e.name, "TRAILER!!!");
		if (str_eq(e.name, name)) {
			*ret = e;
			found = true;
		}
	}
	if (ret_archives)
		*ret_archives = archives;
	return found;
}

static void load(const char *path, struct strbuf *out)
{
	struct error err = ERROR_INIT;

	if (file_read(AT_FDCWD, path, 256 << 20, out, &err) < 0)
		fail_msg("%s", err.msg);
}

static void gunzip_all(const char *path, struct strbuf *out)
{
	gzFile f = gzopen(path, "rb");
	char *buf = malloc(1 << 20);
	int n;

	assert_non_null(f);
	while ((n = gzread(f, buf, 1 << 20)) > 0)
		assert_int_equal(strbuf_add(out, buf, (size_t)n), 0);
	assert_int_equal(n, 0);
	gzclose(f);
	free(buf);
}

static void fields_are_right(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *t = torture_tree(0);
	_cleanup_strbuf_ struct strbuf a = STRBUF_INIT;
	unsigned archives;
	struct entry e, h;
	char path[200];

	snprintf(path, sizeof(path), "%s/a.cpio", dir);
	torture_write(&writer_cpio, t, &params, path);
	load(path, &a);
	assert_int_equal(a.len % 512, 0);
	assert_true(find(&a, ".", &e, &archives));
	assert_int_equal(archives, 1);
	assert_int_equal(e.f[1], S_IFDIR | 0755);
	assert_true(find(&a, "owned", &e, NULL));
	assert_int_equal(e.f[1], S_IFREG | 0400);
	assert_int_equal(e.f[2], 4000000000u);
	assert_int_equal(e.f[3], 65536);
	assert_true(find(&a, "bin/wall", &e, NULL));
	assert_int_equal(e.f[5], TORTURE_EPOCH); /* clamped */
	assert_true(find(&a, "bin/su", &e, NULL));
	assert_int_equal(e.f[5], 1600000001);
	assert_int_equal(e.f[1], S_IFREG | 04755);
	assert_true(find(&a, "dev/big", &e, NULL));
	assert_int_equal(e.f[9], 511);
	assert_int_equal(e.f[10], 0x54321);
	assert_true(find(&a, "links/abs", &e, NULL));
	assert_int_equal(e.f[6], 7);
	assert_memory_equal(e.data, "/bin/su", 7);
	/* Hard links: one number, content with the last only. */
	assert_true(find(&a, "zz/last", &e, NULL));
	assert_int_equal(e.f[6], 4097);
	assert_int_equal(e.f[4], 3);
	assert_true(find(&a, "data/4097", &h, NULL));
	assert_int_equal(h.f[6], 0);
	assert_int_equal(h.f[0], e.f[0]);
	assert_true(h.name < e.name);
	assert_true(find(&a, "bin/hard1", &h, NULL));
	assert_int_equal(h.f[0], e.f[0]);
	assert_true(find(&a, "zz", &h, NULL));
	assert_true(h.name < e.name);
	tool_rmdir(dir);
}

static void cpio_extracts_it(void **state)
{
	char *dir, *out;
	_cleanup_tree_ struct tree *t = torture_tree(0);

	if (!tool_have("cpio")) {
		print_message("skipped: cpio is not installed\n");
		skip();
	}
	dir = tool_tmpdir();
	/* Devices need privilege. */
	tree_remove(t, tree_lookup(t, "dev"));
	out = str_printf("%s/a.cpio", dir);
	torture_write(&writer_cpio, t, &params, out);
	free(out);
	free(tool_ok("mkdir %s/x; cd %s/x && cpio -idm --no-preserve-owner --quiet < ../a.cpio",
		     dir, dir));
	free(tool_ok("cmp %s/x/data/4097 %s/x/zz/last", dir, dir));
	out = tool_ok("stat -c '%%h %%s' %s/x/zz/last", dir);
	assert_string_equal(out, "3 4097\n");
	free(out);
	assert_int_equal(tool_number("ls %s/x/many | wc -l", dir), TORTURE_ENTRIES);
	tool_rmdir(dir);
}

/* Compressed: the same entries, cut into archives that are complete by themselves. */
static void gzip_members(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *t = torture_tree(0);
	_cleanup_strbuf_ struct strbuf a = STRBUF_INIT, gz = STRBUF_INIT;
	struct writer_params p = params;
	const struct blob *sparse = &tree_lookup(t, "data/sparse")->inode->content;
	char path[200], *want = malloc(sparse->size);
	unsigned archives;
	struct entry e;

	snprintf(path, sizeof(path), "%s/a.gz", dir);
	p.gzip_level = 6;
	torture_write(&writer_cpio, t, &p, path);
	load(path, &gz);
	/* RFC 1952: magic, deflate, no flags, time 0. */
	assert_memory_equal(gz.buf, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);
	gunzip_all(path, &a);
	assert_true(find(&a, "data/sparse", &e, &archives));
	/* Before the 40 MiB file, the file, after it. */
	assert_int_equal(archives, 3);
	assert_int_equal(e.f[6], sparse->size);
	assert_int_equal(blob_read(sparse, 0, want, sparse->size, NULL), 0);
	assert_memory_equal(e.data, want, sparse->size);
	assert_true(find(&a, "many/entry-with-a-name-1999", &e, NULL));
	assert_true(find(&a, "zz/last", &e, NULL));
	free(want);
	tool_rmdir(dir);
}

/* Contents that sum up to more than one member of small files. */
static void many_members(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_strbuf_ struct strbuf a = STRBUF_INIT;
	struct writer_params p = params;
	_cleanup_free_ char *data = malloc(3 << 20);
	char path[200];
	unsigned archives;
	struct entry e;

	memset(data, 'd', 3 << 20);
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "d/%02d", i);
		data[0] = (char)('a' + i);
		assert_int_equal(tree_add_file(t, path, 0644, data, 3 << 20, NULL), 0);
	}
	p.gzip_level = 1;
	snprintf(path, sizeof(path), "%s/a.gz", dir);
	torture_write(&writer_cpio, t, &p, path);
	gunzip_all(path, &a);
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "d/%02d", i);
		assert_true(find(&a, path, &e, &archives));
		assert_int_equal(e.data[0], 'a' + i);
		assert_int_equal(e.f[6], 3 << 20);
	}
	assert_int_equal(archives, 6);
	tool_rmdir(dir);
}

static void same_bytes_twice(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *a = torture_tree(0), *b = torture_tree(0);
	char pa[200], pb[200];

	snprintf(pa, sizeof(pa), "%s/a", dir);
	snprintf(pb, sizeof(pb), "%s/b", dir);
	for (int level = 0; level <= 6; level += 6) {
		struct writer_params p = params;

		p.gzip_level = level;
		torture_write(&writer_cpio, a, &p, pa);
		torture_write(&writer_cpio, b, &p, pb);
		free(tool_ok("cmp %s %s", pa, pb));
	}
	tool_rmdir(dir);
}

static void refusals(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	struct writer_params p = params;
	struct tree_attr attr = { .mode = S_IFREG | 0644 };
	struct blob b = BLOB_INIT;
	char path[64], *dir = tool_tmpdir();
	int fd = -1;

	torture_refused(&writer_cpio, t, &p, -ENOTSUP,
			"/bin/wall: cpio newc cannot store its extended attribute "
			"\"security.capability\"");
	p.drop_xattrs = true;
	snprintf(path, sizeof(path), "%s/a", dir);
	torture_write(&writer_cpio, t, &p, path);
	p.gzip_level = 13;
	torture_refused(&writer_cpio, t, &p, -EINVAL, "gzip level 13 is not between 1 and 12");
	p.gzip_level = 0;
	assert_int_equal(fd_memfd("large", &fd), 0);
	assert_int_equal(ftruncate(fd, INT64_C(1) << 32), 0);
	blob_from_fd(&b, fd, 0, UINT64_C(1) << 32);
	attr.content = &b;
	assert_int_equal(tree_add(t, "large", &attr, 0, NULL, NULL), 0);
	torture_refused(&writer_cpio, t, &p, -EFBIG,
			"/large: 4294967296 bytes are too many for cpio newc");
	fd_close(fd);
	tool_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_right), cmocka_unit_test(cpio_extracts_it),
		cmocka_unit_test(gzip_members),	    cmocka_unit_test(many_members),
		cmocka_unit_test(same_bytes_twice), cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
