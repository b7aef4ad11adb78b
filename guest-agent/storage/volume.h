/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_VOLUME_H
#define STORAGE_VOLUME_H

#include <stdint.h>
#include "base/error.h"

/*
 * File systems that are in use: how full they are, and how they grow into a device that the host has made larger. All of this may
 * wait for a device or for a dead file server, so the agent calls it in a process of its own.
 */

struct volume_stats {
	uint64_t total, used, available; /* bytes; available: to an ordinary user */
	uint64_t inodes, inodes_used,
		inodes_available; /* all 0 where a file system does not count them */
};
int volume_stats(const char *path, struct volume_stats *ret, struct error *err);

/*
 * Makes the file system that path is on `size` bytes large (0: as large as its device), waiting at most wait_usec for the device to
 * have that size. ext4 (and what is mounted as ext4), xfs and btrfs; -EOPNOTSUPP for others; -EINVAL for fewer bytes than it has.
 */
int volume_resize(const char *path, uint64_t size, uint64_t wait_usec, struct error *err);

/*
 * Looks at every virtio-fs mount below dir, so that the server lets go of what the host has removed, and detaches those that are
 * dead.
 */
int volume_drop_stale(const char *dir, struct error *err);

#endif
