/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIM_TASK_METRICS_H
#define SHIM_TASK_METRICS_H

#include <stdbool.h>
#include "base/error.h"
#include "wire/agent.pb-c.h"
#include "wire/google.pb-c.h"

/*
 * The agent's statistics as containerd's io.containerd.cgroups.v1.Metrics or v2.Metrics in *ret: its value is malloc'd, its type_url
 * constant. Lines of memory.stat go over by name; what the guest's version of cgroups does not have is 0.
 */
int task_metrics_pack(const Grpc__StatsContainerResponse *stats, bool v2,
		      Google__Protobuf__Any *ret, struct error *err);

#endif
