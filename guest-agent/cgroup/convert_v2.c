/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include "base/alloc.h"
#include "base/strbuf.h"
#include "cgroup/convert_internal.h"

/* Negative is "max". */
static int add_limit(struct cgroup_settings *s, const char *file, int64_t v)
{
	return v < 0 ? setting_add(s, file, "max") : setting_addf(s, file, "%" PRId64, v);
}

static int memory_settings(const struct oci_resources *r, struct cgroup_settings *s,
			   struct error *err)
{
	int n = 0;

	/* 0 is what an absent limit looks like in the agent's protocol. */
	if (r->memory.has_swap && r->memory.swap != 0) {
		int64_t swap = r->memory.swap; /* version 1's value: memory and swap together */

		if (swap > 0 && (!r->memory.has_limit || r->memory.limit <= 0))
			return error_set(err, -EINVAL,
					 "linux.resources.memory.swap needs a memory limit");
		if (swap > 0 && swap < r->memory.limit)
			return error_set(err, -EINVAL,
					 "linux.resources.memory.swap is below the memory limit");
		n |= add_limit(s, "memory.swap.max", swap < 0 ? -1 : swap - r->memory.limit);
		setting_optional(s);
	} else if (r->memory.has_limit && r->memory.limit < 0) {
		/* No limit of the sum either, as version 1 has it. */
		n |= add_limit(s, "memory.swap.max", -1);
		setting_optional(s);
	}
	if (r->memory.has_limit && r->memory.limit != 0)
		n |= add_limit(s, "memory.max", r->memory.limit);
	if (r->memory.has_reservation && r->memory.reservation != 0)
		n |= add_limit(s, "memory.low", r->memory.reservation);
	return n ? error_oom(err) : 0;
}

static int cpu_settings(const struct oci_resources *r, struct cgroup_settings *s, struct error *err)
{
	char text[CGROUP_CPU_MAX_LEN];
	int n = 0;

	if ((r->cpu.has_rt_runtime && r->cpu.rt_runtime) ||
	    (r->cpu.has_rt_period && r->cpu.rt_period))
		return error_set(err, -EOPNOTSUPP,
				 "linux.resources.cpu.realtimeRuntime, realtimePeriod: not in "
				 "version 2 of cgroups");
	if (r->cpu.has_shares && r->cpu.shares)
		n |= setting_u64(s, "cpu.weight", cgroup_weight_of_shares(r->cpu.shares));
	if ((r->cpu.has_quota && r->cpu.quota) || (r->cpu.has_period && r->cpu.period)) {
		cgroup_cpu_max(text, r->cpu.has_quota ? r->cpu.quota : 0,
			       r->cpu.has_period ? r->cpu.period : 0);
		n |= setting_add(s, "cpu.max", text);
	}
	if (r->cpu.has_burst && r->cpu.burst)
		n |= setting_u64(s, "cpu.max.burst", r->cpu.burst);
	if (r->cpu.has_idle)
		n |= setting_addf(s, "cpu.idle", "%" PRId64, r->cpu.idle);
	if (r->cpu.cpus && *r->cpu.cpus)
		n |= setting_add(s, "cpuset.cpus", r->cpu.cpus);
	if (r->cpu.mems && *r->cpu.mems)
		n |= setting_add(s, "cpuset.mems", r->cpu.mems);
	return n ? error_oom(err) : 0;
}

/* BFQ takes the specification's weights as they are; io.weight, of other schedulers, has a range of its own. */
static int weight_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	uint16_t w = r->block_io.has_weight ? r->block_io.weight : 0;
	int n = 0;

	if (w) {
		n |= setting_addf(s, "io.bfq.weight", "%u", w);
		setting_either(s);
		n |= setting_u64(s, "io.weight", cgroup_io_weight(w));
	}
	for (size_t i = 0; i < r->block_io.n_weight_device; i++) {
		const struct oci_weight_device *d = &r->block_io.weight_device[i];

		if (!d->weight)
			continue;
		n |= setting_addf(s, "io.bfq.weight", "%" PRId64 ":%" PRId64 " %u", d->major,
				  d->minor, d->weight);
		setting_either(s);
		n |= setting_addf(s, "io.weight", "%" PRId64 ":%" PRId64 " %" PRIu64, d->major,
				  d->minor, cgroup_io_weight(d->weight));
	}
	return n;
}

static int io_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	int n = weight_settings(r, s);

	n |= setting_throttle(s, "io.max", "rbps=", &r->block_io.read_bps);
	n |= setting_throttle(s, "io.max", "wbps=", &r->block_io.write_bps);
	n |= setting_throttle(s, "io.max", "riops=", &r->block_io.read_iops);
	n |= setting_throttle(s, "io.max", "wiops=", &r->block_io.write_iops);
	return n;
}

static int huge_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	for (size_t i = 0; i < r->n_hugepage_limits; i++) {
		char file[64];

		snprintf(file, sizeof(file), "hugetlb.%s.max", r->hugepage_limits[i].page_size);
		if (setting_u64(s, file, r->hugepage_limits[i].limit) < 0)
			return -ENOMEM;
		/* What is reserved, too: without it a mapping is killed when it is touched, not refused when it is made. */
		snprintf(file, sizeof(file), "hugetlb.%s.rsvd.max",
			 r->hugepage_limits[i].page_size);
		if (setting_u64(s, file, r->hugepage_limits[i].limit) < 0)
			return -ENOMEM;
		setting_optional(s);
	}
	return 0;
}

int cgroup_settings_v2(const struct oci_resources *r, struct cgroup_settings *ret,
		       struct error *err)
{
	int n;

	if (setting_check_huge(r, err) < 0 || memory_settings(r, ret, err) < 0 ||
	    cpu_settings(r, ret, err) < 0)
		return err ? err->code : -EINVAL;
	n = io_settings(r, ret);
	if (r->has_pids_limit && r->pids_limit != 0)
		n |= add_limit(ret, "pids.max", r->pids_limit < 0 ? -1 : r->pids_limit);
	n |= huge_settings(r, ret);
	n |= setting_rdma(ret, r);
	if (n)
		return error_oom(err);
	return setting_unified(ret, r, err);
}
