/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/strbuf.h"
#include "cgroup/convert_internal.h"

/* Documentation/admin-guide/devices.txt; 136 is the first of the pseudo-terminals. As cgroup/devfilter.c has them. */
static const char *const always_allowed[] = {
	"c *:* m",   "b *:* m",	  "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm",
	"c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",
};

static int memory_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	int64_t limit = r->memory.has_limit ? r->memory.limit : 0;
	int64_t swap = r->memory.has_swap ? r->memory.swap : 0;
	int n = 0;

	/* Without a limit of memory there is none of the sum either; that one has to go first. */
	if (limit < 0 && !swap) {
		n |= setting_add(s, "memory.memsw.limit_in_bytes", "-1");
		setting_optional(s);
	}
	if (limit)
		n |= setting_addf(s, "memory.limit_in_bytes", "%" PRId64, limit < 0 ? -1 : limit);
	if (swap) {
		n |= setting_addf(s, "memory.memsw.limit_in_bytes", "%" PRId64,
				  swap < 0 ? -1 : swap);
		/* Not to limit what is not accounted is no loss. */
		if (swap < 0)
			setting_optional(s);
	}
	if (r->memory.has_reservation && r->memory.reservation)
		n |= setting_addf(s, "memory.soft_limit_in_bytes", "%" PRId64,
				  r->memory.reservation < 0 ? -1 : r->memory.reservation);
	if (r->memory.has_kernel_tcp && r->memory.kernel_tcp) {
		n |= setting_addf(s, "memory.kmem.tcp.limit_in_bytes", "%" PRId64,
				  r->memory.kernel_tcp);
		setting_optional(s);
	}
	if (r->memory.has_swappiness && r->memory.swappiness <= 100)
		n |= setting_u64(s, "memory.swappiness", r->memory.swappiness);
	if (r->memory.disable_oom_killer)
		n |= setting_add(s, "memory.oom_control", "1");
	return n;
}

static int cpu_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	int n = 0;

	if (r->cpu.has_shares && r->cpu.shares)
		n |= setting_u64(s, "cpu.shares", r->cpu.shares);
	if (r->cpu.has_period && r->cpu.period)
		n |= setting_u64(s, "cpu.cfs_period_us", r->cpu.period);
	if (r->cpu.has_quota && r->cpu.quota)
		n |= setting_addf(s, "cpu.cfs_quota_us", "%" PRId64,
				  r->cpu.quota < 0 ? -1 : r->cpu.quota);
	if (r->cpu.has_burst && r->cpu.burst)
		n |= setting_u64(s, "cpu.cfs_burst_us", r->cpu.burst);
	if (r->cpu.has_idle)
		n |= setting_addf(s, "cpu.idle", "%" PRId64, r->cpu.idle);
	if (r->cpu.has_rt_period && r->cpu.rt_period)
		n |= setting_u64(s, "cpu.rt_period_us", r->cpu.rt_period);
	if (r->cpu.has_rt_runtime && r->cpu.rt_runtime)
		n |= setting_addf(s, "cpu.rt_runtime_us", "%" PRId64, r->cpu.rt_runtime);
	if (r->cpu.cpus && *r->cpu.cpus)
		n |= setting_add(s, "cpuset.cpus", r->cpu.cpus);
	if (r->cpu.mems && *r->cpu.mems)
		n |= setting_add(s, "cpuset.mems", r->cpu.mems);
	return n;
}

/* Kernels since 5.0 have the weights of BFQ only, under another name. */
static int add_weight(struct cgroup_settings *s, const char *name, const char *value)
{
	char file[64];
	int n;

	snprintf(file, sizeof(file), "blkio.%s", name);
	n = setting_add(s, file, value);
	setting_either(s);
	snprintf(file, sizeof(file), "blkio.bfq.%s", name);
	return n | setting_add(s, file, value);
}

static int block_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	char text[96];
	int n = 0;

	if (r->block_io.has_weight && r->block_io.weight) {
		snprintf(text, sizeof(text), "%u", r->block_io.weight);
		n |= add_weight(s, "weight", text);
	}
	if (r->block_io.has_leaf_weight && r->block_io.leaf_weight)
		n |= setting_addf(s, "blkio.leaf_weight", "%u", r->block_io.leaf_weight);
	for (size_t i = 0; i < r->block_io.n_weight_device; i++) {
		const struct oci_weight_device *d = &r->block_io.weight_device[i];

		snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %u", d->major, d->minor,
			 d->weight);
		if (d->weight)
			n |= add_weight(s, "weight_device", text);
		if (d->leaf_weight)
			n |= setting_addf(s, "blkio.leaf_weight_device",
					  "%" PRId64 ":%" PRId64 " %u", d->major, d->minor,
					  d->leaf_weight);
	}
	n |= setting_throttle(s, "blkio.throttle.read_bps_device", "", &r->block_io.read_bps);
	n |= setting_throttle(s, "blkio.throttle.write_bps_device", "", &r->block_io.write_bps);
	n |= setting_throttle(s, "blkio.throttle.read_iops_device", "", &r->block_io.read_iops);
	n |= setting_throttle(s, "blkio.throttle.write_iops_device", "", &r->block_io.write_iops);
	return n;
}

