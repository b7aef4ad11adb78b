/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_CLOSURE_H
#define PASS_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/strv.h"
#include "tree/tree.h"

/* For closure.c and library.c: what is to stay, and where the dynamic loader looks. */

struct closure {
	struct tree *t;
	const char *arch;
	const struct tree_node **kept; /* open addressing by address; capacity is a power of two */
	size_t n_kept, cap_kept;
	int depth;		 /* of files that need each other */
	struct strv loader_dirs; /* of ld.so.conf, then the loader's own */
};

/* Directories of /etc/ld.so.conf and what it includes, then those that glibc and musl have built in. */
int library_dirs(struct closure *c, struct error *err);
/*
 * The file that the loader would take for `name`, as a path for tree_resolve(), malloc'd in *ret; 0 when there is none (then *ret is
 * NULL). rpath and runpath (lists with ':', may be NULL) are those of the file at `origin`, whose directory $ORIGIN is; `inherited`
 * those that came before it: the RPATHs of whoever needed it, absolute.
 */
struct library_search {
	const char *name, *rpath, *runpath, *origin;
	const struct strv *inherited;
};
int library_find(struct closure *c, const struct library_search *s, char **ret, struct error *err);
/* Appends the absolute directories of a list with ':', $ORIGIN, $LIB and $PLATFORM replaced. */
int library_add_path(struct strv *to, const char *list, const char *origin, const char *arch,
		     struct error *err);

#endif
