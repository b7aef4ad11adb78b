/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_ROOTFS_H
#define CONTAINER_ROOTFS_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * The file system a container sees, built in the child's own mount namespace. Order matters: begin, populate, (console), seal,
 * enter.
 */
struct rootfs {
	int fd;		  /* the container's root, O_PATH; -1 before begin */
	const char *path; /* as the agent names it */
};

struct rootfs_env {
	bool cgroup_ns;
	const char *cgroup_path; /* or NULL */
	const int *trees;	 /* one a mount, see struct child_plan; NULL: none */
	bool no_pivot;
};

/* Makes the root a mount of its own, out of reach of propagation. */
int rootfs_begin(struct rootfs *r, const struct oci_spec *spec, const char *path,
		 struct error *err);
/* Mounts, device nodes, working directory. */
int rootfs_populate(struct rootfs *r, const struct oci_spec *spec, const struct rootfs_env *env,
		    struct error *err);
/* Masked and read-only paths, read-only root. */
int rootfs_seal(struct rootfs *r, const struct oci_spec *spec, struct error *err);
/* Becomes the root directory; the agent's files are gone after this. */
int rootfs_enter(struct rootfs *r, const struct oci_spec *spec, const struct rootfs_env *env,
		 struct error *err);

/* Writes linux.sysctl through the agent's /proc/sys; values act on this process's namespaces. */
int rootfs_sysctl(const struct oci_linux *l, struct error *err);

#endif
