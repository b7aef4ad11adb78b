/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_WATCH_H
#define SERVICE_WATCH_H

#include "storage/storage.h"

/*
 * "watchable-bind": a directory of the share, mirrored every two seconds while it is small, and mounted from the mirror. What is larger
 * than a mirror may be, or not a directory, is mounted as it is.
 */
#define WATCH_DRIVER "watchable-bind"

struct agent;
struct watches;

/* As storage_add(). */
int watch_add(struct agent *a, const struct storage_req *req, const char *cid, struct error *err);
/* Ends what belongs to a mount point that has been dropped. */
void watch_drop(struct agent *a, const char *mount_point);
/* NULL accepted; returns NULL. */
struct watches *watches_free(struct watches *w);

#endif
