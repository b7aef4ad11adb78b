/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_HIERARCHY_H
#define CGROUP_HIERARCHY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/strv.h"

/*
 * The mounted cgroup hierarchies and the controllers of each, from /proc/self/mountinfo (proc(5)), /proc/self/cgroup (cgroups(7)) and
 * version 2's cgroup.controllers. Parsing is pure and for any text.
 */
#define HIERARCHIES_MAX 32 /* the kernel has 14 controllers; named hierarchies are extra */

struct hierarchy {
	bool v2;
	char *mount; /* mount point */
	char *root;  /* what of the hierarchy is mounted there; "/" outside of containers */
	char *own; /* the caller's cgroup below the mount point, without leading slash; "" at the top */
	struct strv controllers; /* "memory"...; a named hierarchy: "name=systemd" */
	int fd;			 /* of the mount point; -1 until opened */
};

struct hierarchies {
	struct hierarchy v[HIERARCHIES_MAX];
	size_t n;
};

/* Each mounted hierarchy once: the first mount of several. More than HIERARCHIES_MAX are left out. -ENOMEM. */
int hierarchies_parse_mountinfo(struct hierarchies *hs, const char *text);
/* Where the caller is in each. What does not match a hierarchy is passed over. -ENOMEM. */
int hierarchies_parse_self(struct hierarchies *hs, const char *text);
/* Both, with the files of this process, and opens the mount points. */
int hierarchies_open(struct hierarchies *hs, struct error *err);
void hierarchies_release(struct hierarchies *hs);
/* The one that has the controller: version 1's before version 2's. NULL: none. */
struct hierarchy *hierarchies_find(struct hierarchies *hs, const char *controller, size_t len);
struct hierarchy *hierarchies_v2(struct hierarchies *hs); /* or NULL */

#endif
