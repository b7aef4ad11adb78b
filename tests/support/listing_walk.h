/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_LISTING_WALK_H
#define TESTS_SUPPORT_LISTING_WALK_H

#include "support/listing.h"

/*
 * What the kernel says about a directory and all below it: one listing an entry, the directory itself first with the path
 * "". Other file systems mounted below are not entered. Paths may be longer than PATH_MAX: everything is reached by
 * descriptors. Returns the number of things that could not be read; each is said on standard error.
 */
typedef void (*listing_fn)(struct listing *l, void *data);
int listing_walk(const char *dir, listing_fn fn, void *data);

/*
 * For what is too much to be printed: one line "TAG-SUM NAME COUNT SUM" for each entry of the root directory, over the lines
 * of all below it in the order of listing_walk(), without times: the kernel keeps those of an initrd only with
 * INITRAMFS_PRESERVE_MTIME. `data` is the struct.
 */
struct listing_sums {
	FILE *out;
	const char *tag;
	char top[300]; /* the entry of the root that is summed now */
	uint64_t sum, entries;
};
void listing_sums_add(struct listing *l, void *data);
void listing_sums_end(struct listing_sums *s);

#endif
