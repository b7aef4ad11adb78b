/* SPDX-License-Identifier: Apache-2.0 */
#include "support/torture_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "support/cmocka_all.h"
#include "writer/le.h"

static void add(struct tree *t, const char *path, struct tree_attr a)
{
	struct error err = ERROR_INIT;

	if (tree_add(t, path, &a, TREE_ADD_PARENTS, NULL, &err) < 0)
		fail_msg("%s: %s", path, err.msg);
}

static void add_file(struct tree *t, const char *path, size_t size, uint8_t first)
{
	_cleanup_free_ uint8_t *b = malloc(size + 1);
	struct blob blob = BLOB_INIT;

	for (size_t i = 0; i < size; i++)
		b[i] = (uint8_t)(first + i * 7 + i / 4096);
	assert_int_equal(blob_from_bytes(&blob, b, size), 0);
	add(t, path,
	    (struct tree_attr){
		    .mode = S_IFREG | 0644, .mtime_sec = 1600000000, .content = &blob });
}

static void add_sparse(struct tree *t)
{
	struct blob blob = BLOB_INIT;
	uint8_t data[65536];
	int fd = -1;

	assert_int_equal(fd_memfd("sparse", &fd), 0);
	assert_int_equal(ftruncate(fd, (off_t)TORTURE_SPARSE), 0);
	for (int i = 0; i < 6; i++) {
		memset(data, 'A' + i, sizeof(data));
		assert_int_equal(
			fd_pwrite_full(fd, data, sizeof(data), (off_t)TORTURE_BIG_OFFSET(i)), 0);
	}
	assert_int_equal(tree_keep_fd(t, fd), 0);
	blob_from_fd(&blob, fd, 0, TORTURE_SPARSE);
	add(t, "data/sparse", (struct tree_attr){ .mode = S_IFREG | 0600, .content = &blob });
}

static void add_special(struct tree *t)
{
	add(t, "dev/null",
	    (struct tree_attr){ .mode = S_IFCHR | 0666, .rdev_major = 1, .rdev_minor = 3 });
	add(t, "dev/blk",
	    (struct tree_attr){
		    .mode = S_IFBLK | 0660, .gid = 6, .rdev_major = 8, .rdev_minor = 1 });
	add(t, "dev/big",
	    (struct tree_attr){ .mode = S_IFCHR | 0600, .rdev_major = 511, .rdev_minor = 0x54321 });
	add(t, "dev/fifo",
	    (struct tree_attr){ .mode = S_IFIFO | 0640, .uid = 70000, .gid = 80000 });
	add(t, "dev/sock", (struct tree_attr){ .mode = S_IFSOCK | 0755 });
	add(t, "bin/su", (struct tree_attr){ .mode = S_IFREG | 04755, .mtime_sec = 1600000001 });
	add(t, "bin/wall",
	    (struct tree_attr){ .mode = S_IFREG | 02755, .gid = 5, .mtime_sec = 1800000000 });
	add(t, "tmp", (struct tree_attr){ .mode = S_IFDIR | 01777 });
	add(t, "owned",
	    (struct tree_attr){ .mode = S_IFREG | 0400, .uid = 4000000000u, .gid = 65536 });
}

static void add_names(struct tree *t)
{
	static const char *const odd[] = { "!before",	"-dash",     ".hidden", ".a",
					   ".-",	"..x",	     "...",	"\xff\xfe\x80",
					   "tab\there", "new\nline", "sp ace" };
	char name[300], path[320];

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		snprintf(path, sizeof(path), "names/%s", odd[i]);
		add_file(t, path, i, 'n');
	}
	memset(name, 'L', 255);
	name[255] = '\0';
	snprintf(path, sizeof(path), "names/%s", name);
	add_file(t, path, 1, 'l');
	for (int i = 0; i < TORTURE_ENTRIES; i++) {
		snprintf(path, sizeof(path), "many/entry-with-a-name-%04d", i);
		add(t, path, (struct tree_attr){ .mode = S_IFREG | 0644 });
	}
	add(t, "empty-dir", (struct tree_attr){ .mode = S_IFDIR | 0700 });
}

