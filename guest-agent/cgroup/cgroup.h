/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CGROUP_H
#define CGROUP_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "oci/spec.h"

/*
 * Control groups, version 2 (Documentation/admin-guide/cgroup-v2.rst). One directory a container.
 */
struct cgroup_root;
struct cgroup;

/*
 * Finds the version 2 hierarchy: /sys/fs/cgroup, else /sys/fs/cgroup/unified (hybrid hosts, for tests). lenient: a limit whose
 * controller is missing is left out instead of refused. -ENOENT when there is none.
 */
int cgroup_root_open(bool lenient, struct cgroup_root **ret);
struct cgroup_root *cgroup_root_free(struct cgroup_root *r); /* NULL accepted; returns NULL */

/*
 * Makes the directory and sets the limits. path: the spec's cgroupsPath; absent: "/ID"; systemd's "slice:prefix:name" becomes
 * "/slice/prefix-name.scope". resources may be NULL.
 */
int cgroup_create(struct cgroup_root *root, const char *path, const char *id,
		  const struct oci_resources *resources, struct cgroup **ret, struct error *err);
/*
 * The cgroup of a container that another process made (runk: every command is a process of its own). name: what cgroup_name() said
 * then. -ENOENT when it is gone. cgroup_close() leaves it in the kernel.
 */
int cgroup_open(struct cgroup_root *root, const char *name, struct cgroup **ret, struct error *err);
struct cgroup *cgroup_close(struct cgroup *c);
const char *cgroup_name(const struct cgroup *c);
/* Moves a process into it. */
int cgroup_add(struct cgroup *c, pid_t pid, struct error *err);
/* Sets those limits that are present. Device rules are set only when the cgroup is made. */
int cgroup_update(struct cgroup *c, const struct oci_resources *resources, struct error *err);
/* Kills what is left inside, removes the directory, and frees. NULL accepted. */
void cgroup_remove(struct cgroup *c);

int cgroup_fd(const struct cgroup *c);		 /* the directory; stays the cgroup's */
const char *cgroup_path(const struct cgroup *c); /* absolute, below the mount point */
/* SIGKILL to every process below, by cgroup.kill. -ENOENT on kernels before 5.14. */
int cgroup_kill(struct cgroup *c);
/* cgroup.freeze. */
int cgroup_freeze(struct cgroup *c, bool frozen, struct error *err);
/* A number from a file, or from the line "KEY N" of one; UINT64_MAX for "max"; 0 when it is not there. */
uint64_t cgroup_read_u64(const struct cgroup *c, const char *file, const char *key);

#endif
