/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_EXT4_PRIV_H
#define WRITER_EXT4_PRIV_H

/* Private to writer/ext4*.c. On-disk structures are those of the kernel's fs/ext4/ext4.h, ext4_extents.h and xattr.h. */

#include "compat/e2.h"
#include "writer/list.h"
#include "writer/out.h"

/* struct ext4_inode: byte offsets. */
#define EXT4_I_MODE	      0
#define EXT4_I_UID	      2
#define EXT4_I_SIZE_LO	      4
#define EXT4_I_ATIME	      8
#define EXT4_I_CTIME	      12
#define EXT4_I_MTIME	      16
#define EXT4_I_GID	      24
#define EXT4_I_LINKS	      26
#define EXT4_I_BLOCKS_LO      28
#define EXT4_I_FLAGS	      32
#define EXT4_I_BLOCK	      40
#define EXT4_I_BLOCK_SIZE     60
#define EXT4_I_FILE_ACL_LO    104
#define EXT4_I_SIZE_HIGH      108
#define EXT4_I_BLOCKS_HIGH    116
#define EXT4_I_ACL_HIGH	      118
#define EXT4_I_UID_HIGH	      120
#define EXT4_I_GID_HIGH	      122
#define EXT4_I_CSUM_LO	      124
#define EXT4_I_EXTRA_ISIZE    128
#define EXT4_I_CSUM_HI	      130
#define EXT4_I_CTIME_EXTRA    132
#define EXT4_I_MTIME_EXTRA    136
#define EXT4_I_ATIME_EXTRA    140
#define EXT4_I_CRTIME	      144
#define EXT4_I_CRTIME_EXTRA   148
#define EXT4_EXTRA_ISIZE      32
#define EXT4_I_XATTR	      (128 + EXT4_EXTRA_ISIZE)
#define EXT4_I_XATTR_SIZE     (E2_INODE_SIZE - EXT4_I_XATTR)

#define EXT4_EXTENTS_FL	      0x80000u
#define EXT4_LINK_MAX	      65000u
#define EXT4_FAST_SYMLINK_MAX 59u /* bytes of a target that fit i_block */

struct ext4_extent {
	uint32_t lblk, len;
	uint64_t pblk;
};

/* What is planned for one inode of the list. */
struct ext4_inode {
	uint32_t num;
	struct segs map; /* blocks of data, directory or slow symlink */
	struct ext4_extent *ext;
	size_t n_ext, cap_ext;
	uint64_t *nodes; /* blocks of the extent tree, leaves first */
	size_t n_nodes;
	uint8_t *xattr_block; /* WRITER_BLOCK bytes, NULL when none is needed */
	uint64_t xattr_pblk;
	uint8_t xattr_inline[EXT4_I_XATTR_SIZE];
};

struct ext4 {
	const struct writer_params *params;
	struct wlist list;
	struct ext4_inode *in; /* beside list.v */
	struct e2 *e2;
	struct out out;
	uint32_t csum_seed;
	uint64_t run_at, run_end; /* free blocks being handed out */
	uint64_t run_first;	  /* where the current run began, for one bitmap update a run */
};

/* Plans the extended attributes into x->xattr_inline and x->xattr_block (without its checksum). */
int ext4_xattrs_plan(const struct tree_inode *in, struct ext4_inode *x, struct error *err);
void ext4_xattr_block_csum(const struct ext4 *fs, struct ext4_inode *x);

/* Blocks that the entries of a directory need. */
uint32_t ext4_dir_blocks(const struct tree_node *dir);
/* Writes them into buf (zeroed, ext4_dir_blocks() blocks), with checksums. */
void ext4_dir_fill(const struct ext4 *fs, const struct tree_node *dir, uint8_t *buf);

/* Takes blocks for x->map from the free runs into x->ext, then for the extent tree into x->nodes. */
int ext4_allocate(struct ext4 *fs, struct ext4_inode *x, struct error *err);
/* Upper bound of the extent tree blocks that ext4_allocate() may take. */
uint64_t ext4_nodes_bound(const struct segs *map);
/* One block, for extended attributes. 0 when nothing is free. */
uint64_t ext4_take_block(struct ext4 *fs);
/* Enters what was taken since the last call into the block bitmap. */
void ext4_commit_run(struct ext4 *fs);
/* Writes the extent tree blocks and fills i_block. */
int ext4_extents_write(struct ext4 *fs, const struct ext4_inode *x,
		       uint8_t i_block[EXT4_I_BLOCK_SIZE], struct error *err);

/* The checksum that starts every per-inode checksum: over the seed, the number and the generation (0). */
uint32_t ext4_inode_seed(const struct ext4 *fs, uint32_t num);

#endif
