/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "image_read.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"
#include "support/tree_same.h"
#include "writer/le.h"

static const struct writer_params params = { .epoch = 1900000000,
					     .label = "lz4",
					     .compression = WRITER_LZ4 };

enum content { TEXT, ZEROS, NOISE, MIX };

static void add(struct tree *t, const char *name, enum content kind, size_t size)
{
	_cleanup_free_ uint8_t *b = malloc(size + 1);
	static const char words[] = "the quick brown fox\n";
	uint32_t x = (uint32_t)size;
	char path[64];

	for (size_t i = 0; i < size; i++) {
		x = x * 1103515245 + 12345;
		if (kind == NOISE || (kind == MIX && i >> 13 & 1))
			b[i] = (uint8_t)(x >> 24);
		else
			b[i] = (uint8_t)(kind == ZEROS ? 0
						       : words[(i + i / 97 * 7 + i / 5000) % 20]);
	}
	snprintf(path, sizeof(path), "%s/%zu", name, size);
	assert_int_equal(tree_add_file(t, path, 0644, b, size, NULL), 0);
}

/* Every kind of content in every size that is at an edge: of blocks, tails, pieces and segments. */
static struct tree *contents(unsigned flags)
{
	static const char *const names[] = { "text", "zeros", "noise", "mix" };
	static const size_t sizes[] = { 1,	 100,	  4031,	   4032,    4033,    4095,
					4096,	 4097,	  5000,	   8191,    8192,    8193,
					12289,	 70000,	  1 << 20, 2097151, 2097152, 2097153,
					2101248, 4300000, 5000001 };
	struct tree *t = torture_tree(flags);

	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			add(t, names[k], (enum content)k, sizes[i]);
	return t;
}

static void reads_back(void **state)
{
	_cleanup_tree_ struct tree *t = contents(TORTURE_XATTRS), *got = NULL;
	char *dir = tool_tmpdir();
	_cleanup_free_ char *a = str_printf("%s/a", dir), *b = str_printf("%s/b", dir);
	struct writer_params plain = params;
	struct writer_result packed, other;

	packed = torture_write(&writer_erofs, t, &params, a);
	got = tree_read_back(a);
	tree_is_same(t, got);
	torture_write(&writer_erofs, t, &params, b);
	free(tool_ok("cmp %s %s", a, b));
	plain.compression = WRITER_PLAIN;
	other = torture_write(&writer_erofs, t, &plain, b);
	assert_true(packed.size < other.size * 2 / 3);
	assert_memory_not_equal(packed.uuid, other.uuid, 16);
	tool_rmdir(dir);
}

/* fsck.erofs unpacks it, too. What it makes of owners and links is not looked at. */
static void fsck(void **state)
{
	_cleanup_tree_ struct tree *t = contents(0), *got = NULL;
	char *dir;
	_cleanup_free_ char *out = NULL;

	if (!tool_have("fsck.erofs")) {
		skip_because("fsck.erofs is not installed");
	}
	dir = tool_tmpdir();
	tree_remove(t, tree_lookup(t, "dev"));
	/* fsck.erofs 1.5 leaves holes of chunks out */
	tree_remove(t, tree_lookup(t, "data/sparse"));
	tree_remove(t, tree_lookup(t, "zeros"));
	out = str_printf("%s/a", dir);
	torture_write(&writer_erofs, t, &params, out);
	free(tool_ok("cd %s && fsck.erofs a && fsck.erofs --extract=x a 2>&1", dir));
	free(out);
	out = str_printf("%s/x", dir);
	got = tree_read_back(out);
	for (size_t k = 0; k < tree_root(t)->n_children; k++) {
		struct tree_node *d = tree_root(t)->children[k];

		for (size_t i = 0; i < d->n_children; i++) {
			const struct tree_node *want = d->children[i];
			char path[TREE_PATH_BUF];
			const struct tree_node *have = tree_lookup(got, tree_path(want, path));
			const struct blob *b = &want->inode->content;
			_cleanup_free_ uint8_t *x = malloc(b->size + 1), *y = malloc(b->size + 1);

			if (!S_ISREG(want->inode->mode))
				continue;
			assert_non_null(have);
			assert_int_equal(have->inode->content.size, b->size);
			assert_int_equal(blob_read(b, 0, x, b->size, NULL), 0);
			assert_int_equal(blob_read(&have->inode->content, 0, y, b->size, NULL), 0);
			assert_memory_equal(x, y, b->size);
		}
	}
	tool_rmdir(dir);
}

