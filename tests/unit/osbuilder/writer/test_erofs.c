/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"
#include "writer/crc32c.h"
#include "writer/le.h"

static const struct writer_params params = { .epoch = TORTURE_EPOCH, .label = "torture" };

/*
 * A reader of its own, after fs/erofs/{namei,inode,data,xattr}.c: looks a name up by the kernel's rules and reads contents,
 * so that a wrong order or place shows without a kernel.
 */
struct img {
	struct strbuf b;
};

static const uint8_t *at(const struct img *im, uint64_t off, size_t n)
{
	assert_true(off + n <= im->b.len);
	return (const uint8_t *)im->b.buf + off;
}

static const uint8_t *inode(const struct img *im, uint64_t nid)
{
	const uint8_t *i = at(im, nid * 32, 64);

	assert_int_equal(i[0] & 1, 1);
	assert_true(nid * 32 % 4096 + 64 <= 4096);
	return i;
}

static uint32_t xattr_size(const uint8_t *i)
{
	return le_get16(i + 2) ? 12 + 4 * (le_get16(i + 2) - 1u) : 0;
}

/* The file's bytes, malloc'd. */
static uint8_t *read_data(const struct img *im, uint64_t nid, uint64_t *ret_size)
{
	const uint8_t *i = inode(im, nid);
	uint64_t size = le_get64(i + 8), end = nid * 32 + 64 + xattr_size(i);
	unsigned layout = le_get16(i) >> 1 & 7;
	uint8_t *out = calloc(1, size + 1);

	for (uint64_t off = 0; off < size; off += 4096) {
		uint64_t n = size - off < 4096 ? size - off : 4096, from;

		if (layout == 4) {
			uint32_t unit = le_get16(i + 16) & 31;
			uint64_t per = UINT64_C(4096) << unit;
			uint32_t blk = le_get32(at(im, end + off / per * 4, 4));

			if (blk == UINT32_MAX)
				continue;
			from = (uint64_t)blk * 4096 + off % per;
		} else if (layout == 2 && size - off < 4096) {
			from = end;
			assert_true(from % 4096 + n <= 4096);
		} else {
			from = (uint64_t)le_get32(i + 16) * 4096 + off;
		}
		memcpy(out + off, at(im, from, n), n);
	}
	*ret_size = size;
	return out;
}

static int name_cmp(const char *want, const uint8_t *name, size_t len)
{
	size_t n = strlen(want);
	int r = memcmp(want, name, n < len ? n : len);

	return r ? r : n < len ? -1 : n > len;
}

/* Binary search over a block's entries, and over the first names of blocks: the order must hold throughout. */
static uint64_t lookup_in(const struct img *im, uint64_t dir, const char *name)
{
	uint64_t size, found = 0;
	uint8_t *d = read_data(im, dir, &size);
	const char *prev = NULL;
	size_t prev_len = 0;

	assert_int_equal(le_get16(inode(im, dir) + 4) & S_IFMT, S_IFDIR);
	for (uint64_t off = 0; off < size; off += 4096) {
		uint8_t *b = d + off;
		size_t space = size - off < 4096 ? (size_t)(size - off) : 4096;
		unsigned n = le_get16(b + 8) / 12;

		for (unsigned k = 0; k < n; k++) {
			size_t from = le_get16(b + k * 12 + 8);
			size_t to = k + 1 < n ? le_get16(b + k * 12 + 20)
					      : from + strnlen((char *)b + from, space - from);

			assert_true(from < to && to <= space);
			if (prev) {
				int r = memcmp(prev, b + from,
					       prev_len < to - from ? prev_len : to - from);

				assert_true(r < 0 || (r == 0 && prev_len < to - from));
			}
			prev = (char *)b + from;
			prev_len = to - from;
			if (name_cmp(name, b + from, to - from) == 0)
				found = le_get64(b + k * 12);
		}
	}
	free(d);
	return found;
}

static uint64_t lookup(const struct img *im, const char *path)
{
	uint64_t nid = le_get16(at(im, 1024 + 14, 2));
	char *copy = strdup(path), *save = NULL;

	for (char *c = strtok_r(copy, "/", &save); c; c = strtok_r(NULL, "/", &save)) {
		nid = lookup_in(im, nid, c);
		assert_true(nid != 0);
	}
	free(copy);
	return nid;
}

