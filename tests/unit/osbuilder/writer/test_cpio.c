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

/* The kernel makes no hard link of a symbolic link: each name is a link of its own, with its target. */
static void symlinks_are_complete(void **state)
{
	const struct tree_attr attr = { .mode = S_IFLNK | 0777, .target = "to" };
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_strbuf_ struct strbuf a = STRBUF_INIT;
	struct entry e, h;
	char path[200];

	assert_int_equal(tree_add(t, "a", &attr, 0, NULL, NULL), 0);
	assert_int_equal(tree_link(t, "d/b", "a", TREE_ADD_PARENTS, NULL, NULL), 0);
	snprintf(path, sizeof(path), "%s/a.cpio", dir);
	torture_write(&writer_cpio, t, &params, path);
	load(path, &a);
	assert_true(find(&a, "a", &e, NULL));
	assert_true(find(&a, "d/b", &h, NULL));
	assert_int_equal(e.f[4], 1);
	assert_int_equal(h.f[4], 1);
	assert_int_not_equal(e.f[0], h.f[0]);
	assert_int_equal(e.f[6], 2);
	assert_int_equal(h.f[6], 2);
	assert_memory_equal(e.data, "to", 2);
	assert_memory_equal(h.data, "to", 2);
	tool_rmdir(dir);
}

static void cpio_extracts_it(void **state)
{
	char *dir, *out;
	_cleanup_tree_ struct tree *t = torture_tree(0);

	if (!tool_have("cpio")) {
		skip_because("cpio is not installed");
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
	p.compression = WRITER_GZIP;
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
	p.compression = WRITER_GZIP;
	p.level = 1;
	snprintf(path, sizeof(path), "%s/a.gz", dir);
	torture_write(&writer_cpio, t, &p, path);
	gunzip_all(path, &a);
	for (int i = 0; i < 12; i++) {
		snprintf(path, sizeof(path), "d/%02d", i);
		assert_true(find(&a, path, &e, &archives));
		assert_int_equal(e.data[0], 'a' + i);
		assert_int_equal(e.f[6], 3 << 20);
	}
	assert_in_range(archives, 5, 18);
	tool_rmdir(dir);
}

/* Members of a file: where each ends. */
static size_t members_of(const char *path, struct strbuf *gz, size_t ends[64])
{
	size_t n = 0, at = 0;

	strbuf_reset(gz);
	load(path, gz);
	for (; at < gz->len; n++) {
		z_stream z = { .next_in = (Bytef *)gz->buf + at, .avail_in = (uInt)(gz->len - at) };
		char out[65536];
		int r;

		assert_true(n < 64);
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		do {
			z.next_out = (Bytef *)out;
			z.avail_out = sizeof(out);
			r = inflate(&z, Z_NO_FLUSH);
			assert_true(r == Z_OK || r == Z_STREAM_END);
		} while (r != Z_STREAM_END);
		at = gz->len - z.avail_in;
		ends[n] = at;
		inflateEnd(&z);
	}
	return n;
}

/* How many members of b are not in a. */
static size_t new_members(const char *a, const char *b)
{
	_cleanup_strbuf_ struct strbuf x = STRBUF_INIT, y = STRBUF_INIT;
	size_t xe[64], ye[64], nx = members_of(a, &x, xe), ny = members_of(b, &y, ye), fresh = 0;

	assert_true(nx > 10 && ny > 10);
	for (size_t i = 0; i < ny; i++) {
		size_t from = i ? ye[i - 1] : 0, len = ye[i] - from;
		bool found = false;

		for (size_t k = 0; k < nx && !found; k++) {
			size_t f = k ? xe[k - 1] : 0;

			found = xe[k] - f == len && memcmp(x.buf + f, y.buf + from, len) == 0;
		}
		fresh += !found;
	}
	return fresh;
}

#define NOISE (128u << 10)

static void put_noise(struct tree *t, const char *path, uint32_t seed)
{
	_cleanup_free_ uint8_t *b = malloc(NOISE);

	for (size_t i = 0; i < NOISE; i++) {
		seed = seed * 1103515245 + 12345;
		b[i] = (uint8_t)(seed >> 24 & 0x3f);
	}
	assert_int_equal(tree_add_file(t, path, 0644, b, NOISE, NULL), 0);
}

/* A change stays in its member. */
static void cut_by_content(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_tree_ struct tree *t = tree_new();
	struct writer_params p = { .epoch = TORTURE_EPOCH, .compression = WRITER_GZIP, .level = 1 };
	char path[64], a[200], b[200];

	snprintf(a, sizeof(a), "%s/a.gz", dir);
	snprintf(b, sizeof(b), "%s/b.gz", dir);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "d%u/f%u", i / 20, i);
		put_noise(t, path, i);
	}
	torture_write(&writer_cpio, t, &p, a);
	put_noise(t, "d1/f25", 1000);
	torture_write(&writer_cpio, t, &p, b);
	assert_int_equal(new_members(a, b), 1);
	/* a new file, a new directory in front of all, one gone: its member, or the two that it cuts */
	put_noise(t, "d1/f25", 25);
	put_noise(t, "d3/new", 2000);
	torture_write(&writer_cpio, t, &p, b);
	assert_in_range(new_members(a, b), 1, 2);
	tree_remove(t, tree_lookup(t, "d3/new"));
	put_noise(t, "a/first", 3000);
	torture_write(&writer_cpio, t, &p, b);
	assert_in_range(new_members(a, b), 1, 2);
	tree_remove(t, tree_lookup(t, "a"));
	tree_remove(t, tree_lookup(t, "d2/f44"));
	torture_write(&writer_cpio, t, &p, b);
	assert_in_range(new_members(a, b), 1, 2);
	tool_rmdir(dir);
}

