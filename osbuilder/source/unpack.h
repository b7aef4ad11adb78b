/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_UNPACK_H
#define SOURCE_UNPACK_H

#include "compat/la.h"
#include "source/source.h"

/* For osbuilder/source/ only: every entry of an open tar archive into the tree. */
int unpack_archive(struct tree *t, struct la_archive *a, const struct source_unpack *how,
		   struct error *err);
/* Is an archive's name for a path one that stays below the target? */
int unpack_check_name(const char *path, struct error *err);

/* What stands at a path of the tree, links in its directories followed, itself not; NULL: nothing. */
struct tree_node *unpack_existing(struct tree *t, const char *path);

#endif
