/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include "base/error.h"

/*
 * kata-runtime: what its commands share. A command is one file, a function of this shape, and a line in main.c's table. It returns the
 * exit status, or a negative errno with err set, which main() prints as one line "kata-runtime: ...", with exit status 1.
 */
struct cli {
	const char *config;	/* --config; NULL: looked for */
	const char *log;	/* --log; NULL: none */
	const char *log_format; /* "text" or "json" */
	const char *root;	/* --root; NULL: the default */
};

typedef int (*cli_command_fn)(const struct cli *cli, int argc, char **argv, struct error *err);

int cmd_create(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_start(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_pause(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_resume(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_update(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_run(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_spec(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_state(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_list(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_kill(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_delete(const struct cli *cli, int argc, char **argv, struct error *err);
int cmd_exec(const struct cli *cli, int argc, char **argv, struct error *err);

/* "warning: LINE" on stderr, and in the log. Fits config_warn_fn. */
void cli_warn(const char *line, void *data);

#define CLI_OCI_VERSION "1.0.2"

#endif
