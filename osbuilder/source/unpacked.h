/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_UNPACKED_H
#define SOURCE_UNPACKED_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "source/layer.h"
#include "source/source.h"

/*
 * The part of the cache that holds packages as they come out of their archives, so that a second build decompresses nothing:
 * CACHE/unpacked/ARCH/AB/ABCD..., named by the SHA-256 of the package file; ARCH is what it was unpacked for. One file is
 *
 *	0	"KATAUNPK"
 *	8	version (UNPACKED_VERSION), then zeros up to 16
 *	16	offset and size of the index, 8 bytes each
 *	32	SHA-256 of bytes 0 to 31, the 64 digits of the file's name, and the index
 *	64	contents of files, one after the other, in the order of the archive
 *	...	index, up to the end of the file
 *
 * Numbers are little-endian. Index: name, version and architecture of the package, the number of entries (8 bytes), then each entry in
 * the archive's order: mode, owner, group, nanoseconds, major and minor number (4 bytes each); seconds, size, offset (8 each); flags
 * (4: UNPACKED_*); path; link target when there is one; names of user and group when the package has no numbers; SHA-1 and SHA-256 of the content of a regular file; number of extended
 * attributes (4), and name and value of each; at last the fingerprint (compat/xxh.h) of all contents together. Strings and values are 4 bytes of length, the bytes and a NUL.
 *
 * A file appears by rename when it is complete, and is never changed. It may be damaged: the index must have its hash, every name and
 * number is checked as in an archive, and the contents must have their fingerprint before anything of them is used. What is damaged
 * (-EBADMSG) is made again from the package file. Against somebody who writes here on purpose neither the hash nor the fingerprint
 * helps, because both lie beside what they are of: a cache belongs to those who may decide what is built from it.
 */

#define UNPACKED_VERSION     2u
#define UNPACKED_HEADER	     64u
#define UNPACKED_INDEX_MAX   (UINT64_C(256) << 20) /* bytes */
#define UNPACKED_OWNER_MAX   255u		   /* bytes of a user's or group's name */
#define UNPACKED_ENTRIES_MAX 1000000u		   /* of LA_LIMITS_DEFAULT */
/*
 * unpacked_prune() keeps this much for each architecture: more than 30 roots of Debian. Those used longest ago go first.
 */
#define UNPACKED_KEEP_BYTES  (UINT64_C(8) << 30)
#define UNPACKED_TMP_SECONDS 86400 /* a ".tmp-" name older than this belongs to nobody any more */

struct unpacked {
	int dirfd; /* CACHE/unpacked/ARCH; -1: there is none, and nothing is kept */
};
#define UNPACKED_INIT \
	{             \
		-1    \
	}

/* Makes the directory when it is missing. One that cannot be made or written is done without. */
void unpacked_open(struct unpacked *u, const char *cache_dir, const char *arch);
void unpacked_release(struct unpacked *u);
#define _cleanup_unpacked_ _cleanup_(unpacked_release)

/* Is there a file of this name? Says nothing about its content. */
bool unpacked_has(const struct unpacked *u, const char *sha256);

/*
 * Reads and checks one file, and marks it as used now. Contents refer to *ret_fd, which the caller must keep as long as the layer and the
 * tree it ends in. -ENOENT: there is none, or one of another version; -EBADMSG: it is damaged. May be called by several threads.
 */
int unpacked_read(const struct unpacked *u, const char *sha256, struct layer *l,
		  struct source_package_info *info, int *ret_fd, struct error *err);

/* A new file. Contents are to be written from UNPACKED_HEADER on (layer_spool_to()). */
int unpacked_create(const struct unpacked *u, const char *sha256, struct file_out *ret,
		    struct error *err);
/*
 * Sums up contents that have no sums, adds the index behind what was written through the spool, and gives the file its name. *ret_fd is the file, which has the contents even
 * when this fails, with -1 for a failed descriptor only.
 */
int unpacked_finish(struct file_out *o, const char *sha256, struct layer *l,
		    const struct layer_spool *spool, const struct source_package_info *info,
		    int *ret_fd, struct error *err);

/* Removes what was not used for longest until at most `keep` bytes are left, and old temporary files. */
void unpacked_prune(const struct unpacked *u, uint64_t keep);

/* The index as bytes, and back (strings are copied). `end`: where the contents end. Contents get no descriptor. For unpacked.c and tests. */
int unpacked_index_make(const struct layer *l, const struct source_package_info *info,
			const uint8_t fingerprint[XXH_SIZE], struct strbuf *out, struct error *err);
int unpacked_index_parse(const void *data, size_t len, uint64_t end, struct layer *l,
			 struct source_package_info *info, uint8_t fingerprint[XXH_SIZE],
			 struct error *err);

#endif