static size_t common(const char *a, const char *b, struct strbuf *y)
{
	_cleanup_strbuf_ struct strbuf x = STRBUF_INIT;
	size_t i = 0;

	strbuf_reset(y);
	load(a, &x);
	load(b, y);
	while (i < x.len && i < y->len && x.buf[i] == y->buf[i])
		i++;
	return i;
}

static void put_agent(struct tree *t, uint32_t seed)
{
	put_noise(t, "bin/agent", seed);
	assert_int_equal(tree_link(t, "zz/hard", "bin/agent", 0, NULL, NULL), 0);
}

/* What is to come last does, by itself: another agent changes nothing before it. */
static void late_parts(void **state)
{
	static const char *const late[] = { "/lib/modules", "/nothing", "/bin/agent", NULL };
	char *dir = tool_tmpdir(), path[64], a[200], b[200];
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_strbuf_ struct strbuf gz = STRBUF_INIT, raw = STRBUF_INIT;
	struct writer_params p = { .epoch = TORTURE_EPOCH, .late = late };
	unsigned archives;
	struct entry agent, other, module;
	size_t same, end[64];

	snprintf(a, sizeof(a), "%s/a.gz", dir);
	snprintf(b, sizeof(b), "%s/b.gz", dir);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "usr/lib/%s/f%u", i % 2 ? "modules/6.1" : "x", i);
		put_noise(t, path, i);
	}
	assert_int_equal(tree_add_symlink(t, "lib", "usr/lib", NULL), 0);
	put_noise(t, "zz/data", 100);
	for (unsigned kind = WRITER_PLAIN; kind <= WRITER_ZSTD; kind++) {
		p.compression = (enum writer_compression)kind;
		put_agent(t, 100);
		torture_write(&writer_cpio, t, &p, a);
		put_agent(t, 200);
		torture_write(&writer_cpio, t, &p, b);
		same = common(a, b, &gz);
		if (kind == WRITER_GZIP) {
			size_t n = members_of(b, &gz, end);

			assert_true(n >= 3);
			assert_true(same >= end[n - 2]);
		} else {
			assert_true(gz.len - same < 2 * NOISE);
		}
	}
	p.compression = WRITER_GZIP;
	torture_write(&writer_cpio, t, &p, b);
	gunzip_all(b, &raw);
	assert_true(find(&raw, "bin/agent", &agent, &archives));
	assert_true(archives >= 3);
	assert_true(find(&raw, "zz/data", &other, NULL));
	assert_true(find(&raw, "usr/lib/modules/6.1/f1", &module, NULL));
	assert_true(other.name < module.name && module.name < agent.name);
	assert_true(find(&raw, "zz/hard", &other, NULL));
	assert_true(other.name > agent.name);
	assert_int_equal(other.f[0], agent.f[0]);
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

		p.compression = level ? WRITER_GZIP : WRITER_PLAIN;
		p.level = level;
		torture_write(&writer_cpio, a, &p, pa);
		torture_write(&writer_cpio, b, &p, pb);
		free(tool_ok("cmp %s %s", pa, pb));
	}
	tool_rmdir(dir);
}

static void on_stage(void *data, enum progress_event e, const struct progress_state *s)
{
}

static void on_warn(void *data, const char *line)
{
	assert_int_equal(strbuf_addf(data, "%s\n", line), 0);
}

#define LOSES "cpio newc cannot store extended attributes: "
#define DROPPED                                                                                 \
	LOSES "/bin/wall loses security.capability\n" LOSES                                     \
	      "/data/1 loses security.odd, trusted.t, user.big, user.empty, user.small\n" LOSES \
	      "/links/abs loses trusted.onlink\n" LOSES "/many loses user.dir\n" LOSES          \
	      "/tmp loses system.posix_acl_access, system.posix_acl_default\n"

static void refusals(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	struct writer_params p = params;
	struct tree_attr attr = { .mode = S_IFREG | 0644 };
	struct blob b = BLOB_INIT;
	char path[64], *dir = tool_tmpdir();
	_cleanup_strbuf_ struct strbuf lines = STRBUF_INIT;
	const struct progress_ops ops = { on_stage, on_warn, NULL };
	struct progress progress;
	int fd = -1;

	torture_refused(&writer_cpio, t, &p, -ENOTSUP,
			"/bin/wall: cpio newc cannot store its extended attribute "
			"\"security.capability\"");
	progress_init(&progress, &ops, &lines, 0);
	p.drop_xattrs = true;
	p.progress = &progress;
	snprintf(path, sizeof(path), "%s/a", dir);
	torture_write(&writer_cpio, t, &p, path);
	progress_release(&progress);
	p.progress = NULL;
	assert_string_equal(lines.buf, DROPPED);
	p.compression = WRITER_ZSTD;
	p.level = 20;
	torture_refused(&writer_cpio, t, &p, -EINVAL, "zstd level 20 is not between 1 and 19");
	p.compression = WRITER_GZIP;
	p.level = 13;
	torture_refused(&writer_cpio, t, &p, -EINVAL, "gzip level 13 is not between 1 and 12");
	p.compression = WRITER_PLAIN;
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
		cmocka_unit_test(fields_are_right), cmocka_unit_test(symlinks_are_complete),
		cmocka_unit_test(cpio_extracts_it), cmocka_unit_test(gzip_members),
		cmocka_unit_test(many_members),	    cmocka_unit_test(same_bytes_twice),
		cmocka_unit_test(cut_by_content),   cmocka_unit_test(late_parts),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