static void add_links(struct tree *t)
{
	struct error err = ERROR_INIT;
	char target[2001];

	assert_int_equal(tree_link(t, "bin/hard1", "data/4097", TREE_ADD_PARENTS, NULL, &err), 0);
	assert_int_equal(tree_link(t, "zz/last", "data/4097", TREE_ADD_PARENTS, NULL, &err), 0);
	assert_int_equal(tree_link(t, "dev/fifo2", "dev/fifo", TREE_ADD_PARENTS, NULL, &err), 0);
	for (size_t n = 58; n <= 61; n++) {
		char path[32];

		memset(target, 't', n);
		target[n] = '\0';
		snprintf(path, sizeof(path), "links/%zu", n);
		add(t, path, (struct tree_attr){ .mode = S_IFLNK | 0777, .target = target });
	}
	memset(target, 'T', 2000);
	target[2000] = '\0';
	add(t, "links/long", (struct tree_attr){ .mode = S_IFLNK | 0777, .target = target });
	add(t, "links/abs", (struct tree_attr){ .mode = S_IFLNK | 0777, .target = "/bin/su" });
}

static void set(struct tree *t, const char *path, const char *name, const void *v, size_t n)
{
	struct error err = ERROR_INIT;

	if (tree_set_xattr(tree_lookup(t, path)->inode, name, v, n, &err) < 0)
		fail_msg("%s %s: %s", path, name, err.msg);
}

static void add_xattrs(struct tree *t)
{
	/* VFS_CAP_REVISION_2 with cap_net_raw, effective. */
	static const uint8_t cap[20] = { 1, 0, 0, 2, 0, 0x20 };
	/* user::rwx user:1000:r-x group::r-x mask::rwx other::--- */
	static const uint16_t acl[5][2] = {
		{ 1, 7 }, { 2, 5 }, { 4, 5 }, { 0x10, 7 }, { 0x20, 0 }
	};
	uint8_t a[4 + 5 * 8] = { 2 }, big[3000];

	for (int i = 0; i < 5; i++) {
		le_put16(a + 4 + i * 8, acl[i][0]);
		le_put16(a + 6 + i * 8, acl[i][1]);
		le_put32(a + 8 + i * 8, i == 1 ? 1000 : UINT32_MAX);
	}
	memset(big, 'x', sizeof(big));
	set(t, "bin/wall", "security.capability", cap, sizeof(cap));
	set(t, "tmp", "system.posix_acl_access", a, sizeof(a));
	set(t, "tmp", "system.posix_acl_default", a, sizeof(a));
	set(t, "data/1", "user.small", "v", 1);
	set(t, "data/1", "user.empty", "", 0);
	set(t, "data/1", "trusted.t", "trust", 5);
	set(t, "data/1", "user.big", big, sizeof(big));
	set(t, "data/1", "security.odd", "\0\1\2", 3);
	set(t, "links/abs", "trusted.onlink", "link", 4);
	set(t, "many", "user.dir", "d", 1);
}

struct tree *torture_tree(unsigned flags)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000, 1500000 };
	struct tree *t = tree_new();
	char path[32];

	assert_non_null(t);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(path, sizeof(path), "data/%zu", sizes[i]);
		add_file(t, path, sizes[i], (uint8_t)('a' + i));
	}
	add_sparse(t);
	add_special(t);
	add_names(t);
	add_links(t);
	if (flags & TORTURE_XATTRS)
		add_xattrs(t);
	return t;
}

struct writer_result torture_write(const struct writer_ops *ops, struct tree *t,
				   const struct writer_params *p, const char *path)
{
	struct writer_result res = { 0 };
	struct error err = ERROR_INIT;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	if (ops->write(t, p, fd, 0, &res, &err) < 0)
		fail_msg("%s: %s", ops->name, err.msg);
	assert_int_equal(lseek(fd, 0, SEEK_END), res.size);
	fd_close(fd);
	return res;
}

void torture_refused(const struct writer_ops *ops, struct tree *t, const struct writer_params *p,
		     int code, const char *text)
{
	struct writer_result res = { 0 };
	struct error err = ERROR_INIT;
	int fd = -1;

	assert_int_equal(fd_memfd("refused", &fd), 0);
	assert_int_equal(ops->write(t, p, fd, 0, &res, &err), code);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" does not contain \"%s\"", err.msg, text);
	fd_close(fd);
}
