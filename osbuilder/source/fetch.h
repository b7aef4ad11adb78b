/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_FETCH_H
#define SOURCE_FETCH_H

#include "source/lock.h"
#include "source/source.h"

/*
 * For osbuilder/source/ only: files of a repository. A base that starts with http:// or https:// is fetched by apt-helper,
 * which knows the host's proxies, into CACHE/fetch/; file:// and paths (relative ones to the recipe's directory) are opened
 * where they are. Nothing is checked here: the caller knows the hash or signature.
 */
bool fetch_is_remote(const char *base);
/*
 * Opens base/name for reading. cache_name is its name in the cache, without a slash. fresh: fetch again even if the cache has
 * it, unless the build is offline. *ret_path (malloc'd, for messages) is where it was found.
 */
int fetch_open(const struct source_env *env, const char *base, const char *name,
	       const char *cache_name, bool fresh, int *ret_fd, char **ret_path, struct error *err);
/* Maps a whole file; *ret_map is NULL for an empty one. -EFBIG over max. */
int fetch_map(int fd, uint64_t max, const void **ret_map, size_t *ret_len, struct error *err);

/* One file to be fetched: from `url` to `path`; with the SHA-256 it must have, or NULL. `done`: it is there. */
struct fetch_item {
	char *url, *path;
	const char *sha256;
	bool done;
};
/*
 * Fetches many remote files in few runs of apt-helper. Files that cannot be had are not `done`, and *why says what was said of them (code
 * 0: nothing); it is no error.
 */
int fetch_many(struct fetch_item *items, size_t n, struct error *why, struct error *err);
/* A directory of its own for such files, below the cache; malloc'd. The caller removes it. */
int fetch_temp_dir(const struct source_env *env, char **ret, struct error *err);
/* Brings locked package files into the store, each from the first of the repositories that has it with its size and hash. -ESTALE. */
int fetch_packages(const struct source_env *env, const struct strv *bases, const struct store *st,
		   const struct lock_package *const *want, size_t n, struct error *err);

#endif
