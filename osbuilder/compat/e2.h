/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_E2_H
#define COMPAT_E2_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/*
 * What libext2fs does for the ext4 writer: geometry, superblocks, group descriptors, bitmaps and their checksums. Inodes,
 * directories, extents and attributes are the writer's. Only e2.c sees libext2fs's headers; errcode_t ends there.
 *
 * Order: e2_create, e2_next_free / e2_use_*, e2_identify, e2_finish. Nothing is written before e2_finish.
 */

#define E2_BLOCK	    4096u
#define E2_INODE_SIZE	    256u
#define E2_GROUP_BLOCKS	    32768u /* blocks of a group: bits of one bitmap block */
#define E2_INODES_PER_BLOCK (E2_BLOCK / E2_INODE_SIZE)
#define E2_FIRST_INODE	    11u /* the ones below are reserved; 2 is the root */
#define E2_ROOT_INODE	    2u

/* How a file system is cut up. */
struct e2_geometry {
	uint64_t blocks;       /* of all of it */
	uint32_t group_blocks; /* of a group but the last */
	uint32_t groups;
};

struct e2_params {
	struct e2_geometry geometry;
	uint32_t inodes; /* the reserved ten included */
	int64_t time; /* of creation, last write and last check; 1 when smaller, as libext2fs takes 0 for "now" */
	const char *label; /* may be NULL */
};

/*
 * The smallest file system that offers `data` free blocks and `inodes` inodes: data, superblocks with descriptors at groups 0, 1 and
 * powers of 3, 5, 7 (sparse_super), bitmaps and inode tables. Computed, not tried. A group has at most E2_GROUP_BLOCKS blocks and as
 * many inodes; where inodes need more groups than blocks do, the groups are smaller.
 */
void e2_plan(uint64_t data, uint32_t inodes, struct e2_geometry *ret);

struct e2;
/* The descriptor is duplicated. offset: bytes in the file where the file system starts. */
int e2_create(int fd, uint64_t offset, const struct e2_params *p, struct e2 **ret,
	      struct error *err);
void e2_free(struct e2 *e); /* drops it unwritten */
static inline void e2_freep(struct e2 **e)
{
	e2_free(*e);
}

uint64_t e2_blocks(const struct e2 *e);
uint64_t e2_free_blocks(const struct e2 *e);
/* The first run [*start, *end) of free blocks at or after `from`. False: none. */
bool e2_next_free(struct e2 *e, uint64_t from, uint64_t *start, uint64_t *end);
void e2_use_blocks(struct e2 *e, uint64_t start, uint64_t n);
void e2_use_inode(struct e2 *e, uint32_t ino, bool is_dir);
/* Inode tables, one a group. */
uint32_t e2_groups(const struct e2 *e);
uint32_t e2_inodes_per_group(const struct e2 *e);
uint64_t e2_inode_table(const struct e2 *e, uint32_t group);

/* The hash of a name in a directory index: half MD4, signed characters, no case folding. */
uint32_t e2_name_hash(const uint8_t hash_seed[16], const char *name, size_t len);
/* UUID and directory hash seed; the UUID also seeds all checksums (metadata_csum). */
void e2_identify(struct e2 *e, const uint8_t uuid[16], const uint8_t hash_seed[16]);
/* Writes superblocks, descriptors and bitmaps (no fsync), and frees *e. */
int e2_finish(struct e2 **e, struct error *err);

#endif
