/* SPDX-License-Identifier: Apache-2.0 */
#include "support/torture_big.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "writer/le.h"

#define PER_DIR 1000

static _noreturn_ void die(const char *path, const struct error *err)
{
	fprintf(stderr, "torture tree: %s: %s\n", path, error_text(err));
	exit(1);
}

static struct tree_inode *add(struct tree *t, const char *path, struct tree_attr a)
{
	struct error err = ERROR_INIT;
	struct tree_node *n;

	if (tree_add(t, path, &a, TREE_ADD_PARENTS, &n, &err) < 0)
		die(path, &err);
	return n->inode;
}

static void link_to(struct tree *t, const char *path, const char *target)
{
	struct error err = ERROR_INIT;

	if (tree_link(t, path, target, TREE_ADD_PARENTS, NULL, &err) < 0)
		die(path, &err);
}

static void set(struct tree_inode *in, const char *name, const void *v, size_t n)
{
	struct error err = ERROR_INIT;

	if (tree_set_xattr(in, name, v, n, &err) < 0)
		die(name, &err);
}

/* `size` bytes that depend on `first`; no block of them is zeros. */
static struct blob bytes(size_t size, unsigned first)
{
	_cleanup_free_ uint8_t *b = malloc(size + 1);
	struct blob blob = BLOB_INIT;

	if (!b)
		abort();
	for (size_t i = 0; i < size; i++)
		b[i] = (uint8_t)(first + i * 7 + i / 4096);
	if (blob_from_bytes(&blob, b, size) < 0)
		abort();
	return blob;
}

static size_t spread_size(unsigned i)
{
	static const size_t around[] = { 4095, 4096, 4097, 8191, 8192, 12289, 65536, 1048577 };

	if (i % 5000 == 17)
		return around[i / 5000 % ARRAY_SIZE(around)];
	return i % 4 ? 0 : i * 37 % 600;
}

/* Names of every length, a quarter of them with bytes above 127 that are not UTF-8. */
static void spread_name(unsigned i, char name[TREE_NAME_MAX + 1])
{
	size_t len = i % 1000 == 999 ? TREE_NAME_MAX : 8 + i % 40;

	memset(name, i % 4 ? 'a' + (int)(i % 26) : 0x80 + (int)(i % 128), len);
	name[len] = '\0';
	name[snprintf(name, 8, "%05u", i)] = '-';
}

static void add_spread(struct tree *t)
{
	char path[320], name[TREE_NAME_MAX + 1];

	for (unsigned i = 0; i < BIG_FILES - BIG_DIR; i++) {
		struct blob blob = bytes(spread_size(i), i);
		struct tree_inode *in;

		spread_name(i, name);
		snprintf(path, sizeof(path), "spread/%02u/%s", i / PER_DIR, name);
		in = add(t, path,
			 (struct tree_attr){ .mode = S_IFREG | (i % 7 ? 0644u : 0755u),
					     .uid = i % 11 ? 0 : 100000 + i,
					     .gid = i % 13 ? 0 : i,
					     .mtime_sec = 1500000000 + (int64_t)i * 61,
					     .mtime_nsec = i * 10007 % 1000000000,
					     .content = &blob });
		if (i % 10 == 3)
			set(in, "user.index", path, 9);
		if (i / PER_DIR == 5)
			set(in, "security.odd", "the same label for many", 23);
	}
}

static void add_many(struct tree *t)
{
	char name[TREE_NAME_MAX + 1], path[320];

	for (unsigned i = 0; i < BIG_DIR; i++) {
		spread_name(i, name);
		snprintf(path, sizeof(path), "many/%s", name);
		add(t, path, (struct tree_attr){ .mode = S_IFREG | 0600, .mtime_sec = i });
	}
}

static void add_sparse(struct tree *t)
{
	static const uint64_t at[] = { 0, 70 << 20, UINT64_C(4) << 30, (UINT64_C(4) << 30) - 4096,
				       BIG_SPARSE - 100 };
	struct blob blob = BLOB_INIT;
	uint8_t data[100];
	int fd = -1;

	if (fd_memfd("sparse", &fd) < 0 || ftruncate(fd, (off_t)BIG_SPARSE) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		memset(data, 'A' + (int)i, sizeof(data));
		if (fd_pwrite_full(fd, data, sizeof(data), (off_t)at[i]) < 0)
			abort();
	}
	if (tree_keep_fd(t, fd) < 0)
		abort();
	blob_from_fd(&blob, fd, 0, BIG_SPARSE);
	add(t, "data/5gib", (struct tree_attr){ .mode = S_IFREG | 0600, .content = &blob });
}

static void add_links(struct tree *t)
{
	struct blob blob = bytes(5000, 3);
	char path[64];

	add(t, "links/000/name", (struct tree_attr){ .mode = S_IFREG | 0640, .content = &blob });
	for (int i = 1; i < BIG_LINKS; i++) {
		snprintf(path, sizeof(path), "links/%03d/name", i);
		link_to(t, path, "links/000/name");
	}
}

