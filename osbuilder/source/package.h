/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_PACKAGE_H
#define SOURCE_PACKAGE_H

#include "source/layer.h"
#include "source/lock.h"
#include "source/source.h"
#include "source/store.h"

/*
 * For osbuilder/source/ only: the one way of all kinds of packages from a recipe to the tree. A list of package files, locked or
 * resolved; what the store lacks is fetched into it; threads read the files into layers, in any order; the layers are applied in the
 * order of the list. What differs between kinds is in one table.
 */
struct package_ops {
	const char *
		type; /* of the source: "deb". What a file unpacks to depends on this and its bytes only */
	/*
	 * The exact files for s->packages, sorted, with what a lock file needs of them. Whoever cannot know the SHA-256 otherwise
	 * fetches the files, checks their signatures and leaves them in the store.
	 */
	int (*resolve)(const struct source_spec *s, const struct source_env *env,
		       struct lock_packages *ret, struct error *err);
	/* Brings these into the store. -ESTALE with a list when some are not to be had with their size and hash. */
	int (*fetch)(const struct source_spec *s, const struct source_env *env,
		     const struct store *st, const struct lock_package *const *want, size_t n,
		     struct error *err);
	/* Reads one file, without a tree; called by several threads. `arch` is osbuilder's word; a file for another one is refused. */
	int (*read)(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
		    const char *arch, struct source_package_info *ret, struct error *err);
	/* What needs all of the layers before the first is applied to the tree; may be NULL. */
	int (*prepare)(const struct source_spec *s, struct layer *const *layers,
		       const struct lock_package *const *packages, size_t n, struct tree *t,
		       struct error *err);
};

/* ops->resolve, as a stage of env->progress. */
int package_resolve(const struct package_ops *ops, const struct source_spec *s,
		    const struct source_env *env, struct lock_packages *ret, struct error *err);
/* The whole way; env->lock decides whether ops->resolve is called. */
int package_load(const struct package_ops *ops, const struct source_spec *s,
		 const struct source_env *env, struct tree *t, struct error *err);

#endif
