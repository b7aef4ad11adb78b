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

#define EXT4_INDEX_FL	      0x1000u
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
	bool indexed;	 /* a directory with a hash tree */
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
	struct wseed seed;
	uint8_t hash_seed
		[16]; /* of the hash trees; from the names alone, so known before the contents are */
	uint32_t csum_seed;
	uint64_t run_at, run_end; /* free blocks being handed out */
	uint64_t run_first;	  /* where the current run began, for one bitmap update a run */
};

/* Plans the extended attributes into x->xattr_inline and x->xattr_block (without its checksum). */
int ext4_xattrs_plan(const struct tree_inode *in, struct ext4_inode *x, struct error *err);
void ext4_xattr_block_csum(const struct ext4 *fs, struct ext4_inode *x);

/*
 * Directories: up to EXT4_LINEAR_MAX blocks a list sorted by name, which the kernel reads from end to end; larger ones with a hash tree
 * in front, ext4_htree.c.
 */
#define EXT4_LINEAR_MAX 16u
#define EXT4_DIR_TAIL	12u /* bytes at the end of a block for its checksum */
/* Blocks that a directory needs, and x->indexed. */
int ext4_dir_plan(const struct ext4 *fs, const struct tree_node *dir, struct ext4_inode *x,
		  uint32_t *ret_blocks, struct error *err);
/* Writes them into buf (zeroed, x->map.blocks blocks), with checksums. */
int ext4_dir_fill(const struct ext4 *fs, const struct tree_node *dir, const struct ext4_inode *x,
		  uint8_t *buf, struct error *err);

/* One block of directory entries being filled. */
struct ext4_dir_block {
	uint8_t *b; /* WRITER_BLOCK bytes, zeroed */
	uint32_t used;
	uint32_t last; /* offset of the last entry */
	uint32_t seed; /* of the directory's checksums */
};
uint32_t ext4_dirent_size(size_t name_len);
void ext4_dirent_put(struct ext4_dir_block *d, uint32_t ino, uint8_t type, const char *name,
		     size_t len);
/* Stretches the last entry and writes the checksum. */
void ext4_dir_block_close(struct ext4_dir_block *d);

int ext4_htree_blocks(const struct ext4 *fs, const struct tree_node *dir, uint32_t *ret,
		      struct error *err);
int ext4_htree_fill(const struct ext4 *fs, const struct tree_node *dir, uint32_t seed, uint8_t *buf,
		    struct error *err);

/* Takes blocks for x->map from the free runs into x->ext, then for the extent tree into x->nodes. */
int ext4_allocate(struct ext4 *fs, struct ext4_inode *x, struct error *err);
/* Blocks of the extent tree where no group's tables lie in the way. */
uint64_t ext4_nodes_uncut(const struct segs *map);
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
