/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"

static char top[] = "/tmp/test_path-XXXXXX";
static int root = -1;

static void put(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static int setup(void **state)
{
	_cleanup_free_ char *inner = NULL;

	assert_non_null(mkdtemp(top));
	inner = path_join(top, "root");
	assert_int_equal(mkdir(inner, 0755), 0);
	root = open(inner, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	assert_int_equal(mkdirat(root, "a", 0755), 0);
	assert_int_equal(mkdirat(root, "a/b", 0755), 0);
	put("etc/hostname", "inside");
	put("../secret", "outside");
	assert_int_equal(symlinkat("/etc/hostname", root, "abs"), 0);
	assert_int_equal(symlinkat("../../../../etc/hostname", root, "a/up"), 0);
	assert_int_equal(symlinkat("../secret", root, "escape"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", root, "exe"), 0);
	assert_int_equal(symlinkat("/a/b", root, "dirlink"), 0);
	assert_int_equal(symlinkat("new-target", root, "dangling"), 0);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	root = fd_close(root);
	assert_int_equal(file_remove_tree(AT_FDCWD, top, &err), 0);
	return 0;
}

static void check_reads(const char *path, const char *want)
{
	_cleanup_fd_ int fd = path_open_in_root(root, path, O_RDONLY, 0);
	char buf[16] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) > 0);
	assert_string_equal(buf, want);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void stays_inside(void **state)
{
	check_reads("/etc/hostname", "inside");
	check_reads("abs", "inside");
	check_reads("a/up", "inside");
	check_reads("../../etc/../etc//./hostname", "inside");
	assert_int_equal(path_open_in_root(root, "escape", O_RDONLY, 0), -ENOENT);
	assert_int_equal(path_open_in_root(root, "../secret", O_RDONLY, 0), -ENOENT);
	assert_int_equal(path_open_in_root(root, "loop", O_RDONLY, 0), -ELOOP);
	assert_int_equal(path_open_in_root(root, "exe", O_RDONLY, 0), -ENOENT);
	assert_int_equal(path_open_in_root(root, "etc/hostname/x", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(path_open_in_root(root, "abs", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
}

static void makes_what_is_missing(void **state)
{
	struct stat st;
	_cleanup_fd_ int dir = path_mkdir_in_root(root, "dirlink/../b/c/d", 0700), file = -1,
			 dup = -1, dang = -1;

	assert_true(dir >= 0);
	assert_int_equal(fstatat(root, "a/b/c/d", &st, 0), 0);
	file = path_mkfile_in_root(root, "x/y/file", 0600);
	assert_true(file >= 0);
	assert_int_equal(fstatat(root, "x/y/file", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	dup = path_mkfile_in_root(root, "x/y/file", 0600);
	assert_true(dup >= 0);
	dang = path_mkfile_in_root(root, "dangling", 0600);
	assert_true(dang >= 0);
	assert_int_equal(fstatat(root, "new-target", &st, 0), 0);
	assert_int_equal(path_mkdir_in_root(root, "escape/d", 0755), -ENOENT);
	assert_int_equal(file_remove_tree(root, "x", NULL), 0);
	assert_int_equal(file_remove_tree(root, "a/b/c", NULL), 0);
	assert_int_equal(unlinkat(root, "new-target", 0), 0);
}

/* From here on the kernel says it has no openat2. */
static bool forbid_openat2(void)
{
	struct sock_filter prog[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog fprog = { ARRAY_SIZE(prog), prog };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) < 0) {
		assert_true(errno == EINVAL || errno == ENOSYS);
		printf("skipped: no seccomp filters here (an emulator of user programs has none)\n");
		return false;
	}
	assert_int_equal(syscall(SYS_openat2, -1, "", NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
	return true;
}

/* The same tests again: the walk must agree with the kernel. */
static void without_openat2(void **state)
{
	if (!forbid_openat2())
		skip_because("openat2() cannot be forbidden here");
	stays_inside(state);
	makes_what_is_missing(state);
}

static void ids(void **state)
{
	char big[1100];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_true(path_valid_id("a"));
	assert_true(path_valid_id("web_1.x-y"));
	assert_false(path_valid_id(""));
	assert_false(path_valid_id(NULL));
	assert_false(path_valid_id(".."));
	assert_false(path_valid_id("-x"));
	assert_false(path_valid_id("a/b"));
	assert_false(path_valid_id("a\nb"));
	assert_false(path_valid_id(big));
}

static void check_clean(const char *in, const char *want)
{
	_cleanup_free_ char *out = path_clean(in);

	assert_string_equal(out, want);
}

static void lexical_forms(void **state)
{
	_cleanup_free_ char *a = path_join("/", "x"), *b = path_join("a//", "/b"),
			    *c = path_absolute("rel");

	assert_string_equal(a, "/x");
	assert_string_equal(b, "a/b");
	assert_int_equal(c[0], '/');
	check_clean("/a/./b//../c/", "/a/c");
	check_clean("/../..", "/");
	check_clean("../../x", "../../x");
	check_clean("a/../..", "..");
	check_clean("", ".");
	check_clean("a/..", ".");
	assert_string_equal(path_base("/a/b"), "b");
	assert_string_equal(path_base("b"), "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_inside),
		cmocka_unit_test(makes_what_is_missing),
		cmocka_unit_test(ids),
		cmocka_unit_test(lexical_forms),
		cmocka_unit_test(without_openat2),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
