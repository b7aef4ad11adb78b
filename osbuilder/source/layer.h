/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_LAYER_H
#define SOURCE_LAYER_H

#include "base/arena.h"
#include "codec/sha.h"
#include "compat/la.h"
#include "compat/xxh.h"
#include "tree/tree.h"

/*
 * The entries of one archive in its own order, not yet in a tree. Reading (decompression) needs no tree, so that several archives can
 * be read at once; applying them one after the other gives what unpacking them in that order would have given.
 */

/*
 * Where contents go, with a buffer; one thread's. Contents are hashed while they are in the buffer, which is small enough to stay in the
 * processor's cache: nobody has to read them again for the bill of materials.
 */
struct layer_spool {
	int fd;		/* the file, see layer_spool_to() */
	int own_fd;	/* of layer_spool_open() */
	uint8_t *buf;	/* what is not in the file yet */
	size_t fill;	/* bytes of buf */
	uint64_t size;	/* of the file, without the buffer */
	uint64_t start; /* where the content begins that is being written */
	bool failed;	/* the file could not be written: another place may do */
	struct sha sha1, sha256;
	struct xxh *fingerprint; /* of what was written since layer_spool_to() */
};
#define LAYER_SPOOL_INIT                                                     \
	{                                                                    \
		.fd = -1, .own_fd = -1, .sha1 = SHA_INIT, .sha256 = SHA_INIT \
	}
int layer_spool_init(struct layer_spool *s, struct error *err);
/* The same, and a temporary file (tree_spool_file()) to write to, which belongs to the spool. */
int layer_spool_open(struct layer_spool *s, struct error *err);
/* What is read from now on goes to fd, from `offset` on. The spool does not own the descriptor. */
void layer_spool_to(struct layer_spool *s, int fd, uint64_t offset);
void layer_spool_release(struct layer_spool *s);
#define _cleanup_layer_spool_ _cleanup_(layer_spool_release)
/* For readers of their own: begins a content, appends bytes to it, makes a blob of it; all of them into the file. */
int layer_spool_begin(struct layer_spool *s, struct error *err);
int layer_spool_write(struct layer_spool *s, const void *data, size_t len, struct error *err);
int layer_spool_blob(struct layer_spool *s, struct blob *ret, struct error *err);
int layer_spool_flush(struct layer_spool *s, struct error *err);

struct layer_xattr {
	const char *name;
	const void *value;
	size_t len;
};
struct layer_entry {
	struct la_entry e; /* strings in the arena */
	struct blob content;
	struct layer_xattr *xattrs;
	size_t n_xattrs;
	/* Names of owners, in the arena, where the package has no numbers: e.uid and e.gid are then set before layer_apply(). */
	const char *user, *group;
};
struct layer {
	struct arena arena;
	struct layer_entry *v;
	size_t n, cap;
};
void layer_release(struct layer *l);
#define _cleanup_layer_ _cleanup_(layer_release)

/* Appends an entry; the strings of `e` are copied. *ret is good until the next one. Refuses names that leave the root. */
int layer_add(struct layer *l, const struct la_entry *e, struct layer_entry **ret,
	      struct error *err);
/* Adds an attribute; name and value are copied. */
int layer_add_xattr(struct layer *l, struct layer_entry *d, const char *name, const void *value,
		    size_t len, struct error *err);
/*
 * All entries of an open tar. Contents refer to the spool's descriptor, which must outlive the tree they end in; they are all in the
 * file when this returns. Refuses names as source_unpack_tar_fd() does. Errors name the entry.
 */
int layer_read(struct layer *l, struct la_archive *a, struct layer_spool *s, struct error *err);
/*
 * Who gives a name twice means only one of them, and other programs may take the other one: refused, however the two are spelt.
 * Directories do no harm. layer_read() does this at its end.
 */
int layer_refuse_twice(const struct layer *l, struct error *err);
/* Adds the entries at the root with the rules of tree_add(), and moves their contents out. `origin` as in struct tree_inode. */
int layer_apply(struct layer *l, struct tree *t, uint32_t origin, struct error *err);

#endif
