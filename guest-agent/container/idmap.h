/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_IDMAP_H
#define CONTAINER_IDMAP_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/error.h"
#include "oci/spec.h"

struct id_maps {
	const struct oci_id_map *uid, *gid;
	size_t n_uid, n_gid;
};

/*
 * Writes the maps of the user namespace that the process was just born into. Where the caller may not (it is no root and the maps are
 * not its own id alone), newuidmap(1) and newgidmap(1) do it by /etc/subuid and /etc/subgid.
 */
int idmap_write(pid_t pid, const struct id_maps *maps, struct error *err);
/* A user namespace with these maps, and without a process, as mount_setattr(2) wants it. A descriptor or -errno. */
int idmap_namespace(const struct id_maps *maps, struct error *err);
/* Makes a detached mount an idmapped one. */
int idmap_mount(int tree, int userns, bool recursive, struct error *err);

#endif
