/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_SCHEDULE_H
#define CONTAINER_SCHEDULE_H

#include "base/error.h"
#include "oci/spec.h"

/* process.scheduler, process.ioPriority and linux.personality (l NULL: a joining process of no own), while still privileged. */
int schedule_apply(const struct oci_process *p, const struct oci_linux *l, struct error *err);
/* Names and ranges, without doing anything. */
int schedule_check(const struct oci_process *p, const struct oci_linux *l, struct error *err);
/* "0-3,7" for the calling process. */
int schedule_affinity(const char *cpus, struct error *err);

#endif
