/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STANDIN_H
#define CLI_STANDIN_H

#include <stdbool.h>
#include "base/error.h"
#include "sandbox/instance.h"
#include "sandbox/state.h"

/*
 * The process on the host that stands for a process in a guest when its caller does not wait: what --pid-file names. It has the
 * caller's standard streams, or the slave of a new pseudo-terminal whose master goes to --console-socket; it passes signals on, and ends
 * with the process's exit code. What else it inherited it has closed, so it holds nobody's pipe open.
 *
 * begin() and end() run in it: begin() until the process is made (and perhaps started), end() until it has ended. begin() fails
 * as a command does: an exit status or -errno, with err set, which the caller of standin_run() gets.
 */
struct standin {
	bool terminal;
	const char *console_socket; /* needed with a terminal, refused without */
	const char *pid_file;	    /* NULL: none. Written last. */
	int (*begin)(void *data, struct error *err);
	int (*end)(void *data, struct error *err); /* the exit code */
	void *data;
};

int standin_run(const struct standin *s, struct error *err);
/* What can be wrong with terminal and console socket, before anything is made. */
int standin_check(const struct standin *s, const char *what, struct error *err);

/* This process stands for the container's first one: a file in the instance's directory says so to `state` and `list`. */
int standin_record(const struct instance *i, struct error *err);
/* The process that does, if it lives; pid 0 otherwise. */
struct state_process standin_find(const struct instance *i);

#endif
