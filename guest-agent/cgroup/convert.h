/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CONVERT_H
#define CGROUP_CONVERT_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"
#include "oci/spec.h"

/* From the OCI specification's values, which are version 1's, to version 2's files. Pure. */

/* cpu.shares 2..262144 to cpu.weight 1..10000, linear as other runtimes do it; 0 stays 0 (unset). */
uint64_t cgroup_weight_of_shares(uint64_t shares);
/* blkio weight 10..1000 to io.weight 1..10000; 0 stays 0. */
uint64_t cgroup_io_weight(uint16_t weight);
/* "50000 100000", "max 100000"... for cpu.max. quota <= 0: max. period 0: 100000. */
#define CGROUP_CPU_MAX_LEN 48
void cgroup_cpu_max(char out[CGROUP_CPU_MAX_LEN], int64_t quota, uint64_t period);
/*
 * The limits as file, value, file, value... in order of writing. -EINVAL names what version 2 cannot do (swap below memory, a
 * unified key with a slash).
 */
int cgroup_settings(const struct oci_resources *r, struct strv *ret, struct error *err);
/* cgroupsPath to a clean relative path without ".."; malloc'd. */
char *cgroup_clean_path(const char *path, const char *id);

#endif
