/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_FETCH_H
#define SOURCE_FETCH_H

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

#endif
