/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include "base/strbuf.h"
#include "cgroup/convert.h"

/* "FILE=VALUE" a line, "?" before an optional one and "|" before one that the next stands in for. */
static void assert_settings(struct cgroup_settings *s, const char *want)
{
	struct strbuf got = STRBUF_INIT;

	for (size_t i = 0; i < s->n; i++)
		strbuf_addf(&got, "%s%s%s=%s\n", s->v[i].optional ? "?" : "",
			    s->v[i].either ? "|" : "", s->v[i].file, s->v[i].value);
	assert_string_equal(got.buf, want);
	strbuf_release(&got);
	cgroup_settings_release(s);
}

/* Everything that the specification has, in both versions' files. */
static void full(struct oci_resources *r)
{
	static struct oci_hugepage_limit huge[] = { { (char *)"2MB", 4194304 } };
	static struct oci_throttle_device dev[] = { { 254, 1, 1000 } };
	static struct oci_weight_device weights[] = { { 8, 0, 500, 300 } };
	static struct oci_interface_priority prio[] = { { (char *)"eth0", 5 } };
	static struct oci_rdma_limit rdma[] = { { (char *)"mlx5_1", true, false, 3, 0 },
						{ (char *)"mlx4_0", true, true, 4, 1000 } };

	memset(r, 0, sizeof(*r));
	r->memory.has_limit = r->memory.has_swap = r->memory.has_reservation = true;
	r->memory.has_swappiness = r->memory.has_kernel_tcp = true;
	r->memory.limit = 1000000;
	r->memory.swap = 1500000;
	r->memory.reservation = 500000;
	r->memory.kernel_tcp = 7;
	r->memory.swappiness = 60;
	r->memory.disable_oom_killer = true;
	r->cpu.has_shares = r->cpu.has_quota = r->cpu.has_period = r->cpu.has_burst = true;
	r->cpu.has_idle = true;
	r->cpu.shares = 1024;
	r->cpu.quota = 20000;
	r->cpu.period = 50000;
	r->cpu.burst = 10;
	r->cpu.idle = 1;
	r->cpu.cpus = (char *)"0-1";
	r->cpu.mems = (char *)"0";
	r->block_io.has_weight = r->block_io.has_leaf_weight = true;
	r->block_io.weight = 100;
	r->block_io.leaf_weight = 200;
	r->block_io.weight_device = weights;
	r->block_io.n_weight_device = 1;
	r->block_io.read_bps = r->block_io.write_iops = (struct oci_throttle_list){ dev, 1 };
	r->network.has_class_id = true;
	r->network.class_id = 1048577;
	r->network.priorities = prio;
	r->network.n_priorities = 1;
	r->has_pids_limit = true;
	r->pids_limit = 10;
	r->hugepage_limits = huge;
	r->n_hugepage_limits = 1;
	r->rdma = rdma;
	r->n_rdma = 2;
}

static void test_full_v1(void **state)
{
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct oci_resources r;

	full(&r);
	r.cpu.has_rt_period = r.cpu.has_rt_runtime = true;
	r.cpu.rt_period = 1000000;
	r.cpu.rt_runtime = 950000;
	assert_int_equal(cgroup_settings_v1(&r, false, &s, NULL), 0);
	assert_settings(&s, "memory.limit_in_bytes=1000000\n"
			    "memory.memsw.limit_in_bytes=1500000\n"
			    "memory.soft_limit_in_bytes=500000\n"
			    "?memory.kmem.tcp.limit_in_bytes=7\n"
			    "memory.swappiness=60\n"
			    "memory.oom_control=1\n"
			    "cpu.shares=1024\n"
			    "cpu.cfs_period_us=50000\n"
			    "cpu.cfs_quota_us=20000\n"
			    "cpu.cfs_burst_us=10\n"
			    "cpu.idle=1\n"
			    "cpu.rt_period_us=1000000\n"
			    "cpu.rt_runtime_us=950000\n"
			    "cpuset.cpus=0-1\n"
			    "cpuset.mems=0\n"
			    "|blkio.weight=100\n"
			    "blkio.bfq.weight=100\n"
			    "blkio.leaf_weight=200\n"
			    "|blkio.weight_device=8:0 500\n"
			    "blkio.bfq.weight_device=8:0 500\n"
			    "blkio.leaf_weight_device=8:0 300\n"
			    "blkio.throttle.read_bps_device=254:1 1000\n"
			    "blkio.throttle.write_iops_device=254:1 1000\n"
			    "net_cls.classid=1048577\n"
			    "net_prio.ifpriomap=eth0 5\n"
			    "pids.max=10\n"
			    "hugetlb.2MB.limit_in_bytes=4194304\n"
			    "?hugetlb.2MB.rsvd.limit_in_bytes=4194304\n"
			    "rdma.max=mlx5_1 hca_handle=3\n"
			    "rdma.max=mlx4_0 hca_handle=4 hca_object=1000\n");
}

