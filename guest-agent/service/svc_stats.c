/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cgroup/stats.h"
#include "service/netdev.h"
#include "wire/agent.pb-c.h"

/* Everything lives in the arena of the statistics. */

static Grpc__MemoryData *memory_data(struct arena *a, const struct cgroup_mem *m)
{
	Grpc__MemoryData *d = arena_new(a, Grpc__MemoryData);

	if (!d)
		return NULL;
	grpc__memory_data__init(d);
	d->usage = m->usage;
	d->max_usage = m->max_usage;
	d->failcnt = m->failcnt;
	d->limit = m->limit;
	return d;
}

static int cpu_stats(struct cgroup_stats *s, Grpc__CgroupStats *out)
{
	Grpc__CpuStats *cpu = arena_new(&s->arena, Grpc__CpuStats);
	Grpc__CpuUsage *usage = arena_new(&s->arena, Grpc__CpuUsage);
	Grpc__ThrottlingData *throttling = arena_new(&s->arena, Grpc__ThrottlingData);

	if (!cpu || !usage || !throttling)
		return -ENOMEM;
	grpc__cpu_stats__init(cpu);
	grpc__cpu_usage__init(usage);
	grpc__throttling_data__init(throttling);
	usage->total_usage = s->cpu.total;
	usage->usage_in_usermode = s->cpu.user;
	usage->usage_in_kernelmode = s->cpu.kernel;
	usage->percpu_usage = s->cpu.percpu;
	usage->n_percpu_usage = s->cpu.n_percpu;
	throttling->periods = s->cpu.periods;
	throttling->throttled_periods = s->cpu.throttled_periods;
	throttling->throttled_time = s->cpu.throttled_time;
	cpu->cpu_usage = usage;
	cpu->throttling_data = throttling;
	out->cpu_stats = cpu;
	return 0;
}

static int memory_stats(struct cgroup_stats *s, Grpc__CgroupStats *out)
{
	Grpc__MemoryStats *mem = arena_new(&s->arena, Grpc__MemoryStats);
	Grpc__MemoryStats__StatsEntry *entries;
	size_t n = s->memory.n_stat;

	entries = arena_new_array(&s->arena, Grpc__MemoryStats__StatsEntry, n + 1);
	if (!mem || !entries)
		return -ENOMEM;
	grpc__memory_stats__init(mem);
	mem->cache = s->memory.cache;
	mem->use_hierarchy = s->memory.use_hierarchy;
	mem->usage = memory_data(&s->arena, &s->memory.usage);
	mem->swap_usage = memory_data(&s->arena, &s->memory.swap);
	mem->kernel_usage = memory_data(&s->arena, &s->memory.kernel);
	mem->stats = arena_new_array(&s->arena, Grpc__MemoryStats__StatsEntry *, n + 1);
	if (!mem->usage || !mem->swap_usage || !mem->kernel_usage || !mem->stats)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		grpc__memory_stats__stats_entry__init(&entries[i]);
		entries[i].key = (char *)s->memory.stat[i].key;
		entries[i].value = s->memory.stat[i].value;
		mem->stats[i] = &entries[i];
	}
	mem->n_stats = n;
	out->memory_stats = mem;
	return 0;
}

static int io_list(struct arena *a, const struct cgroup_io_list *l, size_t *ret_n,
		   Grpc__BlkioStatsEntry ***ret)
{
	Grpc__BlkioStatsEntry *entries;

	if (!l->n)
		return 0;
	entries = arena_new_array(a, Grpc__BlkioStatsEntry, l->n);
	*ret = arena_new_array(a, Grpc__BlkioStatsEntry *, l->n);
	if (!entries || !*ret)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		grpc__blkio_stats_entry__init(&entries[i]);
		entries[i].major = l->v[i].major;
		entries[i].minor = l->v[i].minor;
		entries[i].op = (char *)l->v[i].op;
		entries[i].value = l->v[i].value;
		(*ret)[i] = &entries[i];
	}
	*ret_n = l->n;
	return 0;
}

static int io_stats(struct cgroup_stats *s, Grpc__CgroupStats *out)
{
	Grpc__BlkioStats *b = arena_new(&s->arena, Grpc__BlkioStats);
	struct arena *a = &s->arena;

	if (!b)
		return -ENOMEM;
	grpc__blkio_stats__init(b);
	out->blkio_stats = b;
#define LIST(kind, name) io_list(a, &s->io[kind], &b->n_##name, &b->name)
	if (LIST(CGROUP_IO_SERVICE_BYTES, io_service_bytes_recursive) < 0 ||
	    LIST(CGROUP_IO_SERVICED, io_serviced_recursive) < 0 ||
	    LIST(CGROUP_IO_QUEUED, io_queued_recursive) < 0 ||
	    LIST(CGROUP_IO_SERVICE_TIME, io_service_time_recursive) < 0 ||
	    LIST(CGROUP_IO_WAIT_TIME, io_wait_time_recursive) < 0 ||
	    LIST(CGROUP_IO_MERGED, io_merged_recursive) < 0 ||
	    LIST(CGROUP_IO_TIME, io_time_recursive) < 0 ||
	    LIST(CGROUP_IO_SECTORS, sectors_recursive) < 0)
		return -ENOMEM;
#undef LIST
	return 0;
}

