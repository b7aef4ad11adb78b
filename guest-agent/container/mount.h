/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_MOUNT_H
#define CONTAINER_MOUNT_H

#include <stdbool.h>
#include "base/error.h"
#include "oci/spec.h"

/*
 * Mounts below a container's root, in the child's mount namespace and before the root changes: sources are the agent's paths,
 * destinations are resolved inside rootfd and made where they are missing.
 */
struct mount_env {
	int rootfd;
	bool cgroup_ns; /* the child has its own cgroup namespace */
	/* The container's cgroup directory as the agent sees it, or NULL. */
	const char *cgroup_path;
	const char *label; /* of SELinux, for file systems that are made here; NULL: none */
	int tree; /* for a bind mount: what to attach, made by the maker; -1: the source is opened here */
};

int mount_one(const struct mount_env *env, const struct oci_mount *m, struct error *err);
/*
 * A read-only tmpfs, and a read-only /dev, are filled by the runtime first (mount points of later mounts, device nodes), so they become
 * read-only at the end.
 */
bool mount_is_sealed_late(const struct oci_mount *m);
int mount_seal(int rootfd, const struct oci_mount *m, struct error *err);
/*
 * Hides a path: an empty read-only directory, or /dev/null. A missing path is success. *empty: that directory's mount, made when it is
 * first wanted; the caller's to close.
 */
int mount_mask(int rootfd, const char *path, int *empty, struct error *err);
/* Makes what is at path, and everything below, read-only. A missing path is success. */
int mount_readonly(int rootfd, const char *path, struct error *err);
/* A bind mount of the open file or directory src onto the open target. */
int mount_bind_fd(int src, int target, bool recursive);
/* The source of a bind mount as a detached tree without its options. A descriptor or -errno. */
int mount_open_source(const char *source, bool recursive, struct error *err);

#endif