static void test_full_v2(void **state)
{
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct error err = ERROR_INIT;
	struct oci_resources r;

	full(&r);
	assert_int_equal(cgroup_settings_v2(&r, &s, NULL), 0);
	assert_settings(&s, "?memory.swap.max=500000\n"
			    "memory.max=1000000\n"
			    "memory.low=500000\n"
			    "cpu.weight=39\n"
			    "cpu.max=20000 50000\n"
			    "cpu.max.burst=10\n"
			    "cpu.idle=1\n"
			    "cpuset.cpus=0-1\n"
			    "cpuset.mems=0\n"
			    "|io.bfq.weight=100\n"
			    "io.weight=910\n"
			    "|io.bfq.weight=8:0 500\n"
			    "io.weight=8:0 4950\n"
			    "io.max=254:1 rbps=1000\n"
			    "io.max=254:1 wiops=1000\n"
			    "pids.max=10\n"
			    "hugetlb.2MB.max=4194304\n"
			    "?hugetlb.2MB.rsvd.max=4194304\n"
			    "rdma.max=mlx5_1 hca_handle=3\n"
			    "rdma.max=mlx4_0 hca_handle=4 hca_object=1000\n");
	r.cpu.has_rt_period = true;
	r.cpu.rt_period = 1;
	assert_int_equal(cgroup_settings_v2(&r, &s, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "realtimePeriod: not in version 2"));
	cgroup_settings_release(&s);
}

static void test_unlimited(void **state)
{
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct oci_resources r;

	memset(&r, 0, sizeof(r));
	r.memory.has_limit = r.has_pids_limit = true;
	r.memory.limit = r.pids_limit = -1;
	assert_int_equal(cgroup_settings_v1(&r, false, &s, NULL), 0);
	assert_settings(&s, "?memory.memsw.limit_in_bytes=-1\nmemory.limit_in_bytes=-1\n"
			    "pids.max=max\n");
	assert_int_equal(cgroup_settings_v2(&r, &s, NULL), 0);
	assert_settings(&s, "?memory.swap.max=max\nmemory.max=max\npids.max=max\n");
}

static void test_refused(void **state)
{
	struct oci_kv unified[] = { { (char *)"memory.high", (char *)"1" } };
	struct oci_hugepage_limit huge[] = { { (char *)"../2MB", 1 } };
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct error err = ERROR_INIT;
	struct oci_resources r;

	memset(&r, 0, sizeof(r));
	r.unified = unified;
	r.n_unified = 1;
	assert_int_equal(cgroup_settings_v1(&r, false, &s, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "linux.resources.unified: there is no version 2 of cgroups here");
	assert_int_equal(cgroup_settings_v1(&r, true, &s, &err), 0);
	memset(&r, 0, sizeof(r));
	r.hugepage_limits = huge;
	r.n_hugepage_limits = 1;
	assert_int_equal(cgroup_settings_v1(&r, false, &s, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.resources.hugepageLimits[0]: bad size");
	cgroup_settings_release(&s);
}

#define ALWAYS                                                                        \
	"devices.allow=c *:* m\ndevices.allow=b *:* m\ndevices.allow=c 1:3 rwm\n"     \
	"devices.allow=c 1:5 rwm\ndevices.allow=c 1:7 rwm\ndevices.allow=c 1:8 rwm\n" \
	"devices.allow=c 1:9 rwm\ndevices.allow=c 5:0 rwm\ndevices.allow=c 5:2 rwm\n" \
	"devices.allow=c 136:* rwm\n"

static void test_devices(void **state)
{
	struct oci_device_rule usual[] = {
		{ .allow = false, .type = 'a', .major = -1, .minor = -1, .access = (char *)"rwm" },
		{ .allow = true, .type = 'c', .major = 10, .minor = 229, .access = (char *)"rw" },
		{ .allow = true, .type = 'b', .major = 8, .minor = -1 },
	};
	struct oci_device_rule hole[] = {
		{ .allow = true, .type = 'c', .major = 1, .minor = -1 },
		{ .allow = false, .type = 'c', .major = 1, .minor = 11 },
	};
	struct oci_device_rule all_but[] = {
		{ .allow = true, .type = 'a', .major = -1, .minor = -1 },
		{ .allow = false, .type = 'c', .major = 1, .minor = 11, .access = (char *)"w" },
	};
	struct oci_device_rule bad[] = { { .allow = true, .type = 'p', .major = 1, .minor = 1 } };
	struct cgroup_settings s = CGROUP_SETTINGS_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(cgroup_settings_devices(usual, 3, &s, &err), 0);
	assert_settings(&s, "devices.deny=a\ndevices.deny=a\ndevices.allow=c 10:229 rw\n"
			    "devices.allow=b 8:* rwm\n" ALWAYS);
	assert_int_equal(cgroup_settings_devices(all_but, 2, &s, &err), 0);
	assert_settings(&s, "devices.deny=a\ndevices.allow=a\ndevices.deny=c 1:11 w\n" ALWAYS);
	assert_int_equal(cgroup_settings_devices(hole, 2, &s, &err), -EOPNOTSUPP);
	assert_string_equal(err.msg,
			    "linux.resources.devices[1]: version 1 of cgroups cannot deny a "
			    "part of what rule 0 allows");
	cgroup_settings_release(&s);
	assert_int_equal(cgroup_settings_devices(bad, 1, &s, &err), -EINVAL);
	assert_string_equal(err.msg, "linux.resources.devices[0]: bad rule");
	cgroup_settings_release(&s);
	assert_int_equal(cgroup_settings_devices(NULL, 0, &s, &err), 0);
	assert_settings(&s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_v1),	  cmocka_unit_test(test_full_v2),
		cmocka_unit_test(test_unlimited), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