/* The kernel sees the tree. */
static void mounted(void **state)
{
	_cleanup_tree_ struct tree *t = contents(TORTURE_XATTRS), *got = NULL;
	char *dir = tool_tmpdir(), *said = NULL;
	_cleanup_free_ char *image = str_printf("%s/a", dir), *at = str_printf("%s/m", dir);

	/* a mode that its ACL contradicts is changed by nobody: there is no directory to be made */
	torture_write(&writer_erofs, t, &params, image);
	if (geteuid() != 0 ||
	    tool_run(&said, "mkdir %s && mount -t erofs -o ro,loop %s %s", at, image, at) != 0) {
		print_message("skipped: cannot mount by loop here: %s\n", said ? said : "not root");
		free(said);
		tool_rmdir(dir);
		skip();
	}
	free(said);
	got = tree_read_back(at);
	tree_is_same(t, got);
	tree_free(got);
	got = NULL;
	free(tool_ok("umount %s", at));
	tool_rmdir(dir);
}

/* An image with one compressed file: where its inode, its index and its first block are. */
struct one {
	uint64_t inode, index, block;
	char *path;
};

static void peek(const char *path, uint64_t off, void *data, size_t n)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd_pread_full(fd, data, n, (off_t)off), 0);
}

static void poke(const char *path, uint64_t off, const void *data, size_t n)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(fd_pwrite_full(fd, data, n, (off_t)off), 0);
}

static struct one make_one(char *path)
{
	_cleanup_tree_ struct tree *t = tree_new();
	struct one o = { .path = path };
	uint8_t sb[128], d[64];
	uint64_t meta;

	add(t, "", TEXT, 300000);
	torture_write(&writer_erofs, t, &params, path);
	peek(path, 1024, sb, sizeof(sb));
	meta = (uint64_t)le_get32(sb + 40) * 4096;
	/* the root's entries are behind its inode: ".", "..", the file */
	peek(path, meta + le_get16(sb + 14) * 32u + 64, d, sizeof(d));
	o.inode = meta + le_get64(d + 24) * 32;
	peek(path, o.inode, d, sizeof(d));
	assert_int_equal(le_get16(d) >> 1, 1);
	assert_int_equal(le_get64(d + 8), 300000);
	o.index = o.inode + 64 + 16;
	peek(path, o.index, d, 8);
	o.block = (uint64_t)le_get32(d + 4) * 4096;
	return o;
}

static void refused(const struct one *o, uint64_t off, const void *data, size_t n, const char *text)
{
	struct error err = ERROR_INIT;
	struct tree *t = NULL;

	poke(o->path, off, data, n);
	if (image_read(o->path, &t, NULL, &err) == 0)
		fail_msg("not refused: %s", text);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" does not contain \"%s\"", err.msg, text);
	make_one(o->path);
}

static void damaged(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_free_ char *path = str_printf("%s/a", dir);
	struct one o = make_one(path);
	uint8_t noise[4096], size[8];

	memset(noise, 0xa5, sizeof(noise));
	refused(&o, o.index, "\2", 1, "/300000: its index does not begin with a piece");
	refused(&o, o.index + 2, "\1", 1, "/300000: its index does not begin with a piece");
	refused(&o, o.index + 8 + 4, "\0", 1, "/300000: its index points 0 clusters back from 1");
	refused(&o, o.index + 8 + 4, "\2", 1, "/300000: its index points 2 clusters back from 1");
	refused(&o, o.index + 8 + 4, "\x10\x08", 2, "/300000: a piece of 16 blocks at byte 0");
	refused(&o, o.index + 8, "\0\0\xff\xff", 4, "/300000: a piece begins at byte 69631");
	refused(&o, o.index + 4, "\xff\xff\xff\x0f", 4, "/300000: ");
	refused(&o, o.block, noise, sizeof(noise), "/300000: damaged LZ4 data for its byte 0");
	/* a plain piece is never longer than its block */
	refused(&o, o.index, "\0", 1, "/300000: a plain piece at byte 0 has ");
	le_put64(size, UINT64_C(1) << 34);
	refused(&o, o.inode + 8, size, 8,
		"/300000: compressed files have more than 8589934592 bytes");
	le_put64(size, UINT64_C(1) << 32);
	refused(&o, o.inode + 8, size, 8, "/300000: ");
	tool_rmdir(dir);
}

static void nothing_else(void **state)
{
	enum writer_compression c;
	struct error err = ERROR_INIT;

	assert_int_equal(writer_compression(&writer_ext4, "lz4", &c, &err), -EINVAL);
	assert_string_equal(err.msg, "ext4 cannot be compressed by lz4");
	assert_int_equal(writer_compression(&writer_erofs, "gzip", &c, &err), -EINVAL);
	assert_int_equal(writer_compression(&writer_erofs, "brotli", &c, &err), -EINVAL);
	assert_string_equal(err.msg, "unknown compression 'brotli'");
	assert_int_equal(writer_compression(&writer_erofs, "lz4", &c, &err), 0);
	assert_int_equal(c, WRITER_LZ4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back),	cmocka_unit_test(fsck),
		cmocka_unit_test(mounted),	cmocka_unit_test(damaged),
		cmocka_unit_test(nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
