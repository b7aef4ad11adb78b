/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/task_metrics.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "wire/cgroups_v1.pb-c.h"
#include "wire/cgroups_v2.pb-c.h"

typedef Io__Containerd__Cgroups__V1__Metrics V1;
typedef Io__Containerd__Cgroups__V2__Metrics V2;

/* What the agent may leave out is an empty message. */
static const Grpc__CpuUsage no_usage = GRPC__CPU_USAGE__INIT;
static const Grpc__ThrottlingData no_throttling = GRPC__THROTTLING_DATA__INIT;
static const Grpc__MemoryData no_memory = GRPC__MEMORY_DATA__INIT;

static const Grpc__CpuUsage *usage_of(const Grpc__CgroupStats *s)
{
	return s->cpu_stats && s->cpu_stats->cpu_usage ? s->cpu_stats->cpu_usage : &no_usage;
}

static const Grpc__ThrottlingData *throttling_of(const Grpc__CgroupStats *s)
{
	return s->cpu_stats && s->cpu_stats->throttling_data ? s->cpu_stats->throttling_data
							     : &no_throttling;
}

/* A line of memory.stat and where it goes. */
struct line {
	const char *key;
	size_t offset;
};

static void take_lines(void *to, const struct line *lines, size_t n, const Grpc__MemoryStats *m)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < m->n_stats; j++)
			if (strcmp(m->stats[j]->key, lines[i].key) == 0)
				memcpy((char *)to + lines[i].offset, &m->stats[j]->value,
				       sizeof(uint64_t));
}

/* ---- version 1 ----------------------------------------------------------------------------------------------------- */

#define LINE(key, field)                                                      \
	{                                                                     \
		key, offsetof(Io__Containerd__Cgroups__V1__MemoryStat, field) \
	}
/* Version 1's names; those of version 2 that mean the same before them, as a guest has one or the other. */
static const struct line lines_v1[] = {
	LINE("anon", rss),
	LINE("file_mapped", mapped_file),
	LINE("file_dirty", dirty),
	LINE("file_writeback", writeback),
	LINE("anon_thp", rss_huge),
	LINE("pgfault", pg_fault),
	LINE("pgmajfault", pg_maj_fault),
	LINE("inactive_anon", inactive_anon),
	LINE("active_anon", active_anon),
	LINE("inactive_file", inactive_file),
	LINE("active_file", active_file),
	LINE("unevictable", unevictable),
	LINE("rss", rss),
	LINE("rss_huge", rss_huge),
	LINE("mapped_file", mapped_file),
	LINE("dirty", dirty),
	LINE("writeback", writeback),
	LINE("pgpgin", pg_pg_in),
	LINE("pgpgout", pg_pg_out),
	LINE("hierarchical_memory_limit", hierarchical_memory_limit),
	LINE("hierarchical_memsw_limit", hierarchical_swap_limit),
	LINE("total_cache", total_cache),
	LINE("total_rss", total_rss),
	LINE("total_rss_huge", total_rss_huge),
	LINE("total_mapped_file", total_mapped_file),
	LINE("total_dirty", total_dirty),
	LINE("total_writeback", total_writeback),
	LINE("total_pgpgin", total_pg_pg_in),
	LINE("total_pgpgout", total_pg_pg_out),
	LINE("total_pgfault", total_pg_fault),
	LINE("total_pgmajfault", total_pg_maj_fault),
	LINE("total_inactive_anon", total_inactive_anon),
	LINE("total_active_anon", total_active_anon),
	LINE("total_inactive_file", total_inactive_file),
	LINE("total_active_file", total_active_file),
	LINE("total_unevictable", total_unevictable),
};
#undef LINE

static Io__Containerd__Cgroups__V1__MemoryEntry *entry_v1(struct arena *a,
							  const Grpc__MemoryData *d)
{
	Io__Containerd__Cgroups__V1__MemoryEntry *e =
		arena_new(a, Io__Containerd__Cgroups__V1__MemoryEntry);

	if (!e)
		return NULL;
	io__containerd__cgroups__v1__memory_entry__init(e);
	if (!d)
		d = &no_memory;
	e->limit = d->limit;
	e->usage = d->usage;
	e->max = d->max_usage;
	e->failcnt = d->failcnt;
	return e;
}

