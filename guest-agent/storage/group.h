/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_GROUP_H
#define STORAGE_GROUP_H

#include <stdbool.h>
#include "base/error.h"
#include "storage/storage.h"

/*
 * Gives a whole tree to a group, as Kubernetes' fsGroup asks: files get its read and write bits (read only on a read-only mount; with what
 * the owner may execute), directories its bits and set-group-id, so that new files are the group's too. Links are not followed, other
 * mounts not entered. With on_mismatch nothing is done where the top is right already. May take long with many files: for a
 * process of its own.
 */
int storage_own_tree(const char *path, uint32_t gid, bool read_only, bool on_mismatch,
		     struct error *err);

#endif
