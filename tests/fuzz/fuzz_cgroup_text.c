/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's files say of cgroups, and of network interfaces: mountinfo, self/cgroup, accounting, lists of processors. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "cgroup/cpulist.h"
#include "cgroup/driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_hierarchies(const char *text)
{
	struct hierarchies hs = { .n = 0 };

	if (hierarchies_parse_mountinfo(&hs, text) == 0) {
		hierarchies_parse_self(&hs, text);
		/* Where the caller is must stay below the mount point. */
		for (size_t i = 0; i < hs.n; i++)
			if (hs.v[i].own[0] == '/' || strstr(hs.v[i].own, "/../") ||
			    strncmp(hs.v[i].own, "../", 3) == 0)
				abort();
		hierarchies_find(&hs, "memory", 6);
	}
	hierarchies_release(&hs);
}

static void fuzz_stats(const char *text)
{
	struct cgroup_stats s;

	memset(&s, 0, sizeof(s));
	cgroup_keyed(text, "usage_usec");
	cgroup_parse_memory_stat(&s, text);
	cgroup_parse_io_stat(&s, text);
	cgroup_parse_blkio(&s.io[CGROUP_IO_SERVICED], &s.arena, text);
	cgroup_parse_percpu(&s, text);
	free(cgroup_huge_size(text, "current"));
	cgroup_stats_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup0(data, size);
	size_t n = 0;

	if (!text)
		return 0;
	fuzz_hierarchies(text);
	fuzz_stats(text);
	if (cpulist_count(text, 8192, &n) == 0 && n > 8192)
		abort();
	free(text);
	return 0;
}
