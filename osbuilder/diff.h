/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_DIFF_H
#define OSBUILDER_DIFF_H

#include <stdbool.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "progress.h"
#include "tree/tree.h"

/*
 * Comparing two trees, path by path in the order of the walk. With a different type nothing else of the entry is compared, its children
 * included; what is below an entry that only one tree has is not told.
 */
struct diff_change {
	char sign;	  /* '-': only in the first, '+': only in the second, '!': differs */
	const char *path; /* as in the tree: any bytes */
	/* Of '!', else NULL: "type", "mode", "owner", "mtime", "size", "content", "target", "device", "xattr", "hard links". */
	const char *what;
	/*
	 * Its values as text. content: both NULL. xattr: "" where the attribute is, its value is not told. hard links: the first name of
	 * the inode, or "none".
	 */
	const char *first, *second;
	const char *xattr; /* name of the attribute */
};
/* Nonzero ends it: returned by diff_trees(). */
typedef int (*diff_fn)(void *data, const struct diff_change *c);

/*
 * A change as a line, without a newline; bytes of names that are control characters, backslashes or not ASCII become \xHH. -ENOMEM.
 *
 *	- PATH
 *	+ PATH
 *	! PATH: WHAT FIRST -> SECOND
 *	! PATH: content differs
 *	! PATH: xattr NAME differs	also "xattr NAME only in the first" and "... second"
 */
int diff_change_line(const struct diff_change *c, struct strbuf *out);

struct diff_params {
	bool times;		   /* compare modification times, too */
	struct progress *progress; /* bytes compared go to PROGRESS_CHECK; may be NULL */
};

/* 0: equal; 1: different; else -errno. Marks of both trees' inodes are used. */
int diff_trees(struct tree *a, struct tree *b, const struct diff_params *p, diff_fn fn, void *data,
	       struct error *err);

#endif
