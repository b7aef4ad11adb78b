/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define WEIGHT_MAX 10000

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (!shares)
		return 0;
	shares = MIN(MAX(shares, (uint64_t)SHARES_MIN), (uint64_t)SHARES_MAX);
	return 1 + (shares - SHARES_MIN) * (WEIGHT_MAX - 1) / (SHARES_MAX - SHARES_MIN);
}

uint64_t cgroup_io_weight(uint16_t weight)
{
	if (!weight)
		return 0;
	return 1 + (MIN(MAX((uint64_t)weight, (uint64_t)10), (uint64_t)1000) - 10) *
			   (WEIGHT_MAX - 1) / 990;
}

void cgroup_cpu_max(char out[CGROUP_CPU_MAX_LEN], int64_t quota, uint64_t period)
{
	if (!period)
		period = 100000;
	if (quota <= 0)
		snprintf(out, CGROUP_CPU_MAX_LEN, "max %" PRIu64, period);
	else
		snprintf(out, CGROUP_CPU_MAX_LEN, "%" PRId64 " %" PRIu64, quota, period);
}

static int add(struct strv *out, const char *file, const char *value)
{
	return strv_add(out, file) < 0 || strv_add(out, value) < 0 ? -ENOMEM : 0;
}

/* Negative is "max". */
static int add_limit(struct strv *out, const char *file, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	return add(out, file, v < 0 ? "max" : text);
}

static int add_u64(struct strv *out, const char *file, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return add(out, file, text);
}

static int memory_settings(const struct oci_resources *r, struct strv *out, struct error *err)
{
	int n = 0;

	/* 0 is what an absent limit looks like in the agent's protocol. */
	if (r->memory.has_swap && r->memory.swap != 0) {
		int64_t swap =
			r->memory.swap; /* version 1's value counts memory and swap together */

		if (swap > 0 && (!r->memory.has_limit || r->memory.limit <= 0))
			return error_set(err, -EINVAL,
					 "linux.resources.memory.swap needs a memory limit");
		if (swap > 0 && swap < r->memory.limit)
			return error_set(err, -EINVAL,
					 "linux.resources.memory.swap is below the memory limit");
		n |= add_limit(out, "memory.swap.max", swap < 0 ? -1 : swap - r->memory.limit);
	}
	if (r->memory.has_limit && r->memory.limit != 0)
		n |= add_limit(out, "memory.max", r->memory.limit);
	if (r->memory.has_reservation && r->memory.reservation != 0)
		n |= add_limit(out, "memory.low", r->memory.reservation);
	return n ? error_oom(err) : 0;
}

static int cpu_settings(const struct oci_resources *r, struct strv *out, struct error *err)
{
	char text[CGROUP_CPU_MAX_LEN];
	int n = 0;

	if (r->cpu.has_shares && r->cpu.shares)
		n |= add_u64(out, "cpu.weight", cgroup_weight_of_shares(r->cpu.shares));
	if ((r->cpu.has_quota && r->cpu.quota) || (r->cpu.has_period && r->cpu.period)) {
		cgroup_cpu_max(text, r->cpu.has_quota ? r->cpu.quota : 0,
			       r->cpu.has_period ? r->cpu.period : 0);
		n |= add(out, "cpu.max", text);
	}
	if (r->cpu.has_burst && r->cpu.burst)
		n |= add_u64(out, "cpu.max.burst", r->cpu.burst);
	if (r->cpu.cpus && *r->cpu.cpus)
		n |= add(out, "cpuset.cpus", r->cpu.cpus);
	if (r->cpu.mems && *r->cpu.mems)
		n |= add(out, "cpuset.mems", r->cpu.mems);
	return n ? error_oom(err) : 0;
}

static int throttle_settings(const struct oci_throttle_list *l, const char *key, struct strv *out)
{
	for (size_t i = 0; i < l->n; i++) {
		char text[96];

		snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s=%" PRIu64, l->v[i].major,
			 l->v[i].minor, key, l->v[i].rate);
		if (add(out, "io.max", text) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int io_settings(const struct oci_resources *r, struct strv *out, struct error *err)
{
	int n = 0;

	if (r->block_io.has_weight && r->block_io.weight)
		n |= add_u64(out, "io.weight", cgroup_io_weight(r->block_io.weight));
	n |= throttle_settings(&r->block_io.read_bps, "rbps", out);
	n |= throttle_settings(&r->block_io.write_bps, "wbps", out);
	n |= throttle_settings(&r->block_io.read_iops, "riops", out);
	n |= throttle_settings(&r->block_io.write_iops, "wiops", out);
	return n ? error_oom(err) : 0;
}

int cgroup_settings(const struct oci_resources *r, struct strv *ret, struct error *err)
{
	if (memory_settings(r, ret, err) < 0 || cpu_settings(r, ret, err) < 0 ||
	    io_settings(r, ret, err) < 0)
		return err->code;
	if (r->has_pids_limit && r->pids_limit != 0 &&
	    add_limit(ret, "pids.max", r->pids_limit < 0 ? -1 : r->pids_limit) < 0)
		return error_oom(err);
	for (size_t i = 0; i < r->n_hugepage_limits; i++) {
		_cleanup_free_ char *file =
			str_printf("hugetlb.%s.max", r->hugepage_limits[i].page_size
							     ? r->hugepage_limits[i].page_size
							     : "");

		if (file && strchr(file, '/'))
			return error_set(err, -EINVAL,
					 "linux.resources.hugepageLimits[%zu]: bad size", i);
		if (!file || add_u64(ret, file, r->hugepage_limits[i].limit) < 0)
			return error_oom(err);
	}
	for (size_t i = 0; i < r->n_unified; i++) {
		const char *key = r->unified[i].key, *value = r->unified[i].value;

		/* cgroup.* would move or kill processes; a slash would leave the directory. */
		if (!key || !*key || strchr(key, '/') || str_after(key, "cgroup."))
			return error_set(err, -EINVAL,
					 "linux.resources.unified: bad file name \"%s\"",
					 key ? key : "");
		if (add(ret, key, value ? value : "") < 0)
			return error_oom(err);
	}
	return 0;
}

char *cgroup_clean_path(const char *path, const char *id)
{
	_cleanup_free_ char *raw = NULL, *clean = NULL;
	const char *p1, *p2;

	if (!path || !*path)
		return strdup(id);
	p1 = strchr(path, ':');
	p2 = p1 ? strchr(p1 + 1, ':') : NULL;
	if (p2)
		raw = str_printf("/%.*s/%.*s-%s.scope", (int)(p1 - path), path, (int)(p2 - p1 - 1),
				 p1 + 1, p2 + 1);
	else
		raw = str_printf("/%s", path);
	clean = raw ? path_clean(raw) : NULL;
	if (!clean)
		return NULL;
	/* Nothing left ("/", ".."): the root is not a container's. */
	return strdup(clean[1] ? clean + 1 : id);
}
