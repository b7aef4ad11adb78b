/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_STATS_H
#define CGROUP_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"

/*
 * What a cgroup has used, in one form for both versions. Times in nanoseconds, sizes in bytes; a limit of UINT64_MAX is none.
 */
struct cgroup_mem {
	uint64_t usage, max_usage, failcnt, limit;
};

struct cgroup_counter { /* a line of memory.stat */
	const char *key;
	uint64_t value;
};

struct cgroup_io_entry {
	uint64_t major, minor;
	const char *
		op; /* version 1: "Read", "Write"...; version 2: "read" "write" "rios" "wios" "dbytes" "dios" */
	uint64_t value;
};
struct cgroup_io_list {
	struct cgroup_io_entry *v;
	size_t n, cap;
};

/* In the order of the fields of the agent protocol's BlkioStats; version 2 has the first only. */
enum cgroup_io_kind {
	CGROUP_IO_SERVICE_BYTES,
	CGROUP_IO_SERVICED,
	CGROUP_IO_QUEUED,
	CGROUP_IO_SERVICE_TIME,
	CGROUP_IO_WAIT_TIME,
	CGROUP_IO_MERGED,
	CGROUP_IO_TIME,
	CGROUP_IO_SECTORS,
	CGROUP_IO_KINDS,
};

struct cgroup_huge {
	const char *size; /* "2MB" */
	uint64_t usage, max_usage, failcnt;
};

struct cgroup_stats {
	struct arena arena; /* owns what pointers point to */
	struct {
		uint64_t total, user, kernel;
		uint64_t *percpu; /* version 1 */
		size_t n_percpu;
		uint64_t periods, throttled_periods, throttled_time;
	} cpu;
	struct {
		bool present; /* there is a memory controller */
		uint64_t cache;
		struct cgroup_mem usage, swap, kernel, kernel_tcp;
		bool use_hierarchy;
		struct cgroup_counter *stat;
		size_t n_stat;
		/* memory.events, version 2; version 1 has oom_kill alone, from memory.oom_control */
		uint64_t low, high, max, oom, oom_kill;
	} memory;
	struct {
		uint64_t current, limit;
	} pids;
	struct cgroup_io_list io[CGROUP_IO_KINDS];
	struct cgroup_huge *huge;
	size_t n_huge;
};
void cgroup_stats_release(struct cgroup_stats *s);

#endif
