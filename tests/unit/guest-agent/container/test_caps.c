/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "container/caps.h"
#include "container/identity.h"

static void test_names(void **state)
{
	assert_int_equal(cap_parse("CAP_CHOWN"), CAP_CHOWN);
	assert_int_equal(cap_parse("cap_net_admin"), CAP_NET_ADMIN);
	assert_int_equal(cap_parse("CAP_CHECKPOINT_RESTORE"), CAP_LAST_CAP);
	assert_int_equal(cap_parse("CHOWN"), -EINVAL);
	assert_int_equal(cap_parse("CAP_"), -EINVAL);
	assert_int_equal(cap_parse(""), -EINVAL);
	assert_int_equal(cap_parse(NULL), -EINVAL);
}

static void test_sets(void **state)
{
	char *two[] = { (char *)"CAP_KILL", (char *)"CAP_BPF", NULL };
	char *bad[] = { (char *)"CAP_KILL", (char *)"CAP_NO", NULL };
	struct oci_capabilities caps = { .bounding = { two, 2 }, .ambient = { two, 1 } };
	struct error err = ERROR_INIT;
	struct cap_sets sets;

	assert_int_equal(cap_sets_parse(&caps, &sets, &err), 0);
	assert_int_equal(sets.bounding, 1ULL << CAP_KILL | 1ULL << CAP_BPF);
	assert_int_equal(sets.ambient, 1ULL << CAP_KILL);
	assert_int_equal(sets.effective, 0);
	caps.inheritable.v = bad;
	caps.inheritable.n = 2;
	assert_int_equal(cap_sets_parse(&caps, &sets, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "process.capabilities.inheritable: unknown capability \"CAP_NO\"");
}

static void test_rlimits(void **state)
{
	assert_int_equal(rlimit_parse("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_parse("RLIMIT_RTTIME"), RLIMIT_RTTIME);
	assert_int_equal(rlimit_parse("NOFILE"), -EINVAL);
	assert_int_equal(rlimit_parse(NULL), -EINVAL);
}

static void test_find_program(void **state)
{
	char *env[] = { (char *)"A=b", (char *)"PATH=/nonexistent::/bin:/usr/bin", NULL };
	char *none[] = { NULL };
	struct error err = ERROR_INIT;
	char *path = NULL;

	assert_int_equal(identity_find_program("sh", env, &path, &err), 0);
	assert_string_equal(path, "/bin/sh");
	free(path);
	assert_int_equal(identity_find_program("/bin/sh", none, &path, &err), 0);
	assert_string_equal(path, "/bin/sh");
	free(path);
	/* Without PATH there is nowhere to look, as with other runtimes. */
	assert_int_equal(identity_find_program("sh", none, &path, &err), -ENOENT);
	assert_int_equal(identity_find_program("", env, &path, &err), -ENOENT);
	assert_string_equal(err.msg, "exec \"\": No such file or directory");
	assert_int_equal(identity_find_program("/bin", env, &path, &err), -EACCES);
	assert_string_equal(err.msg, "exec \"/bin\": Permission denied");
	assert_int_equal(identity_find_program("no-such-program", env, &path, &err), -ENOENT);
	assert_string_equal(err.msg,
			    "exec \"no-such-program\": executable file not found in $PATH: "
			    "No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_rlimits),
		cmocka_unit_test(test_find_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
