/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_MIRROR_H
#define STORAGE_MIRROR_H

#include "base/error.h"

/*
 * A small directory kept like another: what the host changes in a share gives no inotify events in the guest, so programs that watch
 * their configuration get a copy in memory, in which changes happen as a local program would make them.
 */
#define MIRROR_MAX_FILES 16	    /* upstream's limits (src/agent/src/watcher.rs) */
#define MIRROR_MAX_BYTES (1u << 20) /* of all files together */

/*
 * Makes target (a directory that exists) like source: files are replaced whole, links last, so that one that switches between
 * generations of files never points to nothing; what is gone goes. Only what changed is touched. -EFBIG over a limit, -ENOTDIR.
 */
int mirror_sync(const char *source, const char *target, struct error *err);

#endif
