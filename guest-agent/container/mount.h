/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_MOUNT_H
#define CONTAINER_MOUNT_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * Mounts below a container's root, in the child's mount namespace and before the root changes: sources are the agent's paths,
 * destinations are resolved inside rootfd and made where they are missing.
 */
struct mount_env {
	int rootfd;
	bool cgroup_ns; /* the child has its own cgroup namespace */
	const char
		*cgroup_path; /* the container's cgroup directory as the agent sees it, or NULL */
};

int mount_one(const struct mount_env *env, const struct oci_mount *m, struct error *err);
/* Hides a path: an empty read-only directory, or /dev/null. A missing path is success. */
int mount_mask(int rootfd, const char *path, struct error *err);
/* Makes what is at path, and everything below, read-only. A missing path is success. */
int mount_readonly(int rootfd, const char *path, struct error *err);
/* A bind mount of the open file or directory src onto the open target. */
int mount_bind_fd(int src, int target, bool recursive);

#endif
