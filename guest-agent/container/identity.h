/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_IDENTITY_H
#define CONTAINER_IDENTITY_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * Who a process is and what it may use: called in the child, between the set-up of its environment and execve.
 */

/* "RLIMIT_NOFILE" to the kernel's number, or -EINVAL. */
int rlimit_parse(const char *name);
/* Through the agent's own /proc, so before the root changes. */
int identity_apply_limits(const struct oci_process *p, struct error *err);
/* Capabilities, groups, user, no_new_privs, umask; the working directory in between. In the final root. */
int identity_apply(const struct oci_process *p, struct error *err);

/*
 * The environment the process gets: the spec's, plus HOME (from the container's /etc/passwd, else "/") and, with a terminal,
 * TERM=xterm where they are missing. The vector is malloc'd; its strings are partly the spec's. NULL: out of memory.
 */
char **identity_environment(const struct oci_process *p);

/*
 * Where the program is: name itself when it has a slash, else the first executable in env's PATH; without PATH, none. Malloc'd *ret. -ENOENT,
 * -EACCES, with the text `exec "NAME": ...`.
 */
int identity_find_program(const char *name, char *const *env, char **ret, struct error *err);

#endif
