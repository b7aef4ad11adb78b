/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_LAYERS_H
#define STORAGE_LAYERS_H

#include "base/arena.h"
#include "storage/storage.h"

/*
 * A root file system of several block devices: EROFS layers below and one writable file system above. The host sends one storage a device,
 * marked in its options, of which the writable one has the mount point of the whole.
 */
#define STORAGE_LAYERS_DRIVER "erofs.multi-layer"
#define STORAGE_LAYERS_MAX    500 /* of the kernel's overlayfs */

/*
 * Puts plain requests in place of such a group: mounts of the devices below STORAGE_RUN_DIR/CID/multi-layer, and an overlay of them. What does
 * not belong to the group stays as it is, before it. *ret has *ret_n requests, in `mem` as all they point to beyond what reqs
 * points to. -EINVAL for a group without exactly one writable layer or without others; -EOPNOTSUPP for what needs device-mapper or
 * partitions.
 */
int storage_expand_layers(struct arena *mem, const struct storage_req *reqs, size_t n,
			  const char *cid, struct storage_req **ret, size_t *ret_n,
			  struct error *err);

#endif
