/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_TREE_H
#define TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include "base/error.h"
#include "tree/blob.h"

/*
 * A file tree in memory: what every source makes, every pass changes and every writer stores.
 *
 * A node is a name in a directory; an inode is what it names. Several nodes share one inode when they are hard links of
 * each other (never directories). Children are kept sorted by the byte order of their names (memcmp), so walking gives
 * the same order on every machine. Names are bytes: anything but '/' and NUL.
 *
 * Paths given to these functions are relative to the root of the tree; leading, trailing and double slashes and "."
 * components are ignored, ".." is refused. "" and "/" are the root.
 */

#define TREE_NAME_MAX	     255 /* bytes of a name: the limit of ext4, erofs and Linux (NAME_MAX) */
#define TREE_PATH_MAX	     4095    /* bytes of a path without the NUL: PATH_MAX - 1 */
#define TREE_DEPTH_MAX	     256     /* directories above an entry */
#define TREE_ENTRIES_MAX     4000000 /* nodes in one tree */
#define TREE_XATTRS_MAX	     64	     /* extended attributes of one inode */
#define TREE_XATTR_VALUE_MAX 65536   /* bytes: XATTR_SIZE_MAX of Linux */
#define TREE_NLINK_MAX	     65000   /* EXT4_LINK_MAX */
#define TREE_LINKS_FOLLOWED_MAX \
	40 /* symbolic links followed by one tree_resolve(), as the kernel */
#define TREE_FILE_MAX (UINT64_C(1) << 40) /* bytes of one file */
/* tree_inode.mtime_sec of what comes from a checkout or a build, whose times mean nothing: pass_normalize() makes it the epoch. */
#define TREE_MTIME_BUILD INT64_MAX

struct tree_xattr {
	char *name; /* with its prefix: "security.capability" */
	uint8_t *value;
	size_t len;
};

struct tree_inode {
	uint32_t mode; /* S_IFMT type and 07777 permission bits */
	uint32_t uid, gid;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t rdev_major, rdev_minor; /* character and block devices */
	uint32_t nlink;			 /* nodes that share it; 1 for a directory */
	char *target;			 /* symbolic link: not empty, at most TREE_PATH_MAX bytes */
	struct blob content;		 /* regular file */
	struct tree_xattr *xattrs;	 /* sorted by the byte order of the names */
	size_t n_xattrs;
	uint32_t
		origin; /* 1 + index of the package it came from (struct source_packages), 0: of none */
	uint64_t
		mark; /* scratch of whoever walks the tree (a writer's inode number); 0 after tree_clear_marks() */
};

struct tree_node {
	char *name; /* NUL ended; "" for the root */
	size_t name_len;
	struct tree_node *parent; /* NULL for the root */
	struct tree_inode *inode;
	struct tree_node **children; /* directory: sorted */
	size_t n_children, cap_children;
};

struct tree;

/* A new tree: a root directory 0755 root:root with time 0. NULL when memory is out. */
struct tree *tree_new(void);
void tree_free(struct tree *t);
static inline void tree_freep(struct tree **t)
{
	tree_free(*t);
}
#define _cleanup_tree_ _cleanup_(tree_freep)

struct tree_node *tree_root(struct tree *t);
/* Number of nodes, the root included. */
size_t tree_count(const struct tree *t);

/* Gives a descriptor to the tree, which closes it when it is freed (for BLOB_FD and BLOB_PATH). 0 or -ENOMEM (fd closed). */
int tree_keep_fd(struct tree *t, int fd);
/*
 * The spool: one unlinked temporary file (in TMPDIR, else /var/tmp; a memfd when neither can be written) that holds the
 * content of unpacked files. Append with tree_spool_write(); tree_spool_blob() makes the blob of what was appended since
 * `start` (from tree_spool_pos()).
 */
uint64_t tree_spool_pos(const struct tree *t);
int tree_spool_write(struct tree *t, const void *data, size_t len, struct error *err);
/* `len` zeros, which take no room. */
int tree_spool_hole(struct tree *t, uint64_t len, struct error *err);
void tree_spool_blob(const struct tree *t, uint64_t start, struct blob *out);
/* Another such file, for those who spool beside the tree (in a thread) and give it to tree_keep_fd(). -errno when there is no place. */
int tree_spool_file(void);

