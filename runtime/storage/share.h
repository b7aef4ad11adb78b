/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_SHARE_H
#define STORAGE_SHARE_H

#include <stdbool.h>
#include "base/error.h"

/*
 * The directory that virtiofsd exports: <dir>/<container>/rootfs and one entry for each bind mount from the host, all bind mounts in
 * the caller's private mount namespace. When the namespace ends, so do they.
 */

/*
 * A private mount namespace for the calling process: mounts made on the host arrive here, ours do not arrive there. Needs
 * CAP_SYS_ADMIN.
 */
int share_unshare(struct error *err);

struct share {
	char *dir; /* absolute; NULL: none */
};
#define SHARE_INIT   \
	{            \
		NULL \
	}
/* Makes the directory and a mount point of it. */
int share_open(struct share *s, const char *dir, struct error *err);
/* Unmounts all and removes the directory. */
void share_close(struct share *s);

/* Binds a container's root file system; its submounts come along. */
int share_add_rootfs(struct share *s, const char *cid, const char *rootfs, bool readonly,
		     struct error *err);
/*
 * Binds a directory or regular file of the host; sockets, FIFOs and devices are refused. *ret_guest (malloc'd) is the path in the
 * guest: GUEST_SHARED_DIR/<container>-<16 hex digits>-<name>.
 */
int share_add_mount(struct share *s, const char *cid, const char *source, bool readonly,
		    bool recursive, char **ret_guest, struct error *err);
/* Takes away everything of one container. */
void share_remove(struct share *s, const char *cid);

#endif
