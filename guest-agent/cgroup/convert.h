/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CONVERT_H
#define CGROUP_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "oci/spec.h"

/*
 * From the OCI specification's values, which are version 1's, to the files of version 1 and version 2. Pure.
 */
struct cgroup_setting {
	char *file; /* "memory.max": the controller is what is before the first dot */
	char *value;
	bool optional; /* a kernel without the file has nothing to limit */
	bool either; /* if the file is there, the next setting, the same in another file, is passed over */
};

struct cgroup_settings {
	struct cgroup_setting *v; /* in order of writing */
	size_t n, cap;
};
#define CGROUP_SETTINGS_INIT \
	{                    \
		NULL, 0, 0   \
	}
void cgroup_settings_release(struct cgroup_settings *s);

/* cpu.shares 2..262144 to cpu.weight 1..10000, linear as other runtimes do it; 0 stays 0 (unset). */
uint64_t cgroup_weight_of_shares(uint64_t shares);
/* blkio weight 10..1000 to io.weight 1..10000; 0 stays 0. */
uint64_t cgroup_io_weight(uint16_t weight);
/* "50000 100000", "max 100000"... for cpu.max. quota <= 0: max. period 0: 100000. */
#define CGROUP_CPU_MAX_LEN 48
void cgroup_cpu_max(char out[CGROUP_CPU_MAX_LEN], int64_t quota, uint64_t period);

/*
 * Version 2. -EINVAL names what it cannot do (swap below memory, a unified key with a slash), -EOPNOTSUPP what it has not (real-time
 * scheduling). Left out, as by other runtimes: kernel memory, swappiness, disableOOMKiller, network class and priorities.
 */
int cgroup_settings_v2(const struct oci_resources *r, struct cgroup_settings *ret,
		       struct error *err);
/* Version 1. has_v2: the keys of unified may be some of a version 2 hierarchy beside it; otherwise they are refused (-EINVAL). */
int cgroup_settings_v1(const struct oci_resources *r, bool has_v2, struct cgroup_settings *ret,
		       struct error *err);
/* Version 1's devices.deny and devices.allow for the rules. Part of what was allowed before cannot be denied: -EOPNOTSUPP. */
int cgroup_settings_devices(const struct oci_device_rule *rules, size_t n,
			    struct cgroup_settings *ret, struct error *err);

/* cgroupsPath to a clean relative path without ".."; malloc'd. *ret_own (may be NULL): it was not absolute. */
char *cgroup_clean_path(const char *path, const char *id, bool *ret_own);

#endif