/* What tree_add() shall make. Strings and bytes are copied; `content` is moved out (left empty) on success. */
struct tree_attr {
	uint32_t mode; /* type and permissions */
	uint32_t uid, gid;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t rdev_major, rdev_minor;
	const char *target;
	struct blob *content; /* NULL: empty */
};

#define TREE_ADD_PARENTS \
	1u /* make missing parent directories (0755, root:root, mtime of the new entry) */
#define TREE_ADD_FOLLOW \
	2u /* resolve symbolic links in the parent path inside the tree; without it they are refused */
#define TREE_ADD_EXCL  4u /* an existing entry is -EEXIST */
#define TREE_ADD_EMPTY 8u /* a non-directory may replace an empty directory */

/*
 * Adds an entry, with the rules of tar and dpkg for what already exists:
 *   directory over directory	attributes are replaced, children stay
 *   directory over a symbolic link to a directory of the tree	the link stays, the directory behind it is left as it is
 *   directory over anything else	replaces it
 *   anything else over a directory	-EISDIR (see TREE_ADD_EMPTY)
 *   anything else over anything else	replaces the name; other hard links of the old inode keep it
 * -EINVAL bad name or attribute, -ENAMETOOLONG, -ENOENT no parent, -ENOTDIR, -ELOOP (symbolic link in the parent path),
 * -E2BIG limit of the tree, -ENOMEM. *ret (may be NULL) is the node, or what was kept.
 */
int tree_add(struct tree *t, const char *path, const struct tree_attr *attr, unsigned flags,
	     struct tree_node **ret, struct error *err);
/* A new name for the inode of `target` (not a directory). -ENOENT when the target is missing; else as tree_add(). */
int tree_link(struct tree *t, const char *path, const char *target, unsigned flags,
	      struct tree_node **ret, struct error *err);
/* Short forms with TREE_ADD_PARENTS | TREE_ADD_FOLLOW, root:root, time 0. */
int tree_add_dir(struct tree *t, const char *path, uint32_t perm, struct error *err);
int tree_add_symlink(struct tree *t, const char *path, const char *target, struct error *err);
int tree_add_file(struct tree *t, const char *path, uint32_t perm, const void *data, size_t len,
		  struct error *err);

/*
 * Splits off the next component of *path: its start, length in *len, *path moved behind it. NULL at the end.
 * Skips slashes and "." components.
 */
const char *path_next(const char **path, size_t *len);
/* The node at exactly this path, links not followed; NULL when there is none. */
struct tree_node *tree_lookup(struct tree *t, const char *path);
/* As a process whose root is the tree would find it: links followed, the last one too. NULL: none, or a loop. */
struct tree_node *tree_resolve(struct tree *t, const char *path);
struct tree_node *tree_child(const struct tree_node *dir, const char *name, size_t len);
/* Removes a node and everything below it. The root only loses its children. */
void tree_remove(struct tree *t, struct tree_node *n);
/* Moves a node to another directory under a new name that must not exist there. */
int tree_move(struct tree *t, struct tree_node *n, struct tree_node *dir, const char *name,
	      struct error *err);

/* Sets (replaces) an extended attribute. -EINVAL bad name, -E2BIG limit, -ENOMEM. */
int tree_set_xattr(struct tree_inode *ino, const char *name, const void *value, size_t len,
		   struct error *err);

/* Path from the root with a leading slash ("/" for the root) into buf of TREE_PATH_MAX + 2 bytes; returns buf. */
#define TREE_PATH_BUF (TREE_PATH_MAX + 2)
char *tree_path(const struct tree_node *n, char buf[TREE_PATH_BUF]);

/*
 * Depth first, a directory before its children, children in order; the root first. `fn` returns 0 to go on, nonzero to
 * stop, which the walk then returns. `fn` must not add or remove nodes other than by changing inodes.
 */
typedef int (*tree_walk_fn)(struct tree_node *n, void *data);
int tree_walk(struct tree_node *from, tree_walk_fn fn, void *data);
void tree_clear_marks(struct tree *t);

static inline bool tree_is_dir(const struct tree_node *n)
{
	return S_ISDIR(n->inode->mode);
}

#endif
