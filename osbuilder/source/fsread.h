/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_FSREAD_H
#define SOURCE_FSREAD_H

#include "source/read.h"

/*
 * For osbuilder/source/ only: what readers of inode-based file systems share. A reader gives the three functions; inode
 * numbers that come again are hard links, directories are read one after the other, never recursively.
 */

struct fsread_inode {
	struct tree_attr attr; /* target and content are set by fsread */
	char *target;	       /* symbolic link: malloc'd, NUL ended */
	struct blob content;
};

struct fsread;
struct fsread_ops {
	/* Fills *ret. */
	int (*inode)(struct fsread *f, uint64_t ino, struct fsread_inode *ret, struct error *err);
	/* Sets the extended attributes of the inode that inode() was called for last. */
	int (*xattrs)(struct fsread *f, uint64_t ino, struct tree_inode *in, struct error *err);
	/* Calls fsread_entry() for every entry but "." and "..". */
	int (*dir)(struct fsread *f, uint64_t ino, struct error *err);
};

struct fsread_known {
	uint64_t ino;
	struct tree_node *node; /* NULL: an unused slot */
};
struct fsread_dir {
	uint64_t ino;
	struct tree_node *node;
};

struct fsread {
	const struct fsread_ops *ops;
	void *data; /* the reader's own */
	struct tree *tree;
	int fd;			    /* the tree's */
	uint64_t offset, size;	    /* region of the file system */
	struct fsread_known *known; /* a hash table of a power of two slots */
	size_t n_known, cap_known;
	struct fsread_dir *queue; /* directories to read */
	size_t head, n_queue, cap_queue;
	struct tree_node *dir; /* the one that is read */
	uint64_t content;      /* bytes of files so far */
	uint32_t runs;
};

/* The whole reading. Messages name the entry. */
int fsread_run(struct fsread *f, struct tree *t, int fd, uint64_t offset, uint64_t size,
	       uint64_t root_ino, struct error *err);
void fsread_release(struct fsread *f);

/* Exactly len bytes of the region at pos; -EBADMSG beyond its end. */
int fsread_bytes(const struct fsread *f, uint64_t pos, void *buf, size_t len, struct error *err);
int fsread_entry(struct fsread *f, const char *name, size_t len, uint64_t ino, struct error *err);

/* Pieces of one file, in order; `pos` is in the region. Adjoining ones become one. */
struct fsread_runs {
	struct blob_run *v;
	size_t n, cap;
};
/* What reaches beyond `size` is cut off. */
int fsread_add_run(struct fsread *f, struct fsread_runs *r, uint64_t at, uint64_t pos, uint64_t len,
		   uint64_t size, struct error *err);
/* Moves the pieces into a blob of `size` bytes. */
int fsread_content(struct fsread *f, struct fsread_runs *r, uint64_t size, struct blob *ret,
		   struct error *err);
void fsread_runs_release(struct fsread_runs *r);

/* Limits that every reader checks before it counts on a size. */
int fsread_check_link(uint64_t size, struct error *err);
int fsread_check_dir(uint64_t size, struct error *err);

#endif
