/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIM_TASK_RESOURCES_H
#define SHIM_TASK_RESOURCES_H

#include "shim/task_service.h"

/* The Task service's methods for pausing, limits and accounting, and the event that comes by itself. For shim/task_service.c. */
void task_pause(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void task_resume(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void task_update(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void task_stats(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
/* sandbox.on_oom, with the task service. */
void task_on_oom(const char *cid, void *data);

#endif
