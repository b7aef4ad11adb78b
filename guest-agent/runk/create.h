/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_CREATE_H
#define RUNK_CREATE_H

#include "base/error.h"
#include "base/options.h"
#include "runk/runk.h"
#include "runk/state.h"

/* What `create` and `run` share: a bundle to a container in the state CREATED. */
struct create_request {
	const char *id, *bundle;
	const char *console_socket, *pid_file; /* NULL: none */
	const char *preserve_fds;	       /* a number as text, or NULL */
	bool no_pivot, no_new_keyring;
	bool attached; /* the caller keeps the terminal: no console socket is needed */
};

/*
 * On success *ret is the container's state (the caller's to release), and *ret_pty its terminal's master when the caller is
 * attached to one (else -1). On failure nothing is left, and the error names the step.
 */
int create_container(const struct runk *rk, const struct create_request *q, struct state *ret,
		     int *ret_pty, struct error *err);
/* Lets the program of a created container run. */
int start_container(const struct runk *rk, struct state *s, struct error *err);

/* Sends a terminal's master to who listens at path (runc's console socket: the descriptor with the name of its device). */
int send_console(const char *path, int pty, struct error *err);
/* "3": descriptors 3, 4 and 5, which must be open. */
int parse_preserve_fds(const char *text, unsigned int *ret, struct error *err);

#endif
