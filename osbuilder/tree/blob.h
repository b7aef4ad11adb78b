/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TREE_BLOB_H
#define TREE_BLOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "codec/sha.h"

/*
 * The content of a regular file in a tree, by reference: nothing is read until a writer asks for it.
 *
 *   BLOB_EMPTY  no bytes
 *   BLOB_BYTES  `bytes` in memory, owned by the blob
 *   BLOB_FD     `size` bytes at `offset` of `fd`; the descriptor belongs to the tree (tree_keep_fd()), not to the blob
 *   BLOB_PATH   the regular file `path` (owned) below `dirfd` (the tree's), opened for each reader and closed after
 *   BLOB_RUNS   pieces of `fd` (the tree's) with zeros between them: a file inside a file system image
 *
 * A file that has become shorter since the tree was made is an error, so a writer never pads silently.
 */
enum blob_kind { BLOB_EMPTY, BLOB_BYTES, BLOB_FD, BLOB_PATH, BLOB_RUNS };

/* `len` bytes from `at` of the content on are those at `offset` of the descriptor. */
struct blob_run {
	uint64_t at, offset, len;
};

/* Hashes of a whole content. */
struct blob_sums {
	uint8_t sha1[SHA_SIZE_1], sha256[SHA_SIZE_256];
};

struct blob {
	enum blob_kind kind;
	uint64_t size; /* bytes, of every kind */
	uint8_t *bytes;
	int fd; /* BLOB_FD, BLOB_RUNS: the file; BLOB_PATH: the directory */
	uint64_t offset;
	char *path;
	struct blob_run *runs; /* ascending, none over another or beyond the size; owned */
	size_t n_runs;
	bool has_sums;	 /* `sums` is known: whoever read the content has hashed it on the way */
	bool has_sha256; /* sums.sha256 is known, if nothing else of it */
	struct blob_sums sums;
};
#define BLOB_INIT                            \
	{                                    \
		.kind = BLOB_EMPTY, .fd = -1 \
	}

void blob_release(struct blob *b);
int blob_from_bytes(struct blob *b, const void *data, size_t len); /* copies; 0 or -ENOMEM */
void blob_from_fd(struct blob *b, int fd, uint64_t offset, uint64_t size);
int blob_from_path(struct blob *b, int dirfd, const char *path, uint64_t size); /* copies path */

/*
 * Takes over `runs` (malloc'd; freed on error). -EINVAL when they are not in order, overlap, are empty or reach beyond the
 * size. The content is zeros where no run is.
 */
int blob_from_runs(struct blob *b, int fd, struct blob_run *runs, size_t n, uint64_t size);
/* A second blob of the same content, with the same sums. 0 or -ENOMEM. */
int blob_copy(struct blob *b, const struct blob *from);

/* Reading one blob piece by piece. The blob must outlive the reader. */
struct blob_reader {
	const struct blob *blob;
	int fd; /* own descriptor of a BLOB_PATH, else -1 */
};
#define BLOB_READER_INIT \
	{                \
		NULL, -1 \
	}
int blob_reader_open(struct blob_reader *r, const struct blob *b, struct error *err);
/* Exactly len bytes at off into buf; off + len must not exceed the size (-EINVAL). -EIO when the file became shorter. */
int blob_reader_pread(struct blob_reader *r, uint64_t off, void *buf, size_t len,
		      struct error *err);
/*
 * The first place from `off` on that may hold anything but zeros; the size when there is none. It says what the file system knows of
 * holes, so it only saves reading: what it does not skip can be zeros, too.
 */
uint64_t blob_reader_next_data(const struct blob_reader *r, uint64_t off);
void blob_reader_release(struct blob_reader *r);
#define _cleanup_blob_reader_ _cleanup_(blob_reader_release)

/* Opens, reads exactly len bytes at off, closes. For few reads. */
int blob_read(const struct blob *b, uint64_t off, void *buf, size_t len, struct error *err);
/* All of it to out_fd at its current position. */
int blob_copy_to_fd(const struct blob *b, int out_fd, struct error *err);

#endif
