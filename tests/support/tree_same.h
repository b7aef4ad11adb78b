/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_TREE_SAME_H
#define TESTS_SUPPORT_TREE_SAME_H

#include "tree/tree.h"

/* Trees that a writer's output is compared by. Both assert success. */

/* What image_read() finds in an image, file system, archive or directory. */
struct tree *tree_read_back(const char *path);
/* The two are equal in all that diff_trees() looks at, times included. */
void tree_is_same(struct tree *a, struct tree *b);

#endif
