/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/task_client.h"
#include "config/config.h"
#include "oci/spec.h"
#include "sandbox/state.h"

/* A new container, from its bundle to a process whose streams are the caller's: what `run` and `create` share. */

/* What upstream and other runtimes answer for a program that is missing, or cannot be executed. */
#define LAUNCH_EXIT_NOT_FOUND	 127
#define LAUNCH_EXIT_NOT_RUNNABLE 126

struct launch {
	const struct cli *cli;
	char *bundle;
	struct config *config;
	struct oci_spec *spec;
	struct instance instance;
	bool reserved; /* the instance's directory is ours to remove */
	pid_t engine;
	struct loop *loop;
	struct task_client client;
	struct session session;
	struct state state; /* the engine's last word */
};

void launch_init(struct launch *l, const struct cli *cli);
/* Everything that can be found wrong without starting anything. */
int launch_check(struct launch *l, const char *id, const char *bundle, struct error *err);
/* Takes the id: its directory below the state root. */
int launch_reserve(struct launch *l, const char *id, struct error *err);
/*
 * Starts the engine, and makes the container, joined with this process's standard streams. On failure the caller ends with
 * launch_status(), after launch_release().
 */
int launch_create(struct launch *l, struct error *err);
/* Signals are passed on, a terminal is raw. Before or after the process was started. */
int launch_attached(struct launch *l, struct error *err);
/* Until the process has ended and its output is written. -EIO when the sandbox was lost. */
int launch_wait(struct launch *l, int *ret_status, struct error *err);
/* The exit status after a failure: 128 + a signal that came meanwhile, 127, 126, or the code of err. */
int launch_status(struct launch *l, const struct error *err);
void launch_read_state(struct launch *l);
/*
 * keep: the container goes on without us. Else nothing of it stays behind, whatever happened; graceful: the engine is ending by itself.
 */
void launch_release(struct launch *l, bool keep, bool graceful);

/* "invalid container id ..." for what is none. */
int launch_check_id(const char *id, struct error *err);

#endif