static int network_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	int n = 0;

	if (r->network.has_class_id && r->network.class_id)
		n |= setting_u64(s, "net_cls.classid", r->network.class_id);
	for (size_t i = 0; i < r->network.n_priorities; i++)
		n |= setting_addf(s, "net_prio.ifpriomap", "%s %u", r->network.priorities[i].name,
				  r->network.priorities[i].priority);
	return n;
}

static int other_settings(const struct oci_resources *r, struct cgroup_settings *s)
{
	int n = 0;

	if (r->has_pids_limit && r->pids_limit > 0)
		n |= setting_addf(s, "pids.max", "%" PRId64, r->pids_limit);
	else if (r->has_pids_limit && r->pids_limit < 0)
		n |= setting_add(s, "pids.max", "max");
	for (size_t i = 0; i < r->n_hugepage_limits; i++) {
		const struct oci_hugepage_limit *l = &r->hugepage_limits[i];
		char file[80];

		snprintf(file, sizeof(file), "hugetlb.%s.limit_in_bytes", l->page_size);
		n |= setting_u64(s, file, l->limit);
		snprintf(file, sizeof(file), "hugetlb.%s.rsvd.limit_in_bytes", l->page_size);
		n |= setting_u64(s, file, l->limit);
		setting_optional(s);
	}
	return n | setting_rdma(s, r);
}

int cgroup_settings_v1(const struct oci_resources *r, bool has_v2, struct cgroup_settings *ret,
		       struct error *err)
{
	int n;

	if (r->n_unified && !has_v2)
		return error_set(err, -EINVAL,
				 "linux.resources.unified: there is no version 2 of cgroups here");
	if (r->memory.has_swap && r->memory.swap > 0 && r->memory.has_limit &&
	    r->memory.swap < r->memory.limit)
		return error_set(err, -EINVAL,
				 "linux.resources.memory.swap is below the memory limit");
	if (setting_check_huge(r, err) < 0)
		return err ? err->code : -EINVAL;
	n = memory_settings(r, ret);
	n |= cpu_settings(r, ret);
	n |= block_settings(r, ret);
	n |= network_settings(r, ret);
	n |= other_settings(r, ret);
	return n ? error_oom(err) : 0;
}

/* ---- devices ------------------------------------------------------------------------------------------------------- */

static bool is_any(const struct oci_device_rule *r)
{
	return !r->type || r->type == 'a';
}

static bool may_overlap(const struct oci_device_rule *a, const struct oci_device_rule *b)
{
	return (is_any(a) || is_any(b) || a->type == b->type) &&
	       (a->major < 0 || b->major < 0 || a->major == b->major) &&
	       (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

static bool same_device(const struct oci_device_rule *a, const struct oci_device_rule *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

/* "rwm", or none of it: NULL. */
static const char *access_of(const struct oci_device_rule *r)
{
	if (!r->access || !*r->access)
		return "rwm";
	return strspn(r->access, "rwm") == strlen(r->access) ? r->access : NULL;
}

static void number(char out[24], int64_t v)
{
	if (v < 0)
		snprintf(out, 24, "*");
	else
		snprintf(out, 24, "%" PRId64, v);
}

/*
 * "a" changes the mode for all that comes; in the mode that denies, the kernel strikes off an entry by its exact numbers only, so
 * that a hole in an allowed range cannot be had.
 */
static int check_hole(const struct oci_device_rule *rules, size_t i, struct error *err)
{
	for (size_t j = i; j > 0; j--) {
		const struct oci_device_rule *before = &rules[j - 1];

		if (is_any(before))
			return 0;
		if (before->allow && may_overlap(before, &rules[i]) &&
		    !same_device(before, &rules[i]))
			return error_set(
				err, -EOPNOTSUPP,
				"linux.resources.devices[%zu]: version 1 of cgroups cannot "
				"deny a part of what rule %zu allows",
				i, j - 1);
	}
	return 0;
}

int cgroup_settings_devices(const struct oci_device_rule *rules, size_t n,
			    struct cgroup_settings *ret, struct error *err)
{
	bool all = false; /* the mode: what no rule names is allowed */
	int bad = n ? setting_add(ret, "devices.deny", "a") : 0;

	for (size_t i = 0; i < n && !bad; i++) {
		const struct oci_device_rule *r = &rules[i];
		const char *file = r->allow ? "devices.allow" : "devices.deny";
		const char *access = access_of(r);
		char major[24], minor[24];

		if (!access || (!is_any(r) && r->type != 'c' && r->type != 'b'))
			return error_set(err, -EINVAL, "linux.resources.devices[%zu]: bad rule", i);
		/* The kernel has "a" for everything only. */
		if (is_any(r) && r->major < 0 && r->minor < 0 && strlen(access) >= 3) {
			all = r->allow;
			bad = setting_add(ret, file, "a");
			continue;
		}
		if (!r->allow && !all && check_hole(rules, i, err) < 0)
			return err ? err->code : -EOPNOTSUPP;
		number(major, r->major);
		number(minor, r->minor);
		if (!is_any(r)) {
			bad = setting_addf(ret, file, "%c %s:%s %s", r->type, major, minor, access);
			continue;
		}
		bad = setting_addf(ret, file, "c %s:%s %s", major, minor, access) |
		      setting_addf(ret, file, "b %s:%s %s", major, minor, access);
	}
	for (size_t i = 0; n && !bad && i < sizeof(always_allowed) / sizeof(*always_allowed); i++)
		bad = setting_add(ret, "devices.allow", always_allowed[i]);
	return bad ? error_oom(err) : 0;
}
