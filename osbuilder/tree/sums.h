/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_SUMS_H
#define TREE_SUMS_H

#include "tree/tree.h"

/*
 * Sees to it that every regular file's content has its sums (struct blob), reading those that lack them, in threads. The tree's files
 * must not change afterwards. Clears the inodes' marks. Errors name the file.
 */
int tree_sum_contents(struct tree *t, struct error *err);

#endif
