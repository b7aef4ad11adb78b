/* SPDX-License-Identifier: Apache-2.0 */
#include "source/read.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "diff.h"
#include "image_read.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"
#include "writer/le.h"

static const struct writer_params params = { .epoch = 1900000000, .label = "torture" };
static const struct diff_params with_times = { .times = true };

static int collect(void *data, const struct diff_change *c)
{
	struct strbuf *out = data;

	assert_int_equal(diff_change_line(c, out), 0);
	assert_int_equal(strbuf_addch(out, '\n'), 0);
	return 0;
}

static void assert_diff(struct tree *a, struct tree *b, const struct diff_params *p,
			const char *lines)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int r = diff_trees(a, b, p, collect, &out, &err);

	if (r < 0)
		fail_msg("%s", error_text(&err));
	assert_string_equal(out.buf, lines);
	assert_int_equal(r, *lines ? 1 : 0);
}

static struct tree *read_ok(const char *path, const char *filesystem)
{
	struct image_source s = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t = NULL;

	if (image_read(path, &t, &s, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_string_equal(s.filesystem, filesystem);
	return t;
}

static char *path_in(const char *dir, const char *name)
{
	char *p = str_printf("%s/%s", dir, name);

	assert_non_null(p);
	return p;
}

/* What is written and read again is the same in everything. */
static void round_trip(const struct writer_ops *ops, unsigned flags, int gzip)
{
	_cleanup_tree_ struct tree *t = torture_tree(flags), *got = NULL;
	struct writer_params p = params;
	char *dir = tool_tmpdir();
	_cleanup_free_ char *path = path_in(dir, "image");

	p.compression = gzip ? WRITER_GZIP : WRITER_PLAIN;
	p.level = gzip;
	torture_write(ops, t, &p, path);
	got = read_ok(path, ops->name);
	assert_int_equal(tree_count(got), tree_count(t));
	assert_diff(t, got, &with_times, "");
	tool_rmdir(dir);
}

static void test_ext4(void **state)
{
	round_trip(&writer_ext4, TORTURE_XATTRS, 0);
}

static void test_erofs(void **state)
{
	round_trip(&writer_erofs, TORTURE_XATTRS, 0);
}

static void test_cpio_plain(void **state)
{
	round_trip(&writer_cpio, 0, 0);
}

static void test_cpio_zstd(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(0), *got = NULL;
	struct writer_params p = params;
	char *dir = tool_tmpdir();
	_cleanup_free_ char *path = path_in(dir, "image");

	p.compression = WRITER_ZSTD;
	torture_write(&writer_cpio, t, &p, path);
	got = read_ok(path, "cpio");
	assert_diff(t, got, &with_times, "");
	/* frames, archives and zeros mix, as for the kernel */
	free(tool_ok(
		"cd %s && printf a > f && echo f | cpio --quiet -o -H newc > p && gzip -k p && "
		"(cat p image; head -c 512 /dev/zero; cat p.gz image) > mix && mv mix image",
		dir));
	tree_free(got);
	got = read_ok(path, "cpio");
	assert_int_equal(tree_count(got), tree_count(t) + 1);
	tool_rmdir(dir);
}

static void test_cpio_gzip(void **state)
{
	round_trip(&writer_cpio, 0, 1);
}

/* A tree as a directory with what any user can make, for foreign tools to pack. */
static char *plain_dir(const char *dir)
{
	char *root = path_in(dir, "root");

	free(tool_ok(
		"mkdir -p %s/sub/deep %s/empty && cd %s && umask 022 && echo hello > sub/file && ln -s file sub/link && "
		"ln sub/file sub/deep/hard && head -c 300000 /dev/zero | tr '\\0' z > big && : > nothing && "
		"truncate -s 3M hole && printf x | dd of=hole bs=1 seek=2000000 conv=notrunc 2>/dev/null && "
		"ln -s $(printf '%%0200d' 7) longlink && mkfifo fifo && chmod 4711 sub/file && "
		"for i in $(seq 400); do : > sub/deep/entry-of-a-large-directory-$i; done",
		root, root, root));
	return root;
}

/* Images of foreign programs become the tree that the directory is, with what the command adds to it. */
static void foreign(const char *tool, const char *fs, const char *fmt)
{
	_cleanup_tree_ struct tree *want = NULL, *got = NULL;
	char *dir;
	_cleanup_free_ char *root = NULL, *image = NULL;
	struct error err = ERROR_INIT;

	if (!tool_have(tool)) {
		skip_because("%s is not installed", tool);
	}
	dir = tool_tmpdir();
	root = plain_dir(dir);
	image = path_in(dir, "image");
	free(tool_ok("export IMG=%s ROOT=%s PATH=$PATH:/usr/sbin:/sbin; %s", image, root, fmt));
	if (image_read(root, &want, NULL, &err) < 0)
		fail_msg("%s", error_text(&err));
	got = read_ok(image, fs);
	if (tree_lookup(got, "lost+found"))
		tree_remove(got, tree_lookup(got, "lost+found"));
	assert_diff(want, got, &(struct diff_params){ 0 }, "");
	tool_rmdir(dir);
}

static void test_mke2fs(void **state)
{
	foreign("mke2fs", "ext4", "mke2fs -q -t ext4 -d $ROOT $IMG 32M");
}

static void test_mke2fs_ext2(void **state)
{
	foreign("mke2fs", "ext4", "mke2fs -q -t ext2 -b 1024 -d $ROOT $IMG 16M");
}

static void test_mkfs_erofs(void **state)
{
	foreign("mkfs.erofs", "erofs", "mkfs.erofs --quiet $IMG $ROOT >/dev/null");
}

static void test_mkfs_erofs_chunks(void **state)
{
	foreign("mkfs.erofs", "erofs",
		"mkfs.erofs --quiet --chunksize=4096 -Enoinline_data $IMG $ROOT >/dev/null");
}

#define FIND_CPIO "(cd $ROOT && find . | LC_ALL=C sort | cpio -o -H newc --quiet)"

static void test_foreign_cpio(void **state)
{
	foreign("cpio", "cpio", FIND_CPIO " > $IMG");
}

static void test_foreign_cpio_gzip(void **state)
{
	foreign("cpio", "cpio", FIND_CPIO " | gzip -9 > $IMG");
}

static void test_foreign_cpio_zstd(void **state)
{
	if (!tool_have("zstd"))
		skip_because("zstd is not installed");
	foreign("cpio", "cpio", FIND_CPIO " | zstd -q > $IMG");
}

static void test_foreign_tar(void **state)
{
	foreign("tar", "tar", "tar -C $ROOT -c . | gzip > $IMG");
}

/* Several parts: a plain archive, zeros, gzip; the later one wins, links end with their archive. */
static void test_cpio_parts(void **state)
{
	_cleanup_tree_ struct tree *t = NULL;
	char *dir = tool_tmpdir();
	_cleanup_free_ char *image = path_in(dir, "image");
	uint8_t got[6] = "";

	free(tool_ok(
		"cd %s && mkdir -p a b/d && echo one > a/f && echo a > a/x && echo two!! > b/f && echo d > b/d/g && "
		"(cd a && find . | LC_ALL=C sort | cpio -o -H crc --quiet) > image && head -c 1000 /dev/zero >> image && "
		"(cd b && find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip) >> image && "
		"truncate -s %%512 image && (cd b && echo ./d/g | cpio -o -H newc --quiet) >> image",
		dir));
	t = read_ok(image, "cpio");
	assert_int_equal(tree_count(t), 5);
	assert_int_equal(tree_lookup(t, "f")->inode->content.size, 6);
	assert_int_equal(blob_read(&tree_lookup(t, "f")->inode->content, 0, got, 6, NULL), 0);
	assert_memory_equal(got, "two!!\n", 6);
	assert_non_null(tree_lookup(t, "d/g"));
	tool_rmdir(dir);
}

static void assert_refused(const char *path, const char *text)
{
	struct error err = ERROR_INIT;
	struct tree *t = NULL;

	if (image_read(path, &t, NULL, &err) == 0)
		fail_msg("%s: not refused (%s)", path, text);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" does not contain \"%s\"", err.msg, text);
	assert_null(t);
}

static void refuse_cmd(const char *cmd, const char *text)
{
	char *dir = tool_tmpdir();
	_cleanup_free_ char *image = path_in(dir, "image");

	free(tool_ok("cd %s && export PATH=$PATH:/usr/sbin:/sbin && %s", dir, cmd));
	assert_refused(image, text);
	tool_rmdir(dir);
}

#define ENTRY(name, ino, mode, nlink, size, namesize)                                      \
	"printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X" name "' " ino \
	" " mode " 0 0 " nlink " 0 " size " 0 0 0 0 " namesize " 0"
#define FILE_MODE "33188"

static void test_cpio_refused(void **state)
{
	refuse_cmd(": > image", "is no disk image, file system, initrd, tar file or directory");
	refuse_cmd("printf 070701 > image", "cpio: part at byte 0: the archive is cut off");
	refuse_cmd("printf '070701%0104dx' 0 > image", "an entry's name has 0 bytes");
	refuse_cmd("printf '070701%0103dg' 0 > image",
		   "a cpio header has a field that is no number");
	refuse_cmd(ENTRY("../x\\0\\0", "1", FILE_MODE, "1", "0", "5") " > image",
		   "entry '../x': path contains '..'");
	refuse_cmd(ENTRY("abcd", "1", FILE_MODE, "1", "0", "4") " > image",
		   "an entry's name does not end where it says");
	refuse_cmd(ENTRY("a\\0", "1", FILE_MODE, "1", "4294967295", "2") " > image",
		   "entry 'a': the archive is cut off");
	refuse_cmd(ENTRY("d/a\\0\\0\\0", "1", FILE_MODE, "1", "0", "4") " > image",
		   "entry 'd/a': ");
	refuse_cmd(ENTRY("l\\0", "1", "41471", "1", "0", "2") " > image",
		   "entry 'l': symbolic link of 0 bytes");
	refuse_cmd(ENTRY("p\\0", "1", "4516", "1", "4", "2") " > image; printf 'data' >> image",
		   "entry 'p': content for what is no regular file");
	refuse_cmd("head -c 200 /dev/zero | tr '\\0' x | gzip > image",
		   "no cpio header where one must be");
	refuse_cmd("head -c 2M /dev/zero | gzip > image",
		   "cpio: part at byte 0: more than 1048576 zeros between archives");
	if (tool_have("zstd")) {
		refuse_cmd("head -c 2M /dev/zero | zstd -q > image",
			   "more than 1048576 zeros between archives");
		refuse_cmd("head -c 1M /dev/urandom | zstd -q --ultra --long=30 > image",
			   "damaged compressed data: Frame requires too much memory for decoding");
		refuse_cmd("head -c 100000 /dev/urandom | zstd -q | head -c 5000 > image",
			   "cpio: part at byte 0: ");
		refuse_cmd(
			"printf '070701%0104dx' 0 | zstd -q > image; dd if=/dev/zero of=image bs=1 "
			"seek=20 count=4 conv=notrunc 2>/dev/null",
			"damaged compressed data: ");
	}
	refuse_cmd("head -c 100000 /dev/urandom | gzip | head -c 5000 > image",
		   "cpio: part at byte 0: ");
	refuse_cmd(
		"(mkdir d && cd d && find . | cpio -o -H newc --quiet | gzip) > image && echo junk >> image",
		"neither an archive nor a compressed one");
}

/* Overwrites bytes of a file. */
static void poke(const char *path, uint64_t off, const void *data, size_t n)
{
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_pwrite_full(fd, data, n, (off_t)off), 0);
}