static int huge_stats(struct cgroup_stats *s, Grpc__CgroupStats *out)
{
	Grpc__CgroupStats__HugetlbStatsEntry *entries;
	Grpc__HugetlbStats *values;

	if (!s->n_huge)
		return 0;
	entries = arena_new_array(&s->arena, Grpc__CgroupStats__HugetlbStatsEntry, s->n_huge);
	values = arena_new_array(&s->arena, Grpc__HugetlbStats, s->n_huge);
	out->hugetlb_stats =
		arena_new_array(&s->arena, Grpc__CgroupStats__HugetlbStatsEntry *, s->n_huge);
	if (!entries || !values || !out->hugetlb_stats)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_huge; i++) {
		grpc__cgroup_stats__hugetlb_stats_entry__init(&entries[i]);
		grpc__hugetlb_stats__init(&values[i]);
		values[i].usage = s->huge[i].usage;
		values[i].max_usage = s->huge[i].max_usage;
		values[i].failcnt = s->huge[i].failcnt;
		entries[i].key = (char *)s->huge[i].size;
		entries[i].value = &values[i];
		out->hugetlb_stats[i] = &entries[i];
	}
	out->n_hugetlb_stats = s->n_huge;
	return 0;
}

/* The interfaces of the container's network namespace, which is the sandbox's. */
static int network_stats(struct arena *a, pid_t pid, Grpc__StatsContainerResponse *resp)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct netdev_stats devs[NETDEV_MAX];
	Grpc__NetworkStats *v;
	char path[32];
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)pid);
	if (file_read(AT_FDCWD, path, NETDEV_TEXT_MAX, &text, NULL) < 0)
		return 0; /* it has ended */
	n = netdev_parse(text.buf, devs);
	v = arena_new_array(a, Grpc__NetworkStats, n + 1);
	resp->network_stats = arena_new_array(a, Grpc__NetworkStats *, n + 1);
	if (!v || !resp->network_stats)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (str_eq(devs[i].name, "lo"))
			continue;
		grpc__network_stats__init(&v[i]);
		v[i].name = arena_strdup(a, devs[i].name);
		if (!v[i].name)
			return -ENOMEM;
		v[i].rx_bytes = devs[i].v[NETDEV_RX_BYTES];
		v[i].rx_packets = devs[i].v[NETDEV_RX_PACKETS];
		v[i].rx_errors = devs[i].v[NETDEV_RX_ERRORS];
		v[i].rx_dropped = devs[i].v[NETDEV_RX_DROPPED];
		v[i].tx_bytes = devs[i].v[NETDEV_TX_BYTES];
		v[i].tx_packets = devs[i].v[NETDEV_TX_PACKETS];
		v[i].tx_errors = devs[i].v[NETDEV_TX_ERRORS];
		v[i].tx_dropped = devs[i].v[NETDEV_TX_DROPPED];
		resp->network_stats[resp->n_network_stats++] = &v[i];
	}
	return 0;
}

static int fill(struct cgroup_stats *s, pid_t pid, Grpc__CgroupStats *stats,
		Grpc__StatsContainerResponse *resp)
{
	Grpc__PidsStats *pids = arena_new(&s->arena, Grpc__PidsStats);

	if (!pids)
		return -ENOMEM;
	grpc__pids_stats__init(pids);
	pids->current = s->pids.current;
	/* What "no limit" is here for upstream's callers. */
	pids->limit = s->pids.limit == UINT64_MAX ? 0 : s->pids.limit;
	stats->pids_stats = pids;
	if (cpu_stats(s, stats) < 0 || memory_stats(s, stats) < 0 || io_stats(s, stats) < 0 ||
	    huge_stats(s, stats) < 0)
		return -ENOMEM;
	return pid > 0 ? network_stats(&s->arena, pid, resp) : 0;
}

void svc_stats_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__StatsContainerRequest *req = (const Grpc__StatsContainerRequest *)msg;
	Grpc__StatsContainerResponse resp = GRPC__STATS_CONTAINER_RESPONSE__INIT;
	Grpc__CgroupStats stats = GRPC__CGROUP_STATS__INIT;
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	struct cgroup_stats s;
	int r = agent_find_container(data, req->container_id, &ac, &err);

	if (r == 0 && !ac->ct->cgroup)
		r = error_set(&err, -EOPNOTSUPP, "container \"%s\" has no cgroup",
			      req->container_id);
	if (r == 0)
		r = cgroup_stats(ac->ct->cgroup, &s, &err);
	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	resp.cgroup_stats = &stats;
	if (fill(&s, container_running(ac->ct) ? ac->ct->init->pid : 0, &stats, &resp) < 0) {
		error_oom(&err);
		ttrpc_call_error(call, &err);
	} else {
		ttrpc_call_reply(call, &resp.base);
	}
	cgroup_stats_release(&s);
}
