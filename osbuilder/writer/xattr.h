/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_XATTR_H
#define WRITER_XATTR_H

#include <stdint.h>
#include "tree/tree.h"

/*
 * Name prefixes are stored as numbers, the same in ext4 (EXT4_XATTR_INDEX_*, fs/ext4/xattr.h) and erofs (EROFS_XATTR_INDEX_*,
 * fs/erofs/erofs_fs.h): 1 "user.", 2 "system.posix_acl_access", 3 "system.posix_acl_default", 4 "trusted.", 6 "security.".
 * The two ACL names are whole names; nothing is left of them.
 */
#define XATTR_INDEX_ACL_ACCESS	2
#define XATTR_INDEX_ACL_DEFAULT 3

/* The prefix number; *rest is what follows the prefix. -ENOTSUP for any other name, with the name in err. */
int xattr_index(const char *name, const char **rest, struct error *err);

#endif
