/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_DEVNODE_H
#define CONTAINER_DEVNODE_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * A container's /dev: the nodes that every container has by the OCI specification ("Default Devices"), those of the spec, and the
 * usual links. Where mknod is not allowed (user namespace) the agent's own node is bind mounted.
 */
int devnode_populate(int rootfd, const struct oci_linux *l, struct error *err);
/* The path is below a mount of the spec that brings a /dev of its own (a bind mount): then nothing is made there. */
bool devnode_dev_is_bound(const struct oci_spec *spec);

#endif
