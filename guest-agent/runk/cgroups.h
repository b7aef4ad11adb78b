/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_CGROUPS_H
#define RUNK_CGROUPS_H

#include <stdbool.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "cgroup/cgroup.h"

/*
 * A container's cgroup with the hierarchy that it is in, as commands want it.
 */
struct cgroups {
	struct cgroup_root *root;
	struct cgroup *cg; /* NULL: the container has none */
};
#define CGROUPS_INIT       \
	{                  \
		NULL, NULL \
	}
#define CGROUPS_REMOVE_USEC 2000000 /* for killed processes to let go of it */

/* The hierarchy as all commands use it. */
int cgroups_root(struct cgroup_root **ret, struct error *err);
/* By the name in its state; NULL, or one that is gone, leaves cg NULL. */
int cgroups_open(const char *name, struct cgroups *ret, struct error *err);
/* Leaves the cgroup in the kernel. */
void cgroups_close(struct cgroups *c);
#define _cleanup_cgroups_ _cleanup_(cgroups_close)
/* To every process in it and below. */
int cgroups_signal(const struct cgroups *c, int sig, struct error *err);
bool cgroups_frozen(const char *name);

#endif