static void peek(const char *path, uint64_t off, void *data, size_t n)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_pread_full(fd, data, n, (off_t)off), 0);
}

/* An erofs of one file /f and one directory /d, without checksum, for damaging. Returns the position of the root's inode. */
static uint64_t small_erofs(const char *path)
{
	_cleanup_tree_ struct tree *t = tree_new();
	struct error err = ERROR_INIT;
	uint8_t sb[128];

	assert_int_equal(tree_add_dir(t, "d", 0755, &err), 0);
	assert_int_equal(tree_add_file(t, "f", 0644, "hello", 5, &err), 0);
	torture_write(&writer_erofs, t, &params, path);
	peek(path, 1024, sb, sizeof(sb));
	le_put32(sb + 8, le_get32(sb + 8) & ~1u);
	poke(path, 1024, sb, sizeof(sb));
	return le_get16(sb + 14) * 32u;
}

static void test_erofs_refused(void **state)
{
	char *dir = tool_tmpdir();
	_cleanup_free_ char *image = path_in(dir, "image");
	/* the root's inode is the first, then /d and /f; the root's entries are ".", "..", "d", "f" behind its inode */
	uint64_t root = small_erofs(image), dents = root + 64;
	uint8_t d[12 * 4 + 5], f[64];
	uint64_t pos;

	peek(image, dents, d, sizeof(d));
	assert_memory_equal(d + 48, "...df", 5);
	pos = le_get64(d + 36) * 32;

	le_put64(d + 36, UINT64_MAX / 2);
	poke(image, dents, d, sizeof(d));
	assert_refused(image,
		       "erofs: /f: its inode 9223372036854775807 is outside the file system");
	small_erofs(image);
	poke(image, dents + 36, d + 0, 8); /* /f is the root */
	assert_refused(image, "erofs: /f: is the same directory as '/'");
	small_erofs(image);
	poke(image, dents + 52, "d", 1);
	assert_refused(image, "erofs: /d: ");
	small_erofs(image);
	poke(image, dents + 52, "/", 1);
	assert_refused(image, "erofs: /: an entry's name contains '/' or NUL");
	small_erofs(image);
	poke(image, dents + 8, "\xff\xff", 2);
	assert_refused(image, "erofs: /: damaged directory block");
	small_erofs(image);
	peek(image, pos, f, sizeof(f));
	le_put16(f, 1 | 5 << 1);
	poke(image, pos, f, sizeof(f));
	assert_refused(image, "erofs: /f: inode of the unknown layout 5");
	le_put16(f, 1);
	le_put64(f + 8, UINT64_C(1) << 50);
	poke(image, pos, f, sizeof(f));
	assert_refused(image, "erofs: /f: its content ends at byte");
	small_erofs(image);
	poke(image, 1024 + 12, "\x40", 1);
	assert_refused(image, "erofs: blocks of 2^64 bytes");
	tool_rmdir(dir);
}

