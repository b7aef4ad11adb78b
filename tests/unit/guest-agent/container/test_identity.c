/* SPDX-License-Identifier: Apache-2.0 */
#include "container/identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

static char dir[] = "/tmp/test_identity.XXXXXX";
static char path_var[128];

/* DIR/a: empty; DIR/b: "prog" that cannot be executed, and a directory "sub"; DIR/c: "prog" that can, "self" the test itself. */
static int setup(void **state)
{
	char path[96];

	if (!mkdtemp(dir))
		return -1;
	for (const char *d = "abc"; *d; d++) {
		snprintf(path, sizeof(path), "%s/%c", dir, *d);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	snprintf(path, sizeof(path), "%s/b/sub", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/b/prog", dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, "#!", 2, NULL), 0);
	snprintf(path, sizeof(path), "%s/c/prog", dir);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0755, "#!", 2, NULL), 0);
	snprintf(path, sizeof(path), "%s/c/self", dir);
	assert_int_equal(symlink("/proc/self/exe", path), 0);
	snprintf(path_var, sizeof(path_var), "PATH=%s/a:%s/b:%s/c", dir, dir, dir);
	return 0;
}

static int teardown(void **state)
{
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

static void refused(const char *name, int code, const char *text)
{
	char *env[] = { path_var, NULL };
	struct error err = ERROR_INIT;
	char *found = NULL;

	assert_int_equal(identity_find_program(name, env, &found, &err), code);
	assert_string_equal(err.msg, text);
	assert_null(found);
}

static void test_find_program(void **state)
{
	char *env[] = { path_var, NULL };
	_cleanup_free_ char *want = str_printf("%s/c/prog", dir);
	_cleanup_free_ char *plain = str_printf("%s/b/prog", dir);
	_cleanup_free_ char *text = str_printf("exec \"%s\": Permission denied", plain);
	_cleanup_free_ char *found = NULL, *again = NULL;
	struct error err = ERROR_INIT;

	/* What cannot be executed does not end the search. */
	assert_int_equal(identity_find_program("prog", env, &found, &err), 0);
	assert_string_equal(found, want);
	assert_int_equal(identity_find_program(want, env, &again, &err), 0);
	assert_string_equal(again, want);
	refused(plain, -EACCES, text);
	refused("sub", -EACCES, "exec \"sub\": Permission denied");
	refused("self", -EACCES, "exec \"self\": Permission denied");
	refused("/proc/self/exe", -EACCES, "exec \"/proc/self/exe\": Permission denied");
	refused("nope", -ENOENT,
		"exec \"nope\": executable file not found in $PATH: No such file or directory");
	refused("/no/such", -ENOENT, "exec \"/no/such\": No such file or directory");
	refused("", -ENOENT, "exec \"\": No such file or directory");
	refused(NULL, -ENOENT, "exec \"\": No such file or directory");
}

/* The names that it adds itself are malloc'd. */
static void free_env(char **env, size_t own)
{
	size_t n = 0;

	while (env[n])
		n++;
	for (size_t i = 0; i < own; i++)
		free(env[n - 1 - i]);
	free(env);
}

static void test_environment(void **state)
{
	char *vars[] = { (char *)"A=1", (char *)"HOME=/h" };
	struct oci_process p = { .env = { vars, 2 } };
	char **env = identity_environment(&p);

	assert_string_equal(env[0], "A=1");
	assert_string_equal(env[1], "HOME=/h");
	assert_null(env[2]);
	free_env(env, 0);
	p.env.n = 1;
	p.terminal = true;
	p.user.uid = 4000000000; /* nobody's: no home */
	env = identity_environment(&p);
	assert_string_equal(env[1], "HOME=/");
	assert_string_equal(env[2], "TERM=xterm");
	assert_null(env[3]);
	free_env(env, 2);
}

static void test_limits(void **state)
{
	struct oci_rlimit bad = { .type = (char *)"RLIMIT_LUCK" };
	struct oci_rlimit reversed = { .type = (char *)"RLIMIT_NOFILE", .soft = 20, .hard = 10 };
	struct oci_rlimit good = { .type = (char *)"RLIMIT_CORE", .soft = 0, .hard = 0 };
	struct oci_process p = { .rlimits = &bad, .n_rlimits = 1 };
	struct error err = ERROR_INIT;
	struct rlimit now;

	assert_int_equal(rlimit_parse("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_parse("NOFILE"), -EINVAL);
	assert_int_equal(rlimit_parse(NULL), -EINVAL);
	assert_int_equal(identity_apply_limits(&p, &err), -EINVAL);
	assert_string_equal(err.msg, "process.rlimits: unknown type \"RLIMIT_LUCK\"");
	p.rlimits = &reversed;
	assert_int_equal(identity_apply_limits(&p, &err), -EINVAL);
	assert_string_equal(err.msg, "cannot set RLIMIT_NOFILE to 20:10: Invalid argument");
	p.rlimits = &good;
	assert_int_equal(identity_apply_limits(&p, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &now), 0);
	assert_int_equal(now.rlim_max, 0);
	p.n_rlimits = 0;
	p.has_oom_score_adj = true;
	p.oom_score_adj = 5000;
	assert_int_equal(identity_apply_limits(&p, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "process.oomScoreAdj 5000: "));
}

/* In a child, because it cannot be taken back. 0, or the line that failed. */
static int become(void)
{
	uint32_t groups[] = { 5, 6 };
	struct oci_process p = { .user = { .uid = 65534,
					   .gid = 65533,
					   .additional_gids = groups,
					   .n_additional_gids = 2,
					   .has_umask = true,
					   .umask = 027 },
				 .no_new_privileges = true,
				 .cwd = (char *)"/no/such" };
	struct error err = ERROR_INIT;
	uid_t r, e, s;

	if (identity_apply(&p, &err) != -ENOENT)
		return __LINE__;
	if (strcmp(err.msg,
		   "cannot change to working directory \"/no/such\": No such file or directory"))
		return __LINE__;
	return getresuid(&r, &e, &s) < 0 || r != 65534 || e != r || s != r ? __LINE__ : 0;
}

static int become_inside(void)
{
	uint32_t groups[] = { 5, 6 };
	struct oci_process p = { .user = { .uid = 65534,
					   .gid = 65533,
					   .additional_gids = groups,
					   .n_additional_gids = 2,
					   .has_umask = true,
					   .umask = 027 },
				 .cwd = dir };
	struct error err = ERROR_INIT;
	char buf[128];
	gid_t got[4];

	if (identity_apply(&p, &err) < 0)
		return __LINE__;
	if (!getcwd(buf, sizeof(buf)) || strcmp(buf, dir) != 0 || umask(0) != 027)
		return __LINE__;
	return getegid() != 65533 || getgroups(4, got) != 2 || got[0] != 5 ? __LINE__ : 0;
}

/* The root becomes DIR, while the process still is outside: where a descriptor from outside would lead. */
static int become_outside(void)
{
	struct oci_process p = { .cwd = (char *)"../.." };
	struct error err = ERROR_INIT;
	int outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (chroot(dir) < 0)
		return 77;
	if (fchdir(outside) < 0)
		return __LINE__;
	if (identity_apply(&p, &err) != -EPERM)
		return __LINE__;
	return strcmp(err.msg, "working directory \"../..\" is outside of the root") ? __LINE__ : 0;
}

static void in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn() & 0xff);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip_because("no chroot(2) here");
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_apply(void **state)
{
	if (geteuid() != 0)
		skip_because("needs root");
	assert_int_equal(chmod(dir, 0755), 0);
	in_child(become);
	in_child(become_inside);
}

static void test_outside_of_root(void **state)
{
	if (geteuid() != 0)
		skip_because("needs root");
	in_child(become_outside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_program),	cmocka_unit_test(test_environment),
		cmocka_unit_test(test_limits),		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_outside_of_root),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
