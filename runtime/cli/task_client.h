/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TASK_CLIENT_H
#define CLI_TASK_CLIENT_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "sandbox/instance.h"
#include "wire/task.pb-c.h"
#include "wire/ttrpc.h"

/* Starting an engine and calling its Task service. */

/*
 * Starts the engine of a freshly made instance and waits until it serves. The instance's lock goes to the engine. *ret_pid is a child of
 * the caller, to be reaped.
 */
int engine_start(const struct cli *cli, const struct instance *i, const char *bundle,
		 const char *config, pid_t *ret_pid, struct error *err);

struct task_client {
	struct loop *loop;
	struct ttrpc_client *rpc;
	const char *id;
};
#define TASK_CLIENT_INIT         \
	{                        \
		NULL, NULL, NULL \
	}
/* Connects to the instance's engine. -ENOENT or -ECONNREFUSED: nobody serves. */
int task_client_open(struct task_client *c, struct loop *loop, const struct instance *i,
		     struct error *err);
void task_client_close(struct task_client *c);
#define _cleanup_task_client_ _cleanup_(task_client_close)

/* Calls that wait for the answer; the loop runs meanwhile. exec_id "" is the first process. */
int task_call(struct task_client *c, const char *method, const ProtobufCMessage *req,
	      struct error *err);
int task_start(struct task_client *c, const char *exec_id, struct error *err);
int task_kill(struct task_client *c, const char *exec_id, uint32_t sig, bool all,
	      struct error *err);
int task_delete(struct task_client *c, const char *exec_id, struct error *err);
int task_shutdown(struct task_client *c, struct error *err);
/* One way: the answer is not waited for. */
void task_send_kill(struct task_client *c, const char *exec_id, uint32_t sig);
void task_send_resize(struct task_client *c, const char *exec_id, uint32_t rows, uint32_t columns);
void task_send_close_stdin(struct task_client *c, const char *exec_id);
/* err: the engine is gone. */
typedef void (*task_wait_fn)(uint32_t status, const struct error *err, void *data);
int task_send_wait(struct task_client *c, const char *exec_id, task_wait_fn fn, void *data);

#endif