static void add_types(struct tree *t)
{
	static const char *const names[] = { "fifo", "socket", "char", "block", "link" };
	char path[64], target[4001];

	add(t, "types/fifo", (struct tree_attr){ .mode = S_IFIFO | 0640, .uid = 70000 });
	add(t, "types/socket", (struct tree_attr){ .mode = S_IFSOCK | 0755, .gid = 80000 });
	add(t, "types/char",
	    (struct tree_attr){
		    .mode = S_IFCHR | 0666, .rdev_major = 4095, .rdev_minor = 0xfffff });
	add(t, "types/block",
	    (struct tree_attr){ .mode = S_IFBLK | 0660, .rdev_major = 8, .rdev_minor = 1 });
	add(t, "types/link",
	    (struct tree_attr){ .mode = S_IFLNK | 0777, .target = "../data/\xff" });
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char to[64];

		snprintf(path, sizeof(path), "types/again/%s", names[i]);
		snprintf(to, sizeof(to), "types/%s", names[i]);
		link_to(t, path, to);
	}
	memset(target, 'T', 4000);
	target[4000] = '\0';
	add(t, "types/long-link", (struct tree_attr){ .mode = S_IFLNK | 0777, .target = target });
	add(t, "types/empty", (struct tree_attr){ .mode = S_IFDIR | 0700, .uid = 4000000000u });
	add(t, "types/sticky", (struct tree_attr){ .mode = S_IFDIR | 01777 });
	add(t, "types/setuid", (struct tree_attr){ .mode = S_IFREG | 04755 });
	add(t, "types/setgid", (struct tree_attr){ .mode = S_IFREG | 02711, .gid = 5 });
	add(t, "types/no-rights", (struct tree_attr){ .mode = S_IFREG });
}

/* The deepest path a tree may have, and one of the greatest length. */
static void add_deep(struct tree *t)
{
	char path[TREE_PATH_MAX + 1] = "deep";
	size_t n = 4;

	for (int i = 0; i < TREE_DEPTH_MAX - 2; i++, n += 2)
		memcpy(path + n, "/d", 3);
	memcpy(path + n, "/f", 3);
	add(t, path, (struct tree_attr){ .mode = S_IFREG | 0644 });
	memcpy(path, "long", 5);
	for (n = 4; n + 256 < TREE_PATH_MAX - 1; n += 256) {
		memset(path + n + 1, 'L', 255);
		path[n] = '/';
		path[n + 256] = '\0';
	}
	path[n++] = '/';
	memset(path + n, 'E', TREE_PATH_MAX - 1 - n);
	path[TREE_PATH_MAX - 1] = '\0';
	add(t, path, (struct tree_attr){ .mode = S_IFREG | 0644 });
}

static void add_times(struct tree *t)
{
	static const struct {
		const char *name;
		int64_t sec;
		uint32_t nsec;
	} v[] = {
		{ "times/before-1970", -1, 999999999 },
		{ "times/1901", INT32_MIN + 1, 1 },
		{ "times/nanosecond", 0, 1 },
		{ "times/2038", INT64_C(1) << 31, 5 },
		{ "times/2106", UINT32_MAX, 999999999 },
		{ "times/after-2106", (INT64_C(1) << 32) + 5, 7 },
		{ "times/2446", INT64_C(15032385535), 0 }, /* the last second of ext4 */
	};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		add(t, v[i].name,
		    (struct tree_attr){ .mode = S_IFREG | 0644,
					.mtime_sec = v[i].sec,
					.mtime_nsec = v[i].nsec });
	add(t, "times/directory",
	    (struct tree_attr){ .mode = S_IFDIR | 0755, .mtime_sec = -5, .mtime_nsec = 123456789 });
}

static void add_xattrs(struct tree *t)
{
	/* VFS_CAP_REVISION_2 with cap_net_raw, effective. */
	static const uint8_t cap[20] = { 1, 0, 0, 2, 0, 0x20 };
	/* user::rwx user:1000:r-x group::r-x mask::r-x other::--- */
	static const uint16_t acl[5][2] = {
		{ 1, 7 }, { 2, 5 }, { 4, 5 }, { 0x10, 5 }, { 0x20, 0 }
	};
	const struct tree_attr file = { .mode = S_IFREG | 0750 }, dir = { .mode = S_IFDIR | 0750 };
	uint8_t a[4 + 5 * 8] = { 2 }, big[3000];
	struct tree_inode *in;
	char name[256] = "user.";

	for (int i = 0; i < 5; i++) {
		le_put16(a + 4 + i * 8, acl[i][0]);
		le_put16(a + 6 + i * 8, acl[i][1]);
		le_put32(a + 8 + i * 8, i == 1 ? 1000 : UINT32_MAX);
	}
	memset(big, 'x', sizeof(big));
	memset(name + 5, 'N', 250);
	set(add(t, "xattrs/capability", file), "security.capability", cap, sizeof(cap));
	set(add(t, "xattrs/acl", file), "system.posix_acl_access", a, sizeof(a));
	in = add(t, "xattrs/acl-dir", dir);
	set(in, "system.posix_acl_access", a, sizeof(a));
	set(in, "system.posix_acl_default", a, sizeof(a));
	in = add(t, "xattrs/classes", file);
	set(in, "user.empty", "", 0);
	set(in, "user.zeros", "\0\1\0", 3);
	set(in, "trusted.t", "trust", 5);
	set(in, "security.odd", "the same label for many", 23);
	set(add(t, "xattrs/big", file), "user.big", big, sizeof(big));
	set(add(t, "xattrs/name", file), name, "v", 1);
	in = add(t, "xattrs/several", file);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "user.number-%d", i);
		set(in, name, &i, sizeof(i));
	}
	set(tree_lookup(t, "types/fifo")->inode, "trusted.fifo", "f", 1);
	set(tree_lookup(t, "types/char")->inode, "security.odd", "c", 1);
	set(tree_lookup(t, "types/link")->inode, "trusted.link", "l", 1);
	set(tree_lookup(t, "many")->inode, "user.dir", "d", 1);
}

struct tree *torture_big(void)
{
	struct tree *t = tree_new();

	if (!t)
		abort();
	add_spread(t);
	add_many(t);
	add_sparse(t);
	add_links(t);
	add_types(t);
	add_deep(t);
	add_times(t);
	add_xattrs(t);
	return t;
}
