/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_DIR_H
#define WRITER_DIR_H

#include <stdbool.h>
#include "base/error.h"
#include "tree/tree.h"
#include "writer/writer.h"

/*
 * A tree as a new directory. Not one of writer_ops: there is no byte stream.
 *
 * With effective user 0, owners, modes, extended attributes and devices are those of the tree. Any other user owns all of
 * it, with the effective group; set-user-ID and set-group-ID bits of files are left out then, as chown(2) does, because they
 * would hand out the caller's own rights. What that user cannot make (devices but the whiteout 0:0, attributes such as
 * security.capability) is refused with the path of the entry. Hard links are hard links, blocks of zeros are holes, times
 * are those of the tree: later than params->epoch become it unless params->keep_times. params->drop_xattrs is obeyed, the
 * other parameters mean nothing here.
 *
 * Everything is reached from the directory's descriptor by names that were just made: no link is followed, and nobody else
 * can enter the directory (0700) before it is complete. It is made under a temporary name beside its final one and renamed
 * by commit; what is not committed is removed by release. SIGKILL leaves a name that starts with ".tmp-". Data is not synced
 * to the disk.
 */
struct dir_out {
	struct tree *tree; /* what is in it; must outlive it */
	int dirfd;	   /* directory of the target, owned */
	int fd;		   /* the new directory, owned */
	char *name, *tmp;  /* in dirfd, owned */
	bool made;	   /* tmp exists */
};
#define DIR_OUT_INIT                            \
	{                                       \
		NULL, -1, -1, NULL, NULL, false \
	}

/* -EEXIST when there is anything at path (relative to dirfd, which may be AT_FDCWD). */
int dir_out_write(struct dir_out *o, struct tree *t, int dirfd, const char *path,
		  const struct writer_params *p, struct error *err);
/* -EEXIST when something has appeared at the path meanwhile. */
int dir_out_commit(struct dir_out *o, struct error *err);
void dir_out_release(struct dir_out *o);
#define _cleanup_dir_out_ _cleanup_(dir_out_release)

/* All of it in one call. */
int writer_dir(struct tree *t, int dirfd, const char *path, const struct writer_params *p,
	       struct error *err);

#endif
