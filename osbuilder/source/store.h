/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_STORE_H
#define SOURCE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "codec/sha.h"

/*
 * The content-addressed part of the cache: CACHE/sha256/AB/ABCD..., the file whose SHA-256 its name is.
 *
 * A file gets its name by rename when all of it is written and hashed, and is never changed afterwards; so several builds may use one
 * store at the same time, and one that is killed leaves at most a name that starts with ".tmp-". What is read is hashed again before
 * use: a disk's fault, or somebody's editor, must not end up in an image.
 */

#define STORE_SHA_LEN  (2 * SHA_SIZE_256)  /* hex digits */
#define STORE_FILE_MAX (UINT64_C(2) << 30) /* bytes of one file */

struct store {
	int dirfd; /* CACHE/sha256 */
};
#define STORE_INIT  \
	{           \
		-1, \
	}

/* Makes the directory when it is missing. */
int store_open(struct store *s, const char *cache_dir, struct error *err);
void store_release(struct store *s);
#define _cleanup_store_ _cleanup_(store_release)

/* Is there a file of this name and size? Says nothing about its content. */
bool store_has(const struct store *s, const char *sha256, uint64_t size);

/* A file, mapped read-only. */
struct store_map {
	const void *data;
	size_t len;
};
#define STORE_MAP_INIT  \
	{               \
		NULL, 0 \
	}
/*
 * Maps a file and checks its size and hash. -ENOENT when there is none, -EBADMSG when it is not what its name says (then it must be
 * fetched again; store_add_fd() replaces it). May be called by several threads.
 */
int store_map(const struct store *s, const char *sha256, uint64_t size, struct store_map *ret,
	      struct error *err);
void store_unmap(struct store_map *m);

/* Copies what fd has from its start, which must have this size and hash (-EBADMSG otherwise), in place of what was there. */
int store_add_fd(const struct store *s, int fd, const char *sha256, uint64_t size,
		 struct error *err);

/* Exactly 64 lower-case hex digits? */
bool store_is_sha256(const char *s);

#endif
