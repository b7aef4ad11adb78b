/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include "cgroup/convert.h"

static void test_weights(void **state)
{
	assert_int_equal(cgroup_weight_of_shares(0), 0);
	assert_int_equal(cgroup_weight_of_shares(1), 1);
	assert_int_equal(cgroup_weight_of_shares(2), 1);
	assert_int_equal(cgroup_weight_of_shares(1024), 39);
	assert_int_equal(cgroup_weight_of_shares(262144), 10000);
	assert_int_equal(cgroup_weight_of_shares(UINT64_MAX), 10000);
	assert_int_equal(cgroup_io_weight(0), 0);
	assert_int_equal(cgroup_io_weight(10), 1);
	assert_int_equal(cgroup_io_weight(500), 4950);
	assert_int_equal(cgroup_io_weight(1000), 10000);
}

static void test_cpu_max(void **state)
{
	char out[CGROUP_CPU_MAX_LEN];

	cgroup_cpu_max(out, 50000, 100000);
	assert_string_equal(out, "50000 100000");
	cgroup_cpu_max(out, -1, 0);
	assert_string_equal(out, "max 100000");
	cgroup_cpu_max(out, INT64_MAX, UINT64_MAX);
	assert_string_equal(out, "9223372036854775807 18446744073709551615");
}

static const char *value_of(const struct cgroup_settings *s, const char *file)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].file, file) == 0)
			return s->v[i].value;
	return "(unset)";
}

static void test_settings(void **state)
{
	struct oci_kv unified[] = { { (char *)"memory.high", (char *)"1000" } };
	struct oci_hugepage_limit huge[] = { { (char *)"2MB", 4194304 } };
	struct oci_throttle_device dev[] = { { 254, 0, 1048576 } };
	struct oci_resources r;
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct error err = ERROR_INIT;

	memset(&r, 0, sizeof(r));
	r.memory.has_limit = r.memory.has_swap = r.memory.has_reservation = true;
	r.memory.limit = 1000000;
	r.memory.swap = 1500000;
	r.memory.reservation = -1;
	r.cpu.has_shares = r.cpu.has_quota = true;
	r.cpu.shares = 1024;
	r.cpu.quota = 20000;
	r.cpu.cpus = (char *)"0-1";
	r.has_pids_limit = true;
	r.pids_limit = 10;
	r.unified = unified;
	r.n_unified = 1;
	r.hugepage_limits = huge;
	r.n_hugepage_limits = 1;
	r.block_io.read_bps.v = dev;
	r.block_io.read_bps.n = 1;
	assert_int_equal(cgroup_settings_v2(&r, &s, &err), 0);
	assert_string_equal(value_of(&s, "memory.max"), "1000000");
	assert_string_equal(value_of(&s, "memory.swap.max"), "500000");
	assert_string_equal(value_of(&s, "memory.low"), "max");
	assert_string_equal(value_of(&s, "cpu.weight"), "39");
	assert_string_equal(value_of(&s, "cpu.max"), "20000 100000");
	assert_string_equal(value_of(&s, "cpuset.cpus"), "0-1");
	assert_string_equal(value_of(&s, "cpuset.mems"), "(unset)");
	assert_string_equal(value_of(&s, "pids.max"), "10");
	assert_string_equal(value_of(&s, "hugetlb.2MB.max"), "4194304");
	assert_string_equal(value_of(&s, "io.max"), "254:0 rbps=1048576");
	assert_string_equal(value_of(&s, "memory.high"), "1000");
	cgroup_settings_release(&s);
}

/* The protocol cannot tell an absent limit from 0. */
static void test_zero_is_unset(void **state)
{
	struct oci_resources r;
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;

	memset(&r, 0, sizeof(r));
	r.memory.has_limit = r.memory.has_swap = r.cpu.has_shares = r.cpu.has_quota = true;
	r.has_pids_limit = true;
	assert_int_equal(cgroup_settings_v2(&r, &s, NULL), 0);
	assert_int_equal(s.n, 0);
	cgroup_settings_release(&s);
}

static void settings_bad(const struct oci_resources *r, const char *want)
{
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(cgroup_settings_v2(r, &s, &err), -EINVAL);
	assert_string_equal(err.msg, want);
	cgroup_settings_release(&s);
}

static void test_bad(void **state)
{
	struct oci_kv kv = { (char *)"cgroup.procs", (char *)"1" };
	struct oci_hugepage_limit huge = { (char *)"../x", 1 };
	struct oci_resources r;

	memset(&r, 0, sizeof(r));
	r.memory.has_swap = true;
	r.memory.swap = 5;
	settings_bad(&r, "linux.resources.memory.swap needs a memory limit");
	r.memory.has_limit = true;
	r.memory.limit = 6;
	settings_bad(&r, "linux.resources.memory.swap is below the memory limit");
	memset(&r, 0, sizeof(r));
	r.unified = &kv;
	r.n_unified = 1;
	settings_bad(&r, "linux.resources.unified: bad file name \"cgroup.procs\"");
	kv.key = (char *)"../memory.max";
	settings_bad(&r, "linux.resources.unified: bad file name \"../memory.max\"");
	memset(&r, 0, sizeof(r));
	r.hugepage_limits = &huge;
	r.n_hugepage_limits = 1;
	settings_bad(&r, "linux.resources.hugepageLimits[0]: bad size");
}

static void path_is(const char *path, const char *want)
{
	char *got = cgroup_clean_path(path, "id1", NULL);

	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void test_paths(void **state)
{
	path_is(NULL, "id1");
	path_is("", "id1");
	path_is("/", "id1");
	path_is("/..", "id1");
	path_is("/kata/abc", "kata/abc");
	path_is("kata//abc/", "kata/abc");
	path_is("/../../a/../b", "b");
	path_is("system.slice:kata:abc", "system.slice/kata-abc.scope");
	path_is("../x:y:../../z", "x/z.scope"); /* "y-.." is a name */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),	      cmocka_unit_test(test_cpu_max),
		cmocka_unit_test(test_settings),      cmocka_unit_test(test_bad),
		cmocka_unit_test(test_zero_is_unset), cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
