/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_LISTING_TREE_H
#define TESTS_SUPPORT_LISTING_TREE_H

#include "support/listing_walk.h"
#include "tree/tree.h"

/* As listing_walk() for a tree: what a kernel must say about it. 0, or -errno of a content that could not be read. */
int listing_tree(struct tree *t, listing_fn fn, void *data);

#endif