static void test_erofs_checksum(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(0);
	char *dir = tool_tmpdir();
	_cleanup_free_ char *image = path_in(dir, "image");

	torture_write(&writer_erofs, t, &params, image);
	poke(image, 1024 + 64, "x", 1);
	assert_refused(image, "erofs: the superblock's checksum is wrong");
	tool_rmdir(dir);
}

static void test_erofs_compressed(void **state)
{
	static const char *const options[] = { "-zlz4", "-zlz4 -Elegacy-compress",
					       "-zlz4hc,12 -C65536",
					       "-zlz4 -C16384 -Elegacy-compress",
					       "-zlz4 -Enoinline_data" };
	char cmd[200];

	if (!tool_have("mkfs.erofs"))
		skip_because("mkfs.erofs is not installed");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		snprintf(
			cmd, sizeof(cmd),
			"seq 100000 > $ROOT/n; head -c 77777 /dev/urandom > $ROOT/r; cat $ROOT/n $ROOT/r "
			"$ROOT/big >> $ROOT/n; mkfs.erofs --quiet %s $IMG $ROOT >/dev/null",
			options[i]);
		foreign("mkfs.erofs", "erofs", cmd);
	}
	refuse_cmd("mkdir r && seq 100000 > r/numbers && mkfs.erofs -zlz4 -Eztailpacking image r "
		   ">/dev/null 2>&1",
		   "erofs: /numbers: has a compressed tail among others' data");
}

