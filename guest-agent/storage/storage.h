/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/list.h"
#include "base/strv.h"

/*
 * What the host asks to have mounted in the guest before a container can use it. Mount points are counted: asked for twice, it is
 * mounted once, and unmounted when the last user let go.
 */

/* All of a container's own files in the guest live below. */
#define STORAGE_RUN_DIR	   "/run/kata-containers"
#define STORAGE_MAX	   1024 /* storages in one request, and mount points in the sandbox */
#define STORAGE_OVERLAY_RW "io.katacontainers.fs-opt.overlay-rw"

struct storage_req {
	const char *driver, *source, *fstype, *mount_point;
	char *const *options;
	size_t n_options;
	char *const *driver_options;
	size_t n_driver_options;
	bool has_fs_group, fs_group_on_mismatch; /* not storage_add()'s: see storage/group.h */
	uint32_t fs_group;
	bool shared; /* outlives its container */
};

struct storage_table {
	struct list mounts;
	size_t n;
};
void storage_table_init(struct storage_table *t);
/* Unmounts everything, last first. */
void storage_table_release(struct storage_table *t);

/*
 * Mounts, or counts one more user. cid: the container that it is for, "" for the sandbox. -EAGAIN with a text: the device is not
 * there yet, try again. -EINVAL for a driver that this agent does not have, by name.
 */
int storage_add(struct storage_table *t, const struct storage_req *req, const char *cid,
		struct error *err);
/* Other options for what is mounted already (size= of a tmpfs): -ENOENT when it is not, -EINVAL for a driver that cannot. */
int storage_update(struct storage_table *t, const struct storage_req *req, struct error *err);
/* One user less; true if it was the last. Errors of unmounting are not the caller's: the mount is then detached. */
bool storage_drop(struct storage_table *t, const char *mount_point);

/* The drivers that storage_add() knows; NULL ended. */
extern const char *const storage_drivers[];

#endif