static void make(struct img *im, struct tree *t, const struct writer_params *p)
{
	char *dir = tool_tmpdir(), path[200];
	struct error err = ERROR_INIT;

	snprintf(path, sizeof(path), "%s/a.erofs", dir);
	torture_write(&writer_erofs, t, p, path);
	strbuf_init(&im->b);
	if (file_read(AT_FDCWD, path, 1 << 30, &im->b, &err) < 0)
		fail_msg("%s", err.msg);
	tool_rmdir(dir);
}

static void superblock(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(0);
	uint8_t block[3072];
	struct img im;
	uint32_t csum;

	make(&im, t, &params);
	memcpy(block, at(&im, 1024, sizeof(block)), sizeof(block));
	assert_int_equal(le_get32(block), 0xe0f5e1e2);
	csum = le_get32(block + 4);
	le_put32(block + 4, 0);
	assert_int_equal(csum, crc32c(UINT32_MAX, block, sizeof(block)));
	assert_int_equal(block[12], 12);
	assert_int_equal(le_get64(block + 24), TORTURE_EPOCH);
	assert_int_equal((uint64_t)le_get32(block + 36) * 4096, im.b.len);
	assert_string_equal((char *)block + 64, "torture");
	assert_int_equal(le_get32(block + 80), 4); /* chunked files */
	strbuf_release(&im.b);
}

static int check_node(struct tree_node *n, void *data)
{
	const struct img *im = data;
	const struct tree_inode *in = n->inode;
	char path[TREE_PATH_BUF];
	uint64_t nid = lookup(im, tree_path(n, path)), size;
	const uint8_t *i = inode(im, nid);
	uint8_t *have, *want;

	assert_int_equal(le_get16(i + 4), in->mode);
	assert_int_equal(le_get32(i + 24), in->uid);
	assert_int_equal(le_get32(i + 28), in->gid);
	assert_int_equal(le_get64(i + 32),
			 in->mtime_sec > TORTURE_EPOCH ? TORTURE_EPOCH : in->mtime_sec);
	if (!S_ISDIR(in->mode))
		assert_int_equal(le_get32(i + 44), in->nlink);
	if (S_ISCHR(in->mode) || S_ISBLK(in->mode))
		assert_int_equal(le_get32(i + 16), (in->rdev_minor & 0xff) | in->rdev_major << 8 |
							   (in->rdev_minor & ~0xffu) << 12);
	if (S_ISLNK(in->mode)) {
		have = read_data(im, nid, &size);
		assert_string_equal((char *)have, in->target);
		free(have);
	}
	if (S_ISREG(in->mode) && in->content.size) {
		have = read_data(im, nid, &size);
		assert_int_equal(size, in->content.size);
		want = malloc(size);
		assert_int_equal(blob_read(&in->content, 0, want, size, NULL), 0);
		assert_memory_equal(have, want, size);
		free(want);
		free(have);
	}
	return 0;
}

/* Every name of the tree, but the 2000 of one directory (of which some), is found and says and holds what it should. */
static void everything_reads_back(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	struct tree_node *root = tree_root(t);
	struct img im;
	uint64_t dot;

	make(&im, t, &params);
	for (size_t i = 0; i < root->n_children; i++)
		if (strcmp(root->children[i]->name, "many") != 0)
			tree_walk(root->children[i], check_node, &im);
	for (int i = 0; i < TORTURE_ENTRIES; i += 333) {
		char path[64];

		snprintf(path, sizeof(path), "many/entry-with-a-name-%04d", i);
		check_node(tree_lookup(t, path), &im);
	}
	dot = lookup(&im, "names");
	assert_int_equal(lookup(&im, "names/."), dot);
	assert_int_equal(lookup(&im, "names/.."), lookup(&im, ""));
	assert_int_equal(lookup(&im, ".."), lookup(&im, ""));
	assert_int_equal(lookup(&im, "zz/last"), lookup(&im, "bin/hard1"));
	strbuf_release(&im.b);
}

static bool has_xattr(const struct img *im, const char *path, int index, const char *name,
		      const void *v, size_t n)
{
	uint64_t nid = lookup(im, path), pos = nid * 32 + 64;
	uint32_t left = xattr_size(inode(im, nid));

	if (!left)
		return false;
	for (pos += 12, left -= 12; left;) {
		const uint8_t *e = at(im, pos, 4);
		uint32_t all = (4u + e[0] + le_get16(e + 2) + 3) & ~3u;

		if (e[1] == index && e[0] == strlen(name) && !memcmp(e + 4, name, e[0]) &&
		    le_get16(e + 2) == n && !memcmp(e + 4 + e[0], v, n))
			return true;
		pos += all;
		left -= all;
	}
	return false;
}

