/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHIM_TASK_SERVICE_H
#define SHIM_TASK_SERVICE_H

#include <stdbool.h>
#include "sandbox/sandbox.h"
#include "wire/ttrpc.h"

/*
 * containerd.task.v2.Task over one sandbox: messages in, calls of sandbox/sandbox.h, messages out. Methods that are not built yet
 * answer UNIMPLEMENTED.
 */
#define TASK_SERVICE "containerd.task.v2.Task"

struct task_service {
	struct sandbox *sandbox;
	struct ttrpc_service service;
	struct events *events; /* where they go; NULL: nowhere. The caller's */
	/* Shutdown was asked for and no container is left. */
	void (*on_shutdown)(void *data);
	void *data;
};

/* Registers with the server; both must live as long as it. */
int task_service_init(struct task_service *t, struct sandbox *sb, struct ttrpc_server *server);

#endif
