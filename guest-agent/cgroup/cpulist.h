/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CPULIST_H
#define CGROUP_CPULIST_H

#include <stddef.h>

/*
 * The kernel's lists of processors and memory nodes: "0-3,7,10-12", as cpuset files and /sys/devices/system/cpu have them (cpuset(7),
 * "List format"). An empty one is allowed.
 */
/* How many numbers it names, each below max. -EINVAL: no such list. */
int cpulist_count(const char *text, size_t max, size_t *ret);

#endif
