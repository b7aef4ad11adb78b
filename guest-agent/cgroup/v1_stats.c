/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "cgroup/driver.h"

static struct hierarchy *find(const struct cgroup *c, const char *controller)
{
	return hierarchies_find(&c->root->h, controller, strlen(controller));
}

static int cpu_stats(struct cgroup *c, struct cgroup_stats *s)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct hierarchy *cpu = find(c, "cpu"), *acct = find(c, "cpuacct");
	uint64_t tick = 1000000000ULL / (uint64_t)sysconf(_SC_CLK_TCK);

	if (cpu && cgroup_read(c, cpu, "cpu.stat", &text) == 0) {
		s->cpu.periods = cgroup_keyed(text.buf, "nr_periods");
		s->cpu.throttled_periods = cgroup_keyed(text.buf, "nr_throttled");
		s->cpu.throttled_time = cgroup_keyed(text.buf, "throttled_time");
	}
	if (!acct)
		return 0;
	s->cpu.total = cgroup_read_u64(c, acct, "cpuacct.usage");
	/* Exact where the kernel has them apart (4.9); else in clock ticks. */
	if (cgroup_read(c, acct, "cpuacct.usage_user", &text) == 0) {
		s->cpu.user = cgroup_read_u64(c, acct, "cpuacct.usage_user");
		s->cpu.kernel = cgroup_read_u64(c, acct, "cpuacct.usage_sys");
	} else if (cgroup_read(c, acct, "cpuacct.stat", &text) == 0) {
		s->cpu.user = cgroup_keyed(text.buf, "user") * tick;
		s->cpu.kernel = cgroup_keyed(text.buf, "system") * tick;
	}
	if (cgroup_read(c, acct, "cpuacct.usage_percpu", &text) == 0)
		return cgroup_parse_percpu(s, text.buf);
	return 0;
}

static void memory_part(struct cgroup *c, struct hierarchy *h, const char *infix,
			struct cgroup_mem *m)
{
	const struct {
		const char *name;
		uint64_t *value;
	} files[] = {
		{ "usage_in_bytes", &m->usage },
		{ "max_usage_in_bytes", &m->max_usage },
		{ "failcnt", &m->failcnt },
		{ "limit_in_bytes", &m->limit },
	};
	char file[64];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(file, sizeof(file), "memory.%s%s", infix, files[i].name);
		*files[i].value = cgroup_read_u64(c, h, file);
	}
}

static int memory_stats(struct cgroup *c, struct cgroup_stats *s)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct hierarchy *h = find(c, "memory");

	if (!h || cgroup_read(c, h, "memory.stat", &text) < 0)
		return 0;
	s->memory.present = true;
	s->memory.cache = cgroup_keyed(text.buf, "cache");
	if (cgroup_parse_memory_stat(s, text.buf) < 0)
		return -ENOMEM;
	s->memory.use_hierarchy = cgroup_read_u64(c, h, "memory.use_hierarchy") == 1;
	memory_part(c, h, "", &s->memory.usage);
	memory_part(c, h, "memsw.", &s->memory.swap);
	memory_part(c, h, "kmem.", &s->memory.kernel);
	memory_part(c, h, "kmem.tcp.", &s->memory.kernel_tcp);
	if (cgroup_read(c, h, "memory.oom_control", &text) == 0)
		s->memory.oom_kill = cgroup_keyed(text.buf, "oom_kill");
	return 0;
}

/* The kernel's names, by I/O scheduler: CFQ's, BFQ's, and those of throttling, which every kernel has. */
static const struct {
	enum cgroup_io_kind kind;
	const char *files[3];
} io_files[] = {
	{ CGROUP_IO_SERVICE_BYTES,
	  { "blkio.io_service_bytes_recursive", "blkio.bfq.io_service_bytes_recursive",
	    "blkio.throttle.io_service_bytes_recursive" } },
	{ CGROUP_IO_SERVICED,
	  { "blkio.io_serviced_recursive", "blkio.bfq.io_serviced_recursive",
	    "blkio.throttle.io_serviced_recursive" } },
	{ CGROUP_IO_QUEUED,
	  { "blkio.io_queued_recursive", "blkio.bfq.io_queued_recursive", NULL } },
	{ CGROUP_IO_SERVICE_TIME,
	  { "blkio.io_service_time_recursive", "blkio.bfq.io_service_time_recursive", NULL } },
	{ CGROUP_IO_WAIT_TIME,
	  { "blkio.io_wait_time_recursive", "blkio.bfq.io_wait_time_recursive", NULL } },
	{ CGROUP_IO_MERGED,
	  { "blkio.io_merged_recursive", "blkio.bfq.io_merged_recursive", NULL } },
	{ CGROUP_IO_TIME, { "blkio.time_recursive", "blkio.bfq.time_recursive", NULL } },
	{ CGROUP_IO_SECTORS, { "blkio.sectors_recursive", "blkio.bfq.sectors_recursive", NULL } },
};

/* The first file with entries: a scheduler that is not in use counts nothing. */
static int io_stats(struct cgroup *c, struct cgroup_stats *s)
{
	struct hierarchy *h = find(c, "blkio");

	for (size_t i = 0; h && i < ARRAY_SIZE(io_files); i++) {
		struct cgroup_io_list *l = &s->io[io_files[i].kind];

		for (size_t j = 0; j < ARRAY_SIZE(io_files[i].files) && !l->n; j++) {
			_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

			if (!io_files[i].files[j] ||
			    cgroup_read(c, h, io_files[i].files[j], &text) < 0)
				continue;
			if (cgroup_parse_blkio(l, &s->arena, text.buf) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int huge_stats(const struct cgroup *c, const struct hierarchy *h, struct cgroup_huge *huge)
{
	char file[96];

	snprintf(file, sizeof(file), "hugetlb.%.64s.%s", huge->size,
		 h->v2 ? "current" : "usage_in_bytes");
	huge->usage = cgroup_read_u64(c, h, file);
	huge->max_usage = huge->usage;
	if (h->v2)
		return 0;
	snprintf(file, sizeof(file), "hugetlb.%.64s.max_usage_in_bytes", huge->size);
	huge->max_usage = cgroup_read_u64(c, h, file);
	snprintf(file, sizeof(file), "hugetlb.%.64s.failcnt", huge->size);
	huge->failcnt = cgroup_read_u64(c, h, file);
	return 0;
}

int cgroup_v1_stats(struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	struct hierarchy *pids = find(c, "pids"), *huge = find(c, "hugetlb");
	int r = cpu_stats(c, s);

	if (r == 0)
		r = memory_stats(c, s);
	if (r == 0)
		r = io_stats(c, s);
	if (r == 0 && huge)
		r = cgroup_each_huge(c, huge, huge->v2 ? "current" : "usage_in_bytes", s,
				     huge_stats);
	if (pids) {
		s->pids.current = cgroup_read_u64(c, pids, "pids.current");
		s->pids.limit = cgroup_read_u64(c, pids, "pids.max");
	}
	return r < 0 ? error_oom(err) : 0;
}
