/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_HOOKS_H
#define CONTAINER_HOOKS_H

#include <sys/types.h>
#include "base/error.h"
#include "oci/spec.h"

/*
 * Hooks by the OCI specification ("POSIX-platform Hooks"), when and where:
 *
 *	prestart, createRuntime	   the maker, when the container's mounts are made and its root is not changed yet
 *	createContainer		   the process, right after them: the container's namespaces, the maker's files
 *	startContainer		   the process, right before execve: the container's namespaces and files
 *	poststart, poststop	   the maker
 */

/* The state that a hook reads from its standard input. pid 0: left out. malloc'd; NULL: out of memory. */
char *hooks_state(const struct oci_spec *spec, const char *id, const char *status, pid_t pid,
		  const char *bundle);

/*
 * Runs them one after the other and waits, each for its timeout at most. The first that fails ends it: "NAME hook PATH: ..." with the
 * last of what it wrote to standard error. Blocks.
 */
int hooks_run(const struct oci_hook_list *list, const char *name, const char *state,
	      struct error *err);

/* Some of those that run while the container is made or started. */
bool hooks_before_exec(const struct oci_hooks *h);

#endif
