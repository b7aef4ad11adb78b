/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_TREE_TEXT_H
#define TESTS_SUPPORT_TREE_TEXT_H

#include <stddef.h>
#include "tree/tree.h"

/* Text files of a tree, for unit tests of passes: every function asserts that it works. */

void tree_put(struct tree *t, const char *path, const char *text);
void tree_put_bytes(struct tree *t, const char *path, const void *data, size_t len);
/* The content of the regular file that the path leads to is this, has this in it, has not. */
void tree_is(struct tree *t, const char *path, const char *text);
void tree_has(struct tree *t, const char *path, const char *text);
void tree_lacks(struct tree *t, const char *path, const char *text);
/* The path itself is a symbolic link with this target. */
void tree_leads(struct tree *t, const char *path, const char *target);

#endif
