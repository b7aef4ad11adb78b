/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_RUNK_H
#define RUNK_RUNK_H

#include <stdbool.h>
#include "base/error.h"

/*
 * runk: the container library as an OCI runtime, with runc's commands and options. Every command is a process of its own; what they
 * know of each other is below the root (runk/state.h).
 */
#define RUNK_OCI_VERSION "1.2.0"

struct runk {
	const char *root; /* directory of the containers' state */
	bool systemd_cgroup, rootless;
};

/* argv[0] is the command. The exit code; with err set it is a failure and a code of 0 means 1. */
typedef int (*runk_command_fn)(const struct runk *rk, int argc, char **argv, struct error *err);

int cmd_create(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_run(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_start(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_state(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_kill(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_delete(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_list(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_exec(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_ps(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_spec(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_pause(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_resume(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_update(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_events(const struct runk *rk, int argc, char **argv, struct error *err);
int cmd_features(const struct runk *rk, int argc, char **argv, struct error *err);

/* A line to standard error and to --log, for what is no reason to fail. */
void runk_warn(const char *fmt, ...) _printf_(1, 2);
/* The one argument that a command takes: the container's id. */
int runk_one_id(int argc, char **argv, int next, const char **ret, struct error *err);

#endif
