/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts and device nodes below a root that belongs to somebody else: what is refused, and what is made. */
#include "container/mount.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "container/devnode.h"
#include "support/cmocka_all.h"

static char top[] = "/tmp/test_mount.XXXXXX";
static char rootdir[64];
static int root = -1;

/* TOP/root: a root with the symlinks of an attacker; TOP/outside: what they aim at. */
static int setup(void **state)
{
	char path[160];

	if (!mkdtemp(top))
		return -1;
	snprintf(rootdir, sizeof(rootdir), "%s/root", top);
	assert_int_equal(mkdir(rootdir, 0755), 0);
	snprintf(path, sizeof(path), "%s/outside", top);
	assert_int_equal(mkdir(path, 0755), 0);
	root = open(rootdir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_int_equal(symlinkat("../outside", root, "up"), 0);
	assert_int_equal(symlinkat(path, root, "absolute"), 0);
	return 0;
}

static int teardown(void **state)
{
	fd_close(root);
	return file_remove_tree(AT_FDCWD, top, NULL);
}

static void refused(struct oci_mount m, const char *option, int code, const char *text)
{
	const struct mount_env env = { .rootfd = root, .tree = -1 };
	char *options[] = { (char *)option };
	struct error err = ERROR_INIT;

	if (option)
		m.options = (struct oci_strings){ options, 1 };
	assert_int_equal(mount_one(&env, &m, &err), code);
	assert_string_equal(err.msg, text);
}

#define MOUNT(dst, src, fs)                                                                 \
	(struct oci_mount)                                                                  \
	{                                                                                   \
		.destination = (char *)(dst), .source = (char *)(src), .type = (char *)(fs) \
	}

static void test_refused(void **state)
{
	refused(MOUNT("data", "/tmp", "bind"), NULL, -EINVAL,
		"mount destination \"data\" is not an absolute path");
	refused(MOUNT(NULL, "/tmp", "bind"), NULL, -EINVAL,
		"mount destination \"\" is not an absolute path");
	refused(MOUNT("/data", "/tmp", NULL), NULL, -EINVAL,
		"mount \"/data\": no type and no \"bind\" option");
	refused(MOUNT("/data", "tmp", "bind"), NULL, -EINVAL,
		"mount \"/data\": bind source \"tmp\" is not an absolute path");
	refused(MOUNT("/data", NULL, NULL), "rbind", -EINVAL,
		"mount \"/data\": bind source \"\" is not an absolute path");
	refused(MOUNT("/data", "/no/such", "bind"), NULL, -ENOENT,
		"mount \"/data\": cannot open source \"/no/such\": No such file or directory");
	refused(MOUNT("/cg", "cgroup", "cgroup"), NULL, -EOPNOTSUPP,
		"mount \"/cg\": no cgroup version 2 hierarchy here");
	/* Nothing was made on the way. */
	assert_int_equal(faccessat(root, "data", F_OK, 0), -1);
}

static void test_missing_is_success(void **state)
{
	int empty = -1;
	struct error err = ERROR_INIT;

	assert_int_equal(mount_mask(root, "/proc/nowhere", &empty, &err), 0);
	assert_int_equal(mount_readonly(root, "/proc/nowhere", &err), 0);
	/* A link that leads out of the root leads nowhere inside of it. */
	assert_int_equal(mount_mask(root, "/up/x", &empty, &err), 0);
}

static int in_namespace(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		root = open(rootdir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* of this namespace */
		_exit(fn() & 0xff);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* The line that failed, or 0. */
static int mount_through_links(void)
{
	const struct mount_env env = { .rootfd = root, .tree = -1 };
	struct oci_mount m = MOUNT("/up/in", "tmpfs", "tmpfs");
	char path[160];
	struct error err = ERROR_INIT;
	struct stat a, b;

	snprintf(path, sizeof(path), "%s%s/outside", rootdir, top);
	if (mkdirat(root, "outside", 0755) < 0 || file_mkdir_p(AT_FDCWD, path, 0755, NULL) < 0)
		return __LINE__;
	/* Both kinds of link end below the root, however they are written. */
	if (mount_one(&env, &m, &err) < 0)
		return __LINE__;
	m.destination = (char *)"/absolute/in";
	if (mount_one(&env, &m, &err) < 0)
		return __LINE__;
	snprintf(path, sizeof(path), "%s/outside/in", top);
	if (access(path, F_OK) == 0)
		return __LINE__;
	snprintf(path, sizeof(path), "%s/outside/in", rootdir);
	if (stat(path, &a) < 0 || stat(rootdir, &b) < 0 || a.st_dev == b.st_dev)
		return __LINE__;
	snprintf(path, sizeof(path), "%s%s/outside/in", rootdir, top);
	if (stat(path, &a) < 0 || a.st_dev == b.st_dev)
		return __LINE__;
	return 0;
}

static int mask_and_protect(void)
{
	int empty = -1;
	struct error err = ERROR_INIT;
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/secret", rootdir);
	if (file_write_atomic(AT_FDCWD, path, 0644, "s", 1, NULL) < 0)
		return __LINE__;
	if (mount_mask(root, "/secret", &empty, &err) < 0 || stat(path, &st) < 0 ||
	    !S_ISCHR(st.st_mode))
		return __LINE__;
	snprintf(path, sizeof(path), "%s/dir/file", rootdir);
	if (mkdirat(root, "dir", 0755) < 0 ||
	    file_write_atomic(AT_FDCWD, path, 0644, "s", 1, NULL) < 0)
		return __LINE__;
	if (mount_readonly(root, "/dir", &err) < 0 || open(path, O_WRONLY | O_CLOEXEC) >= 0 ||
	    errno != EROFS)
		return __LINE__;
	if (mount_mask(root, "/dir", &empty, &err) < 0 || access(path, F_OK) == 0)
		return __LINE__;
	return 0;
}

static int populate_dev(void)
{
	struct oci_device d = { .path = (char *)"/dev/sub/mine",
				.type = 'c',
				.major = 1,
				.minor = 3,
				.has_file_mode = true,
				.file_mode = 0640,
				.has_gid = true,
				.gid = 7 };
	struct oci_linux l = { .devices = &d, .n_devices = 1 };
	struct error err = ERROR_INIT;
	char link[64];
	struct stat st;

	if (devnode_populate(root, &l, &err) < 0)
		return 77; /* no mknod here */
	/* Again: what is there already is right. */
	if (devnode_populate(root, &l, &err) < 0)
		return __LINE__;
	if (fstatat(root, "dev/sub/mine", &st, 0) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(1, 3) || (st.st_mode & 07777) != 0640 || st.st_gid != 7)
		return __LINE__;
	if (fstatat(root, "dev/null", &st, 0) < 0 || (st.st_mode & 07777) != 0666)
		return __LINE__;
	if (readlinkat(root, "dev/ptmx", link, sizeof(link)) != 8 || memcmp(link, "pts/ptmx", 8))
		return __LINE__;
	/* A file in the place of a node is replaced. */
	d.minor = 5;
	if (devnode_populate(root, &l, &err) < 0 || fstatat(root, "dev/sub/mine", &st, 0) < 0 ||
	    st.st_rdev != makedev(1, 5))
		return __LINE__;
	return 0;
}

static void check(int line)
{
	if (line == 77)
		skip_because("no mount namespace or device node can be made here");
	assert_int_equal(line, 0);
}

static void test_links_stay_inside(void **state)
{
	check(in_namespace(mount_through_links));
}

static void test_mask_and_readonly(void **state)
{
	check(in_namespace(mask_and_protect));
}

static void test_devices(void **state)
{
	check(in_namespace(populate_dev));
}

static void test_devices_refused(void **state)
{
	struct oci_device d = { .path = (char *)"null", .type = 'c', .major = 1, .minor = 3 };
	struct oci_linux l = { .devices = &d, .n_devices = 1 };
	struct error err = ERROR_INIT;

	if (geteuid() != 0)
		skip_because("needs root");
	assert_int_equal(devnode_populate(root, &l, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.devices[0]: path is not absolute");
	d.path = (char *)"/dev/x";
	d.type = 'z';
	assert_int_equal(devnode_populate(root, &l, &err), -EINVAL);
	assert_string_equal(err.msg, "device \"/dev/x\": bad type or name");
	d.type = 'c';
	d.path = (char *)"/dev/";
	assert_int_equal(devnode_populate(root, &l, &err), -EINVAL);
	assert_string_equal(err.msg, "device \"/dev/\": bad type or name");
}

static void test_dev_is_bound(void **state)
{
	char *bind[] = { (char *)"ro", (char *)"rbind" };
	struct oci_mount m[2] = { MOUNT("/data", "/x", "bind"), MOUNT("/dev", "tmpfs", "tmpfs") };
	struct oci_spec spec = { .mounts = m, .n_mounts = 2 };

	assert_false(devnode_dev_is_bound(&spec));
	m[1].options = (struct oci_strings){ bind, 2 };
	assert_true(devnode_dev_is_bound(&spec));
	m[1].destination = (char *)"/dev/";
	assert_true(devnode_dev_is_bound(&spec));
	m[1].destination = (char *)"/dev/shm";
	assert_false(devnode_dev_is_bound(&spec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),		  cmocka_unit_test(test_missing_is_success),
		cmocka_unit_test(test_links_stay_inside), cmocka_unit_test(test_mask_and_readonly),
		cmocka_unit_test(test_devices),		  cmocka_unit_test(test_devices_refused),
		cmocka_unit_test(test_dev_is_bound),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
