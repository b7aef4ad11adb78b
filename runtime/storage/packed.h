/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_PACKED_H
#define STORAGE_PACKED_H

#include <stdbool.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * Packed root file systems: the container's root as a read-only erofs image on a virtio block device, with a writable overlay in the
 * guest's memory. Needs no privilege and no daemon. What the container writes is gone with it.
 *
 * Reading a large root takes long, so a child process packs while the loop goes on; it dies with us.
 */
struct packed;

struct packed_params {
	const char *rootfs; /* directory */
	const char *image;  /* file to be made */
	/* What the caller owns appears as root's in the guest: for callers who are not root. */
	bool own_as_root;
};

/* err NULL: the image is complete. The object stays the caller's. */
typedef void (*packed_done_fn)(const struct error *err, void *data);
int packed_start(struct loop *loop, const struct packed_params *p, packed_done_fn fn, void *data,
		 struct packed **ret, struct error *err);
/* Ends the child if it still runs, and removes the image. NULL accepted; returns NULL. */
struct packed *packed_free(struct packed *p);
const char *packed_image(const struct packed *p);

#endif
