/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"

static char top[] = "/tmp/test_file-XXXXXX";
static int dir = -1;

static int setup(void **state)
{
	assert_non_null(mkdtemp(top));
	dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int teardown(void **state)
{
	dir = fd_close(dir);
	return file_remove_tree(AT_FDCWD, top, NULL);
}

static unsigned entries(void)
{
	DIR *d = opendir(top);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void read_has_a_limit_and_names_the_path(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(file_write_atomic(dir, "f", 0640, "hello", 5, &err), 0);
	assert_int_equal(file_read(dir, "f", 5, &sb, &err), 0);
	assert_string_equal(sb.buf, "hello");
	assert_int_equal(file_read(dir, "f", 4, &sb, &err), -EFBIG);
	assert_string_equal(err.msg, "f: larger than 4 bytes");
	assert_int_equal(file_read(dir, "none", 4, &sb, &err), -ENOENT);
	assert_string_equal(err.msg, "none: No such file or directory");
}

static void output_appears_only_when_committed(void **state)
{
	struct file_out o = FILE_OUT_INIT;
	struct error err = ERROR_INIT;
	unsigned before = entries();
	struct stat st;

	assert_int_equal(file_out_open(&o, dir, "out", 0600, &err), 0);
	assert_int_equal(fd_write_full(o.fd, "half", 4), 0);
	assert_int_equal(faccessat(dir, "out", F_OK, 0), -1);
	file_out_release(&o);
	assert_int_equal(entries(), before);
	assert_int_equal(file_out_open(&o, dir, "out", 0600, &err), 0);
	assert_int_equal(file_out_commit(&o, &err), 0);
	assert_int_equal(fstatat(dir, "out", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(entries(), before + 1);
	assert_int_equal(file_out_open(&o, dir, "no/such/dir", 0600, &err), -ENOENT);
	assert_string_equal(err.msg, "no/such/dir: No such file or directory");
}

static void kernel_files_are_not_created(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(file_write_existing(dir, "absent", "1", &err), -ENOENT);
	assert_int_equal(file_write_existing(dir, "f", "2", &err), 0);
}

static void trees_come_and_go(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(file_mkdir_p(dir, "a/b//c", 0755, &err), 0);
	assert_int_equal(file_mkdir_p(dir, "a/b/c", 0755, &err), 0);
	assert_int_equal(symlinkat("/etc", dir, "a/link"), 0);
	assert_int_equal(file_mkdir_p(dir, "f/x", 0755, &err), -ENOTDIR);
	assert_int_equal(file_remove_tree(dir, "a", &err), 0);
	assert_int_equal(faccessat(dir, "a", F_OK, 0), -1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	assert_int_equal(file_remove_tree(dir, "a", &err), 0);
}

/* What somebody bound there is not ours, although it is on the same file system. */
static void removal_stops_at_mounts(void **state)
{
	char root[] = "/tmp/test_file_mnt.XXXXXX", path[64], precious[80];
	struct error err = ERROR_INIT;
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/mine/mnt", root);
	assert_int_equal(file_mkdir_p(AT_FDCWD, path, 0755, NULL), 0);
	snprintf(precious, sizeof(precious), "%s/theirs/file", root);
	snprintf(path, sizeof(path), "%s/theirs", root);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, precious, 0644, "x", 1, NULL), 0);
	pid = fork();
	if (pid == 0) {
		char mine[64], target[64];

		snprintf(mine, sizeof(mine), "%s/mine", root);
		snprintf(target, sizeof(target), "%s/mine/mnt", root);
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(path, target, NULL, MS_BIND, NULL) < 0)
			_exit(77);
		_exit(file_remove_tree(AT_FDCWD, mine, &err) == -EXDEV &&
				      strstr(err.msg, "mnt: is a mount point") &&
				      file_remove_tree(AT_FDCWD, target, NULL) == -EXDEV &&
				      access(precious, F_OK) == 0
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, NULL), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip_because("no mount namespace can be made here");
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_has_a_limit_and_names_the_path),
		cmocka_unit_test(output_appears_only_when_committed),
		cmocka_unit_test(kernel_files_are_not_created),
		cmocka_unit_test(trees_come_and_go),
		cmocka_unit_test(removal_stops_at_mounts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