static void test_ext4_refused(void **state)
{
	_cleanup_tree_ struct tree *t = torture_tree(TORTURE_XATTRS);
	char *dir = tool_tmpdir();
	_cleanup_free_ char *image = path_in(dir, "image");
	uint8_t b[4];

	torture_write(&writer_ext4, t, &params, image);
	poke(image, 1024 + 120, "x", 1); /* volume name */
	assert_refused(image, "ext4: cannot open it: ");
	torture_write(&writer_ext4, t, &params, image);
	le_put32(b, 0x7fffffff);
	poke(image, 1024 + 4, b, 4);
	assert_refused(image, "ext4: the superblock says 2147483647 blocks of 2^2 KiB");
	torture_write(&writer_ext4, t, &params, image);
	peek(image, 1024 + 96, b, 4);
	b[0] |= 4; /* INCOMPAT_RECOVER */
	poke(image, 1024 + 96, b, 4);
	assert_refused(image, "ext4: its journal must be replayed first (e2fsck)");
	tool_rmdir(dir);
}

static void test_ext4_inline(void **state)
{
	if (!tool_have("mke2fs"))
		skip_because("mke2fs is not installed");
	refuse_cmd(
		"mkdir r && echo x > r/f && mke2fs -q -t ext4 -O inline_data -I 256 -d r image 8M",
		"has its data in the inode, which cannot be read");
}

static void test_kinds_refused(void **state)
{
	refuse_cmd("truncate -s 1M image && printf XFSB | dd of=image conv=notrunc 2>/dev/null",
		   "xfs cannot be read without mounting it");
	refuse_cmd("mkfifo image", "is neither a regular file nor a directory");
	refuse_cmd(
		"truncate -s 1M image && printf '\\125\\252' | dd of=image bs=1 seek=510 conv=notrunc 2>/dev/null",
		"the partition table at byte 0 is empty");
	assert_refused("/nonexistent/x", "'/nonexistent/x': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ext4),
		cmocka_unit_test(test_erofs),
		cmocka_unit_test(test_cpio_plain),
		cmocka_unit_test(test_cpio_gzip),
		cmocka_unit_test(test_cpio_zstd),
		cmocka_unit_test(test_mke2fs),
		cmocka_unit_test(test_mke2fs_ext2),
		cmocka_unit_test(test_mkfs_erofs),
		cmocka_unit_test(test_mkfs_erofs_chunks),
		cmocka_unit_test(test_foreign_cpio),
		cmocka_unit_test(test_foreign_cpio_gzip),
		cmocka_unit_test(test_foreign_cpio_zstd),
		cmocka_unit_test(test_foreign_tar),
		cmocka_unit_test(test_cpio_parts),
		cmocka_unit_test(test_cpio_refused),
		cmocka_unit_test(test_erofs_refused),
		cmocka_unit_test(test_erofs_checksum),
		cmocka_unit_test(test_erofs_compressed),
		cmocka_unit_test(test_ext4_refused),
		cmocka_unit_test(test_ext4_inline),
		cmocka_unit_test(test_kinds_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
