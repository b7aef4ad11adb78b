/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "source/source.h"
#include "support/cmocka_all.h"
#include "support/tool.h"
#include "support/torture_tree.h"
#include "writer/dir.h"

#define USER 65534

static const struct writer_params params = { .epoch = TORTURE_EPOCH };

struct fixture {
	char *dir;
	int fd;
	struct tree *t;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = new0(struct fixture);

	f->dir = tool_tmpdir();
	assert_int_equal(chmod(f->dir, 0777), 0);
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->t = tree_new();
	*state = f;
	return f->fd >= 0 && f->t ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fd_close(f->fd);
	tree_free(f->t);
	tool_rmdir(f->dir);
	free(f);
	return 0;
}

/* Root becomes an ordinary user until drop_user(); who is one already stays. */
static void become_user(void)
{
	if (geteuid() == 0)
		assert_true(setegid(USER) == 0 && seteuid(USER) == 0);
}

static void drop_user(void)
{
	if (getuid() == 0)
		assert_true(seteuid(0) == 0 && setegid(0) == 0);
}

static void need_root(void)
{
	if (geteuid() == 0)
		return;
	skip_because("owners and devices need root");
}

static void add(struct fixture *f, const char *path, struct tree_attr a)
{
	if (tree_add(f->t, path, &a, TREE_ADD_PARENTS, NULL, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static void set_xattr(struct fixture *f, const char *path, const char *name, const char *v)
{
	assert_int_equal(
		tree_set_xattr(tree_lookup(f->t, path)->inode, name, v, strlen(v), &f->err), 0);
}

static void write_ok(struct fixture *f, const char *name)
{
	if (writer_dir(f->t, f->fd, name, &params, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

/* What lies in the fixture's directory. */
static unsigned entries(const struct fixture *f)
{
	DIR *d = opendir(f->dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void stat_of(const struct fixture *f, const char *path, struct stat *st)
{
	if (fstatat(f->fd, path, st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

/* The UUID of a tree's erofs is a hash of everything in the tree. */
static void fingerprint(struct tree *t, uint8_t uuid[16])
{
	struct writer_result res = { 0 };
	struct error err = ERROR_INIT;
	_cleanup_fd_ int fd = -1;

	assert_int_equal(fd_memfd("fingerprint", &fd), 0);
	if (writer_erofs.write(t, &params, fd, 0, &res, &err) < 0)
		fail_msg("%s", err.msg);
	memcpy(uuid, res.uuid, 16);
}

/* Everything a tree can hold comes back as it was. */
static void round_trip(void **state)
{
	const struct source_dir_params dp = { .target = "" };
	struct fixture *f = *state;
	_cleanup_tree_ struct tree *t = NULL, *back = tree_new();
	uint8_t before[16], after[16];
	_cleanup_fd_ int fd = -1;
	struct stat st;

	need_root();
	t = torture_tree(0);
	if (writer_dir(t, f->fd, "out", &params, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	fd = openat(f->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source_add_dir(back, fd, &dp, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	fingerprint(t, before);
	fingerprint(back, after);
	assert_memory_equal(before, after, 16);
	/* and some of it said again, without our reader */
	stat_of(f, "out/owned", &st);
	assert_int_equal(st.st_uid, 4000000000u);
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	stat_of(f, "out/bin/su", &st);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_mtim.tv_sec, 1600000001);
	stat_of(f, "out/bin/wall", &st);
	assert_int_equal(st.st_mtim.tv_sec, TORTURE_EPOCH);
	stat_of(f, "out/dev/big", &st);
	assert_true(S_ISCHR(st.st_mode) && major(st.st_rdev) == 511 &&
		    minor(st.st_rdev) == 0x54321);
	stat_of(f, "out/data/sparse", &st);
	assert_int_equal(st.st_size, TORTURE_SPARSE);
	assert_true(st.st_blocks * 512 < 1 << 20);
	stat_of(f, "out/zz/last", &st);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(entries(f), 1);
}

static void xattrs_are_set(void **state)
{
	/* VFS_CAP_REVISION_2 (include/uapi/linux/capability.h) with cap_net_raw, effective. */
	static const uint8_t cap[20] = { 1, 0, 0, 2, 0, 0x20 };
	struct fixture *f = *state;
	char path[300], value[64];

	need_root();
	add(f, "ping",
	    (struct tree_attr){ .mode = S_IFREG | 0555, .uid = 1000, .mtime_sec = 1600000000 });
	add(f, "link", (struct tree_attr){ .mode = S_IFLNK | 0777, .target = "ping" });
	add(f, "d", (struct tree_attr){ .mode = S_IFDIR | 0555 });
	assert_int_equal(tree_set_xattr(tree_lookup(f->t, "ping")->inode, "security.capability",
					cap, sizeof(cap), &f->err),
			 0);
	set_xattr(f, "link", "trusted.onlink", "l");
	set_xattr(f, "d", "trusted.dir", "dir");
	if (writer_dir(f->t, f->fd, "out", &params, &f->err) == -ENOTSUP) {
		skip_because("%s has no extended attributes", f->dir);
	}
	snprintf(path, sizeof(path), "%s/out/ping", f->dir);
	assert_int_equal(lgetxattr(path, "security.capability", value, sizeof(value)), 20);
	assert_memory_equal(value, cap, 20);
	snprintf(path, sizeof(path), "%s/out/link", f->dir);
	assert_int_equal(lgetxattr(path, "trusted.onlink", value, sizeof(value)), 1);
	snprintf(path, sizeof(path), "%s/out/d", f->dir);
	assert_int_equal(lgetxattr(path, "trusted.dir", value, sizeof(value)), 3);
	assert_memory_equal(value, "dir", 3);
}

static void fill_for_user(struct fixture *f)
{
	struct blob b = BLOB_INIT;

	assert_int_equal(blob_from_bytes(&b, "hello", 5), 0);
	add(f, "bin/prog",
	    (struct tree_attr){ .mode = S_IFREG | 06755, .content = &b, .mtime_sec = 1234567890 });
	assert_int_equal(tree_link(f->t, "zz/other", "bin/prog", TREE_ADD_PARENTS, NULL, &f->err),
			 0);
	/* what the caller itself could not enter, once it has its mode */
	add(f, "closed/in", (struct tree_attr){ .mode = S_IFREG | 0, .uid = 7 });
	add(f, "closed", (struct tree_attr){ .mode = S_IFDIR | 0, .mtime_sec = 1111111111 });
	assert_int_equal(tree_link(f->t, "zz/in", "closed/in", 0, NULL, &f->err), 0);
	add(f, "tmp", (struct tree_attr){ .mode = S_IFDIR | 03777, .gid = 5 });
	add(f, "fifo", (struct tree_attr){ .mode = S_IFIFO | 0620 });
	add(f, "gone", (struct tree_attr){ .mode = S_IFCHR | 0 }); /* a whiteout */
	add(f, "abs",
	    (struct tree_attr){ .mode = S_IFLNK | 0777, .target = "/etc/passwd", .mtime_sec = 22 });
}

static void as_ordinary_user(void **state)
{
	struct fixture *f = *state;
	char text[8] = "", path[300];
	struct stat st, link;
	mode_t mask = umask(077);
	_cleanup_fd_ int fd = -1;

	fill_for_user(f);
	become_user();
	if (writer_dir(f->t, f->fd, "out/", &params, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	stat_of(f, "out/bin/prog", &st);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_gid, getegid());
	assert_int_equal(st.st_mode, S_IFREG | 0755); /* set-id bits would be the caller's */
	assert_int_equal(st.st_mtim.tv_sec, 1234567890);
	assert_int_equal(st.st_nlink, 2);
	stat_of(f, "out/zz/other", &link);
	assert_int_equal(st.st_ino, link.st_ino);
	fd = openat(f->fd, "out/zz/other", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_full(fd, text, 5), 0);
	assert_string_equal(text, "hello");
	stat_of(f, "out/closed", &st);
	assert_int_equal(st.st_mode, S_IFDIR);
	assert_int_equal(st.st_mtim.tv_sec, 1111111111);
	stat_of(f, "out/zz/in", &st);
	assert_int_equal(st.st_mode, S_IFREG);
	stat_of(f, "out/tmp", &st);
	assert_int_equal(st.st_mode, S_IFDIR | 03777);
	stat_of(f, "out/fifo", &st);
	assert_int_equal(st.st_mode, S_IFIFO | 0620);
	stat_of(f, "out/gone", &st);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	stat_of(f, "out/abs", &st);
	assert_int_equal(st.st_mtim.tv_sec, 22);
	assert_int_equal(st.st_size, 11);
	stat_of(f, "out", &st);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	snprintf(path, sizeof(path), "%s/out/closed", f->dir);
	assert_int_equal(chmod(path, 0700), 0);
	drop_user();
	umask(mask);
}

/* Runs the writer, as an ordinary user, on what must be refused, and looks that nothing is left. */
static void refused(struct fixture *f, const char *name, int code, const char *message)
{
	unsigned before = entries(f);

	error_clear(&f->err);
	become_user();
	assert_int_equal(writer_dir(f->t, f->fd, name, &params, &f->err), code);
	drop_user();
	assert_string_equal(f->err.msg, message);
	assert_int_equal(f->err.code, code);
	assert_int_equal(entries(f), before);
}

static void user_is_refused(void **state)
{
	struct fixture *f = *state;

	fill_for_user(f);
	add(f, "dev/null",
	    (struct tree_attr){ .mode = S_IFCHR | 0666, .rdev_major = 1, .rdev_minor = 3 });
	refused(f, "out", -EPERM,
		"/dev/null: cannot make the character device as an ordinary user: Operation not "
		"permitted");
	tree_remove(f->t, tree_lookup(f->t, "dev/null"));
	add(f, "dev/sda",
	    (struct tree_attr){ .mode = S_IFBLK | 0666, .rdev_major = 8, .rdev_minor = 0 });
	refused(f, "out", -EPERM,
		"/dev/sda: cannot make the block device as an ordinary user: Operation not "
		"permitted");
	tree_remove(f->t, tree_lookup(f->t, "dev"));
	set_xattr(f, "bin/prog", "security.odd", "x");
	refused(f, "out", -EPERM,
		"/bin/prog: cannot set its extended attribute \"security.odd\" as an ordinary "
		"user: Operation not permitted");
}

/* The failure comes when /closed has mode 0 already: it must go away all the same. */
static void late_failure_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	fill_for_user(f);
	set_xattr(f, "zz", "security.odd", "x");
	refused(f, "out", -EPERM,
		"/zz: cannot set its extended attribute \"security.odd\" as an ordinary user: "
		"Operation not permitted");
}

static void dropped_xattrs(void **state)
{
	const struct writer_params p = { .epoch = TORTURE_EPOCH, .drop_xattrs = true };
	struct fixture *f = *state;

	add(f, "prog", (struct tree_attr){ .mode = S_IFREG | 0755 });
	set_xattr(f, "prog", "security.odd", "x");
	become_user();
	if (writer_dir(f->t, f->fd, "out", &p, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	drop_user();
	assert_int_equal(entries(f), 1);
}

static void places_are_refused(void **state)
{
	struct fixture *f = *state;

	add(f, "x", (struct tree_attr){ .mode = S_IFREG | 0644 });
	assert_int_equal(mkdirat(f->fd, "full", 0755), 0);
	assert_int_equal(symlinkat("nowhere", f->fd, "dangling"), 0);
	assert_int_equal(file_write_atomic(f->fd, "file", 0644, "", 0, &f->err), 0);
	refused(f, "full", -EEXIST, "'full' exists already");
	refused(f, "file", -EEXIST, "'file' exists already");
	refused(f, "dangling", -EEXIST, "'dangling' exists already");
	refused(f, ".", -EEXIST, "'.' exists already");
	refused(f, "", -EINVAL, "'' is no name for a new directory");
	refused(f, "none/..", -EINVAL, "'none/..' is no name for a new directory");
	refused(f, "none/out", -ENOENT, "'none/out': No such file or directory");
	refused(f, "file/out", -ENOTDIR, "'file/out': Not a directory");
}

static void content_that_shrank(void **state)
{
	struct fixture *f = *state;
	struct blob b = BLOB_INIT;
	int fd;

	assert_int_equal(fd_memfd("short", &fd), 0);
	assert_int_equal(tree_keep_fd(f->t, fd), 0);
	blob_from_fd(&b, fd, 0, 5000);
	add(f, "a/b/c", (struct tree_attr){ .mode = S_IFREG | 0644, .content = &b });
	refused(f, "out", -EIO, "/a/b/c: 'content' became shorter while it was read");
}

static void appears_meanwhile(void **state)
{
	struct fixture *f = *state;
	_cleanup_dir_out_ struct dir_out o = DIR_OUT_INIT;

	add(f, "x", (struct tree_attr){ .mode = S_IFREG | 0644 });
	assert_int_equal(dir_out_write(&o, f->t, f->fd, "out", &params, &f->err), 0);
	assert_int_equal(entries(f), 1);
	assert_int_equal(faccessat(f->fd, "out", F_OK, 0), -1);
	assert_int_equal(mkdirat(f->fd, "out", 0755), 0); /* empty: rename(2) would replace it */
	assert_int_equal(dir_out_commit(&o, &f->err), -EEXIST);
	assert_string_equal(f->err.msg, "'out' exists already");
	dir_out_release(&o);
	assert_int_equal(entries(f), 1);
	assert_int_equal(unlinkat(f->fd, "out", AT_REMOVEDIR), 0);
}

/* Owner, mode and time of a symbolic link are its own; what it points to keeps what it has. */
static void links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	char target[300];
	struct stat before, after;

	assert_int_equal(file_write_atomic(f->fd, "outside", 0640, "x", 1, &f->err), 0);
	stat_of(f, "outside", &before);
	snprintf(target, sizeof(target), "%s/outside", f->dir);
	add(f, "l",
	    (struct tree_attr){
		    .mode = S_IFLNK | 0777, .uid = 12, .target = target, .mtime_sec = 99 });
	write_ok(f, "out");
	stat_of(f, "outside", &after);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_uid, after.st_uid);
	assert_int_equal(before.st_ctim.tv_sec, after.st_ctim.tv_sec);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	stat_of(f, "out/l", &after);
	assert_int_equal(after.st_mtim.tv_sec, 99);
	assert_int_equal(after.st_uid, geteuid() ? geteuid() : 12);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(round_trip),
		CASE(xattrs_are_set),
		CASE(as_ordinary_user),
		CASE(user_is_refused),
		CASE(late_failure_leaves_nothing),
		CASE(dropped_xattrs),
		CASE(places_are_refused),
		CASE(content_that_shrank),
		CASE(appears_meanwhile),
		CASE(links_are_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
