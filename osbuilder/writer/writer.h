/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_WRITER_H
#define WRITER_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "progress.h"
#include "tree/tree.h"

/*
 * Writers: a tree in, bytes of one format out, into a descriptor of the caller at an offset of the caller. No mount, no loop
 * device, no child process, no privilege. The same tree and parameters give the same bytes, whatever the machine, user,
 * time, locale or order in which the tree was filled.
 *
 *   ext4		the guest's root file system (ext4.c says which features)
 *   erofs	uncompressed; a container's root packed for a block device
 *   cpio	"newc", plain, in gzip members or in zstd frames, for an initrd
 *   tar	pax interchange format (tar.c), for any tar program
 *
 * A tree that the format cannot hold is refused with the path of the entry; nothing is dropped silently. The region written
 * to must be a hole or zeros (a new file): blocks of zeros are skipped. On error the file holds rubbish.
 *
 * tree_inode.mark is used as scratch and left behind.
 */

#define WRITER_BLOCK	 4096u
#define WRITER_SEED_SIZE 32

/*
 * Who hashes an image while it is written, without reading it again. A writer that can write everything but the contents of files first
 * (ext4, and erofs unless it compresses, when the seed is given) calls begin() after that, once, and then both functions for every piece
 * of contents, in ascending order of its place, each from a thread of its own and never two calls of one function at once. What lies
 * between two pieces, or before and behind all of them, is in the file when begin() is called. Pieces are whole blocks. Other writers
 * call none of these.
 */
struct writer_follow {
	/* `size` and `seed` are those of struct writer_result. */
	int (*begin)(void *data, uint64_t size, const uint8_t seed[WRITER_SEED_SIZE],
		     struct error *err);
	/* Bytes from `pos` on, counted from the writer's offset. first(): they are in the file; second(): perhaps not yet. 0 or -errno. */
	int (*first)(void *data, const uint8_t *buf, size_t len, uint64_t pos);
	int (*second)(void *data, const uint8_t *buf, size_t len, uint64_t pos);
	void *data;
};

enum writer_compression { WRITER_PLAIN, WRITER_GZIP, WRITER_ZSTD, WRITER_LZ4 };

struct writer_params {
	/*
	 * SOURCE_DATE_EPOCH, seconds: the time of the file system itself, and the latest time any entry may have (later ones
	 * become this one) unless keep_times.
	 */
	int64_t epoch;
	bool keep_times;
	/*
	 * UUID, hash seed and the disk signature are derived from these 32 bytes. NULL: from the whole tree, contents included (struct
	 * wseed in list.h).
	 */
	const uint8_t *seed;
	const char *label;    /* volume name, at most 15 bytes; may be NULL */
	uint64_t free_bytes;  /* ext4: free space beyond what the tree needs */
	uint32_t free_inodes; /* ext4: free inodes */
	enum writer_compression compression;
	int level; /* of gzip (1 to 12) or zstd (1 to 19); 0: the usual one, see compat/z.h */
	struct progress *progress;	    /* bytes written go to PROGRESS_WRITE; may be NULL */
	const struct writer_follow *follow; /* may be NULL */
	/* tar: in order from where the descriptor stands, which may be a pipe; `offset` must be 0. */
	bool stream;
	/*
	 * cpio cannot hold extended attributes: leave them out, with a warning that names entry and attributes, instead of
	 * refusing the tree.
	 */
	bool drop_xattrs;
	/*
	 * cpio: what comes behind everything else, each part in gzip members or zstd frames of its own, so that changing the last
	 * leaves all bytes before it as they are. Paths ending with NULL, links followed; what is not there is passed over. May be
	 * NULL.
	 */
	const char *const *late;
};

struct writer_result {
	uint64_t
		size; /* bytes written from the offset on; ext4, erofs: a multiple of WRITER_BLOCK */
	uint8_t seed
		[WRITER_SEED_SIZE]; /* the one given or derived; zeros from cpio and tar when none was given */
	uint8_t uuid[16]; /* of the file system; else zeros */
};

struct writer_ops {
	const char *name;
	int (*write)(struct tree *t, const struct writer_params *p, int fd, uint64_t offset,
		     struct writer_result *ret, struct error *err);
	unsigned compressions; /* bits of enum writer_compression, besides WRITER_PLAIN */
};

extern const struct writer_ops writer_ext4;
extern const struct writer_ops writer_erofs;
extern const struct writer_ops writer_cpio;
extern const struct writer_ops writer_tar;

/*
 * A seed for the tree that is known before anything is written: SHA-256 over the descriptions of all entries and the SHA-256 of all
 * contents, which must have their sums (tree_sum_contents()). -EINVAL: one has not.
 */
int writer_seed(struct tree *t, const struct writer_params *p, uint8_t seed[WRITER_SEED_SIZE],
		struct error *err);

/* By name; NULL when there is none. */
const struct writer_ops *writer_find(const char *name);
/* All of them, from 0 on; NULL after the last. */
const struct writer_ops *writer_at(size_t i);

/* "none", "gzip", "zstd", "lz4"; -EINVAL for another name and for what this format does not have. */
int writer_compression(const struct writer_ops *w, const char *name, enum writer_compression *ret,
		       struct error *err);

#endif