static void xattrs(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	const struct tree_xattr *acl = tree_lookup(t, "tmp")->inode->xattrs;
	struct img im;

	make(&im, t, &params);
	assert_true(has_xattr(&im, "data/1", 1, "small", "v", 1));
	assert_true(has_xattr(&im, "data/1", 1, "empty", "", 0));
	assert_true(has_xattr(&im, "data/1", 4, "t", "trust", 5));
	assert_true(has_xattr(&im, "data/1", 6, "odd", "\0\1\2", 3));
	assert_true(has_xattr(&im, "links/abs", 4, "onlink", "link", 4));
	assert_true(has_xattr(&im, "many", 1, "dir", "d", 1));
	assert_true(has_xattr(&im, "tmp", 2, "", acl[0].value, acl[0].len));
	assert_true(has_xattr(&im, "tmp", 3, "", acl[1].value, acl[1].len));
	assert_false(has_xattr(&im, "bin/su", 6, "capability", "", 0));
	strbuf_release(&im.b);
}

static void fsck_clean(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	_cleanup_tree_ struct tree *empty = tree_new();
	char *dir, path[200];

	if (!tool_have("fsck.erofs")) {
		skip_because("fsck.erofs is not installed");
	}
	dir = tool_tmpdir();
	snprintf(path, sizeof(path), "%s/a.erofs", dir);
	torture_write(&writer_erofs, t, &params, path);
	free(tool_ok("fsck.erofs --extract %s", path));
	torture_write(&writer_erofs, empty, &params, path);
	free(tool_ok("fsck.erofs --extract %s", path));
	tool_rmdir(dir);
}

static void same_bytes_twice(void **state)
{
	_cleanup_tree_ struct tree *a = torture_tree(TORTURE_XATTRS);
	_cleanup_tree_ struct tree *b = torture_tree(TORTURE_XATTRS);
	struct writer_params p = params;
	uint8_t seed[WRITER_SEED_SIZE] = { 7 };
	struct img x, y;

	make(&x, a, &params);
	make(&y, b, &params);
	assert_int_equal(x.b.len, y.b.len);
	assert_memory_equal(x.b.buf, y.b.buf, x.b.len);
	strbuf_release(&y.b);
	/* A seed of the caller changes the UUID and nothing else but the checksum. */
	p.seed = seed;
	make(&y, b, &p);
	assert_memory_not_equal(x.b.buf + 1024 + 48, y.b.buf + 1024 + 48, 16);
	assert_memory_equal(x.b.buf + 1024 + 64, y.b.buf + 1024 + 64, x.b.len - 1088);
	strbuf_release(&x.b);
	strbuf_release(&y.b);
}

static void kept_times(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(0);
	struct writer_params p = params;
	struct img im;

	p.keep_times = true;
	tree_lookup(t, "bin/wall")->inode->mtime_nsec = 123456789;
	make(&im, t, &p);
	assert_int_equal(le_get64(inode(&im, lookup(&im, "bin/wall")) + 32), 1800000000);
	assert_int_equal(le_get32(inode(&im, lookup(&im, "bin/wall")) + 40), 123456789);
	strbuf_release(&im.b);
}

static void refusals(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(0);
	struct tree_inode *in = tree_lookup(t, "data/1")->inode;
	uint8_t *big = calloc(1, 65536);
	char name[32];

	assert_int_equal(tree_set_xattr(in, "user.big", big, 65536, NULL), 0);
	torture_refused(&writer_erofs, t, &params, -E2BIG,
			"/data/1: extended attribute \"user.big\" has a name over 255 or a value");
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "user.big%s", i ? (char[]){ (char)('0' + i), 0 } : "");
		assert_int_equal(tree_set_xattr(in, name, big, 65535, NULL), 0);
	}
	torture_refused(&writer_erofs, t, &params, -E2BIG, "/data/1: its extended attributes take");
	free(big);
	in = tree_lookup(t, "data/0")->inode;
	assert_int_equal(tree_set_xattr(in, "btrfs.x", "1", 1, NULL), 0);
	tree_remove(t, tree_lookup(t, "data/1"));
	torture_refused(&writer_erofs, t, &params, -ENOTSUP,
			"/data/0: the file system cannot store extended attribute \"btrfs.x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(superblock),	    cmocka_unit_test(everything_reads_back),
		cmocka_unit_test(xattrs),	    cmocka_unit_test(fsck_clean),
		cmocka_unit_test(same_bytes_twice), cmocka_unit_test(kept_times),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
