/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_SPAWN_H
#define CONTAINER_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "container/child.h"

/*
 * clone3(2) for container processes. New namespaces are made by the clone. Existing ones (all but mount, time and user) are joined by
 * the caller around the clone and left again, so that the child is a direct child, pid namespaces included, without helpers in
 * between. Needs a single-threaded caller.
 *
 * A user namespace cannot be left again. Where it has to be joined before the clone (via_user), a helper does so: it joins what it may
 * with the caller's rights, then the user namespace, then the rest, and clones a child for the caller (CLONE_PARENT).
 */
struct spawn_params {
	uint64_t clone_flags; /* CLONE_NEW* */
	int join[OCI_NS_MAX]; /* descriptors to join, or -1 */
	bool via_user;	      /* join[OCI_NS_USER] by a helper; else it is the child's to join */
	int cgroup_fd;	      /* directory of a cgroup v2 to be born in, or -1 */
	void (*child)(struct child_plan *plan);
	struct child_plan *plan; /* the only descriptors above 2 that the child keeps */
};

int spawn_child(const struct spawn_params *p, pid_t *ret_pid, struct error *err);

#endif