static int memory_v1(struct arena *a, const Grpc__MemoryStats *m, V1 *out)
{
	Io__Containerd__Cgroups__V1__MemoryStat *s =
		arena_new(a, Io__Containerd__Cgroups__V1__MemoryStat);

	if (!s)
		return -ENOMEM;
	io__containerd__cgroups__v1__memory_stat__init(s);
	s->cache = m->cache;
	take_lines(s, lines_v1, ARRAY_SIZE(lines_v1), m);
	s->usage = entry_v1(a, m->usage);
	s->swap = entry_v1(a, m->swap_usage);
	s->kernel = entry_v1(a, m->kernel_usage);
	out->memory = s;
	return s->usage && s->swap && s->kernel ? 0 : -ENOMEM;
}

static int cpu_v1(struct arena *a, const Grpc__CgroupStats *cg, V1 *out)
{
	Io__Containerd__Cgroups__V1__CPUStat *cpu =
		arena_new(a, Io__Containerd__Cgroups__V1__CPUStat);
	Io__Containerd__Cgroups__V1__CPUUsage *u =
		arena_new(a, Io__Containerd__Cgroups__V1__CPUUsage);
	Io__Containerd__Cgroups__V1__Throttle *t =
		arena_new(a, Io__Containerd__Cgroups__V1__Throttle);
	const Grpc__CpuUsage *usage = usage_of(cg);
	const Grpc__ThrottlingData *throttling = throttling_of(cg);

	if (!cpu || !u || !t)
		return -ENOMEM;
	io__containerd__cgroups__v1__cpustat__init(cpu);
	io__containerd__cgroups__v1__cpuusage__init(u);
	io__containerd__cgroups__v1__throttle__init(t);
	u->total = usage->total_usage;
	u->kernel = usage->usage_in_kernelmode;
	u->user = usage->usage_in_usermode;
	u->per_cpu = usage->percpu_usage;
	u->n_per_cpu = usage->n_percpu_usage;
	t->periods = throttling->periods;
	t->throttled_periods = throttling->throttled_periods;
	t->throttled_time = throttling->throttled_time;
	cpu->usage = u;
	cpu->throttling = t;
	out->cpu = cpu;
	return 0;
}

typedef Io__Containerd__Cgroups__V1__BlkIOEntry BlkEntry;

