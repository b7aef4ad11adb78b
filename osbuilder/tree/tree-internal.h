/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_TREE_INTERNAL_H
#define TREE_TREE_INTERNAL_H

#include "tree/tree.h"

/* For osbuilder/tree/ only. */

struct tree {
	struct tree_node *root;
	size_t count;
	int *fds;
	size_t n_fds, cap_fds;
	int spool_fd;
	uint64_t spool_size;
};

struct tree_inode *inode_new(const struct tree_attr *attr, struct error *err);
void inode_unref(struct tree_inode *ino);
/* A detached node that takes over one link of ino; NULL when memory is out (ino untouched). */
struct tree_node *node_new(const char *name, size_t len, struct tree_inode *ino);
/* Frees a detached node and what is below it; returns the number of nodes freed. */
size_t node_free(struct tree_node *n);
/* Index of the child, or where it would be put (*ret_found false). */
size_t node_find(const struct tree_node *dir, const char *name, size_t len, bool *ret_found);
int node_attach(struct tree_node *dir, struct tree_node *n);
void node_detach(struct tree_node *n);

#endif
