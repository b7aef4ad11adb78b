/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_DIFF_H
#define OSBUILDER_DIFF_H

#include <stdbool.h>
#include "base/error.h"
#include "tree/tree.h"

/*
 * Comparing two trees, path by path in the order of the walk. One line a difference, without a newline:
 *
 *	- PATH				only in the first; what is below it is not listed
 *	+ PATH				only in the second
 *	! PATH: WHAT FIRST -> SECOND	WHAT: type, mode, owner, mtime, size, target, device
 *	! PATH: content differs		regular files of the same size
 *	! PATH: xattr NAME differs	also "xattr NAME only in the first" and "... second"
 *	! PATH: hard links FIRST -> SECOND	the first name of its inode: "/bin/x" or "none"
 *
 * Bytes of names that are control characters, backslashes or not ASCII are written as \xHH. With a different type nothing
 * else of the entry is compared, its children included.
 */
typedef int (*diff_line_fn)(void *data,
			    const char *line); /* nonzero ends it: returned by diff_trees() */

struct diff_params {
	bool times; /* compare modification times, too */
};

/* 0: equal; 1: different; else -errno. Marks of both trees' inodes are used. */
int diff_trees(struct tree *a, struct tree *b, const struct diff_params *p, diff_line_fn fn,
	       void *data, struct error *err);

#endif