static int io_list_v1(struct arena *a, Grpc__BlkioStatsEntry *const *from, size_t n,
		      BlkEntry ***ret, size_t *ret_n)
{
	BlkEntry *v = arena_new_array(a, BlkEntry, n + 1);
	BlkEntry **list = arena_new_array(a, BlkEntry *, n + 1);

	if (!v || !list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		io__containerd__cgroups__v1__blk_ioentry__init(&v[i]);
		v[i].op = from[i]->op;
		v[i].major = from[i]->major;
		v[i].minor = from[i]->minor;
		v[i].value = from[i]->value;
		list[i] = &v[i];
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

static int io_v1(struct arena *a, const Grpc__BlkioStats *b, V1 *out)
{
	Io__Containerd__Cgroups__V1__BlkIOStat *s =
		arena_new(a, Io__Containerd__Cgroups__V1__BlkIOStat);

	if (!s)
		return -ENOMEM;
	io__containerd__cgroups__v1__blk_iostat__init(s);
	out->blkio = s;
#define LIST(name) io_list_v1(a, b->name, b->n_##name, &s->name, &s->n_##name)
	if (LIST(io_service_bytes_recursive) < 0 || LIST(io_serviced_recursive) < 0 ||
	    LIST(io_queued_recursive) < 0 || LIST(io_service_time_recursive) < 0 ||
	    LIST(io_wait_time_recursive) < 0 || LIST(io_merged_recursive) < 0 ||
	    LIST(io_time_recursive) < 0 || LIST(sectors_recursive) < 0)
		return -ENOMEM;
#undef LIST
	return 0;
}

static int huge_v1(struct arena *a, const Grpc__CgroupStats *cg, V1 *out)
{
	Io__Containerd__Cgroups__V1__HugetlbStat *v = arena_new_array(
		a, Io__Containerd__Cgroups__V1__HugetlbStat, cg->n_hugetlb_stats + 1);

	out->hugetlb = arena_new_array(a, Io__Containerd__Cgroups__V1__HugetlbStat *,
				       cg->n_hugetlb_stats + 1);
	if (!v || !out->hugetlb)
		return -ENOMEM;
	for (size_t i = 0; i < cg->n_hugetlb_stats; i++) {
		const Grpc__HugetlbStats *h = cg->hugetlb_stats[i]->value;

		io__containerd__cgroups__v1__hugetlb_stat__init(&v[i]);
		v[i].pagesize = cg->hugetlb_stats[i]->key;
		if (h) {
			v[i].usage = h->usage;
			v[i].max = h->max_usage;
			v[i].failcnt = h->failcnt;
		}
		out->hugetlb[out->n_hugetlb++] = &v[i];
	}
	return 0;
}

static int network_v1(struct arena *a, const Grpc__StatsContainerResponse *stats, V1 *out)
{
	Io__Containerd__Cgroups__V1__NetworkStat *v = arena_new_array(
		a, Io__Containerd__Cgroups__V1__NetworkStat, stats->n_network_stats + 1);

	out->network = arena_new_array(a, Io__Containerd__Cgroups__V1__NetworkStat *,
				       stats->n_network_stats + 1);
	if (!v || !out->network)
		return -ENOMEM;
	for (size_t i = 0; i < stats->n_network_stats; i++) {
		const Grpc__NetworkStats *n = stats->network_stats[i];

		io__containerd__cgroups__v1__network_stat__init(&v[i]);
		v[i].name = n->name;
		v[i].rx_bytes = n->rx_bytes;
		v[i].rx_packets = n->rx_packets;
		v[i].rx_errors = n->rx_errors;
		v[i].rx_dropped = n->rx_dropped;
		v[i].tx_bytes = n->tx_bytes;
		v[i].tx_packets = n->tx_packets;
		v[i].tx_errors = n->tx_errors;
		v[i].tx_dropped = n->tx_dropped;
		out->network[out->n_network++] = &v[i];
	}
	return 0;
}

static int fill_v1(struct arena *a, const Grpc__StatsContainerResponse *stats, V1 *out)
{
	const Grpc__CgroupStats *cg = stats->cgroup_stats;
	Io__Containerd__Cgroups__V1__PidsStat *pids =
		arena_new(a, Io__Containerd__Cgroups__V1__PidsStat);

	if (!pids || cpu_v1(a, cg, out) < 0)
		return -ENOMEM;
	io__containerd__cgroups__v1__pids_stat__init(pids);
	if (cg->pids_stats) {
		pids->current = cg->pids_stats->current;
		pids->limit = cg->pids_stats->limit;
	}
	out->pids = pids;
	if ((cg->memory_stats && memory_v1(a, cg->memory_stats, out) < 0) ||
	    (cg->blkio_stats && io_v1(a, cg->blkio_stats, out) < 0) || huge_v1(a, cg, out) < 0)
		return -ENOMEM;
	return network_v1(a, stats, out);
}

/* ---- version 2 ----------------------------------------------------------------------------------------------------- */

#define LINE(name)                                                             \
	{                                                                      \
#name, offsetof(Io__Containerd__Cgroups__V2__MemoryStat, name) \
	}
#define LINE_AS(key, field)                                                   \
	{                                                                     \
		key, offsetof(Io__Containerd__Cgroups__V2__MemoryStat, field) \
	}
static const struct line lines_v2[] = {
	/* a guest with version 1 */
	LINE_AS("total_rss", anon),
	LINE_AS("total_cache", file),
	LINE_AS("total_mapped_file", file_mapped),
	LINE_AS("total_dirty", file_dirty),
	LINE_AS("total_writeback", file_writeback),
	LINE(anon),
	LINE(file),
	LINE(kernel_stack),
	LINE(slab),
	LINE(sock),
	LINE(shmem),
	LINE(file_mapped),
	LINE(file_dirty),
	LINE(file_writeback),
	LINE(anon_thp),
	LINE(inactive_anon),
	LINE(active_anon),
	LINE(inactive_file),
	LINE(active_file),
	LINE(unevictable),
	LINE(slab_reclaimable),
	LINE(slab_unreclaimable),
	LINE(pgfault),
	LINE(pgmajfault),
	LINE_AS("workingset_refault_file", workingset_refault),
	LINE_AS("workingset_activate_file", workingset_activate),
	LINE(workingset_refault),
	LINE(workingset_activate),
	LINE(workingset_nodereclaim),
	LINE(pgrefill),
	LINE(pgscan),
	LINE(pgsteal),
	LINE(pgactivate),
	LINE(pgdeactivate),
	LINE(pglazyfree),
	LINE(pglazyfreed),
	LINE(thp_fault_alloc),
	LINE(thp_collapse_alloc),
};
#undef LINE
#undef LINE_AS

static int memory_v2(struct arena *a, const Grpc__MemoryStats *m, V2 *out)
{
	Io__Containerd__Cgroups__V2__MemoryStat *s =
		arena_new(a, Io__Containerd__Cgroups__V2__MemoryStat);

	if (!s)
		return -ENOMEM;
	io__containerd__cgroups__v2__memory_stat__init(s);
	take_lines(s, lines_v2, ARRAY_SIZE(lines_v2), m);
	if (m->usage) {
		s->usage = m->usage->usage;
		s->usage_limit = m->usage->limit;
	}
	if (m->swap_usage) {
		s->swap_usage = m->swap_usage->usage;
		s->swap_limit = m->swap_usage->limit;
	}
	out->memory = s;
	return 0;
}

/* The entry of the device: those of one device follow each other, but need not. */
static Io__Containerd__Cgroups__V2__IOEntry *
io_entry(struct arena *a, Io__Containerd__Cgroups__V2__IOStat *s, const Grpc__BlkioStatsEntry *from)
{
	Io__Containerd__Cgroups__V2__IOEntry *e;

	for (size_t i = 0; i < s->n_usage; i++)
		if (s->usage[i]->major == from->major && s->usage[i]->minor == from->minor)
			return s->usage[i];
	e = arena_new(a, Io__Containerd__Cgroups__V2__IOEntry);
	if (!e)
		return NULL;
	io__containerd__cgroups__v2__ioentry__init(e);
	e->major = from->major;
	e->minor = from->minor;
	s->usage[s->n_usage++] = e;
	return e;
}

static int io_v2(struct arena *a, const Grpc__BlkioStats *b, V2 *out)
{
	Io__Containerd__Cgroups__V2__IOStat *s = arena_new(a, Io__Containerd__Cgroups__V2__IOStat);
	size_t n = b->n_io_service_bytes_recursive + b->n_io_serviced_recursive;

	if (!s)
		return -ENOMEM;
	io__containerd__cgroups__v2__iostat__init(s);
	s->usage = arena_new_array(a, Io__Containerd__Cgroups__V2__IOEntry *, n + 1);
	if (!s->usage)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		bool count = i >= b->n_io_service_bytes_recursive;
		const Grpc__BlkioStatsEntry *from =
			count ? b->io_serviced_recursive[i - b->n_io_service_bytes_recursive]
			      : b->io_service_bytes_recursive[i];
		Io__Containerd__Cgroups__V2__IOEntry *e = io_entry(a, s, from);

		if (!e)
			return -ENOMEM;
		/* Version 1 of the guest writes them large, and counts in a list of its own. */
		if (strcasecmp(from->op, "read") == 0)
			*(count ? &e->rios : &e->rbytes) = from->value;
		else if (strcasecmp(from->op, "write") == 0)
			*(count ? &e->wios : &e->wbytes) = from->value;
		else if (strcmp(from->op, "rios") == 0)
			e->rios = from->value;
		else if (strcmp(from->op, "wios") == 0)
			e->wios = from->value;
	}
	out->io = s;
	return 0;
}

static int huge_v2(struct arena *a, const Grpc__CgroupStats *cg, V2 *out)
{
	Io__Containerd__Cgroups__V2__HugeTlbStat *v = arena_new_array(
		a, Io__Containerd__Cgroups__V2__HugeTlbStat, cg->n_hugetlb_stats + 1);

	out->hugetlb = arena_new_array(a, Io__Containerd__Cgroups__V2__HugeTlbStat *,
				       cg->n_hugetlb_stats + 1);
	if (!v || !out->hugetlb)
		return -ENOMEM;
	for (size_t i = 0; i < cg->n_hugetlb_stats; i++) {
		const Grpc__HugetlbStats *h = cg->hugetlb_stats[i]->value;

		io__containerd__cgroups__v2__huge_tlb_stat__init(&v[i]);
		v[i].pagesize = cg->hugetlb_stats[i]->key;
		v[i].current = h ? h->usage : 0;
		v[i].max = h ? h->max_usage : 0;
		out->hugetlb[out->n_hugetlb++] = &v[i];
	}
	return 0;
}

static int fill_v2(struct arena *a, const Grpc__StatsContainerResponse *stats, V2 *out)
{
	const Grpc__CgroupStats *cg = stats->cgroup_stats;
	Io__Containerd__Cgroups__V2__PidsStat *pids =
		arena_new(a, Io__Containerd__Cgroups__V2__PidsStat);
	Io__Containerd__Cgroups__V2__CPUStat *cpu =
		arena_new(a, Io__Containerd__Cgroups__V2__CPUStat);

	if (!pids || !cpu)
		return -ENOMEM;
	io__containerd__cgroups__v2__pids_stat__init(pids);
	io__containerd__cgroups__v2__cpustat__init(cpu);
	if (cg->pids_stats) {
		pids->current = cg->pids_stats->current;
		pids->limit = cg->pids_stats->limit;
	}
	/* The agent has nanoseconds. */
	cpu->usage_usec = usage_of(cg)->total_usage / 1000;
	cpu->user_usec = usage_of(cg)->usage_in_usermode / 1000;
	cpu->system_usec = usage_of(cg)->usage_in_kernelmode / 1000;
	cpu->nr_periods = throttling_of(cg)->periods;
	cpu->nr_throttled = throttling_of(cg)->throttled_periods;
	cpu->throttled_usec = throttling_of(cg)->throttled_time / 1000;
	out->pids = pids;
	out->cpu = cpu;
	if ((cg->memory_stats && memory_v2(a, cg->memory_stats, out) < 0) ||
	    (cg->blkio_stats && io_v2(a, cg->blkio_stats, out) < 0))
		return -ENOMEM;
	return huge_v2(a, cg, out);
}

int task_metrics_pack(const Grpc__StatsContainerResponse *stats, bool v2,
		      Google__Protobuf__Any *ret, struct error *err)
{
	Grpc__StatsContainerResponse full = *stats;
	Grpc__CgroupStats none = GRPC__CGROUP_STATS__INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	V1 one = IO__CONTAINERD__CGROUPS__V1__METRICS__INIT;
	V2 two = IO__CONTAINERD__CGROUPS__V2__METRICS__INIT;
	const ProtobufCMessage *msg = v2 ? &two.base : &one.base;

	if (!full.cgroup_stats)
		full.cgroup_stats = &none;
	if ((v2 ? fill_v2(&a, &full, &two) : fill_v1(&a, &full, &one)) < 0)
		return error_oom(err);
	ret->type_url = (char *)(v2 ? "io.containerd.cgroups.v2.Metrics"
				    : "io.containerd.cgroups.v1.Metrics");
	ret->value.len = protobuf_c_message_get_packed_size(msg);
	ret->value.data = malloc(ret->value.len ? ret->value.len : 1);
	if (!ret->value.data)
		return error_oom(err);
	protobuf_c_message_pack(msg, ret->value.data);
	return 0;
}
