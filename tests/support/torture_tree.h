/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_TORTURE_TREE_H
#define TESTS_SUPPORT_TORTURE_TREE_H

#include <stdint.h>
#include "tree/tree.h"
#include "writer/writer.h"

/*
 * A tree with one of everything: all seven types, owners beyond 16 bits, set-id and sticky bits, hard links over
 * directories, names of 255 bytes, not UTF-8, sorting around "." and "..", fast and slow symbolic links, 2000 entries in one
 * directory, device numbers old and new, files around the block size, a sparse file of 40 MiB with data in six places
 * (more extents than fit an ext4 inode), attributes in and beyond the inode, ACLs, file capabilities.
 */
#define TORTURE_ENTRIES 2000
#define TORTURE_SPARSE	(UINT64_C(40) << 20)
#define TORTURE_XATTRS	1u /* with extended attributes */
#define TORTURE_EPOCH	1700000000
#define TORTURE_BIG_OFFSET(i) \
	((uint64_t)(i) * (7u << 20)) /* data of "sparse": 64 KiB of byte 'A' + i, i = 0..5 */

struct tree *torture_tree(unsigned flags);

/* Writes the tree to path and returns the result; asserts success. */
struct writer_result torture_write(const struct writer_ops *ops, struct tree *t,
				   const struct writer_params *p, const char *path);
/* Asserts that writing fails with this code and that the message contains `text`. */
void torture_refused(const struct writer_ops *ops, struct tree *t, const struct writer_params *p,
		     int code, const char *text);

#endif
