/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_EROFS_PRIV_H
#define WRITER_EROFS_PRIV_H

/* Private to writer/erofs*.c. On-disk structures are those of the kernel's fs/erofs/erofs_fs.h. */

#include "writer/list.h"
#include "writer/out.h"

/* struct erofs_super_block: byte offsets from EROFS_SB. */
#define EROFS_SB	       1024u
#define EROFS_SB_SIZE	       128u
#define EROFS_MAGIC	       0xe0f5e1e2u
#define EROFS_SB_CHECKSUM      4
#define EROFS_SB_COMPAT	       8
#define EROFS_SB_BLKSZBITS     12
#define EROFS_SB_ROOT_NID      14
#define EROFS_SB_INOS	       16
#define EROFS_SB_BUILD_TIME    24
#define EROFS_SB_BLOCKS	       36
#define EROFS_SB_META_BLKADDR  40
#define EROFS_SB_UUID	       48
#define EROFS_SB_NAME	       64
#define EROFS_SB_INCOMPAT      80
#define EROFS_COMPAT_CHKSUM    1u
#define EROFS_COMPAT_MTIME     2u
#define EROFS_INCOMPAT_LZ4     1u /* LZ4 data lies at the end of its blocks */
#define EROFS_INCOMPAT_CHUNKED 4u

/* struct erofs_inode_extended. i_format: bit 0 extended, bits 1-3 data layout. */
#define EROFS_INODE_SIZE  64u
#define EROFS_SLOT	  32u /* unit of node ids */
#define EROFS_FLAT_PLAIN  0u
#define EROFS_COMPRESSED  1u /* with an index of 8 bytes a block */
#define EROFS_FLAT_INLINE 2u
#define EROFS_CHUNKED	  4u
#define EROFS_CHUNK_BITS  4u /* chunks of 16 blocks = SEG_HOLE_MIN */
#define EROFS_NULL_ADDR	  UINT32_MAX

struct erofs_inode {
	uint64_t pos;	     /* of the inode */
	uint32_t xattr_size; /* bytes behind it, 0 or at least 12 */
	uint64_t size;	     /* i_size */
	uint32_t tail;	     /* bytes kept behind the attributes (directory, symlink) */
	uint32_t layout;
	uint32_t blkaddr; /* of the data blocks; chunked: of the first */
	struct segs map;  /* data blocks */
	uint8_t *index;	  /* compressed: what lies behind the attributes (erofs_lz4.c) */
	uint32_t index_size;
	uint32_t packed; /* compressed: blocks */
};

struct erofs {
	const struct writer_params *params;
	struct wlist list;
	struct erofs_inode *in; /* beside list.v */
	struct out out;
	struct wseed seed;
	uint8_t *meta; /* the first meta_size bytes of the image */
	uint64_t meta_size;
	uint32_t meta_block; /* where it begins */
	uint32_t blocks;     /* of the whole image */
	bool chunked;	     /* some inode is */
};

/* The data blocks of a regular file, by its map, to its blkaddr; fs->out must stand there. */
int erofs_copy_file(struct erofs *fs, size_t i, struct wseed *seed, struct error *err);

/*
 * LZ4: writes the contents of all regular files, from the block fs->out stands at on, and decides their layouts, tails and indexes.
 * Sets fs->meta_block to the block behind.
 */
int erofs_lz4_contents(struct erofs *fs, struct wseed *seed, struct error *err);
/* The index begins at a multiple of 8 bytes behind the attributes: how many bytes after `pos`. */
static inline uint32_t erofs_index_pad(uint64_t pos)
{
	return (uint32_t)(-pos & 7);
}
/* Does a tail of so many bytes fit behind the inode? The kernel wants it in one block with the inode (fs/erofs/inode.c, erofs_fill_symlink). */
static inline bool erofs_tail_fits(const struct erofs_inode *x, uint64_t tail)
{
	return EROFS_INODE_SIZE + x->xattr_size + tail <= WRITER_BLOCK;
}

/* Bytes of the directory's data: full blocks and the used part of the last. */
uint64_t erofs_dir_size(const struct tree_node *dir);
/* Writes them into buf (zeroed, the size rounded up to blocks). */
int erofs_dir_fill(const struct erofs *fs, const struct tree_node *dir, uint8_t *buf,
		   struct error *err);

/* Bytes of the attributes behind an inode, the 12-byte header included; 0 without any. -errno with err. */
int64_t erofs_xattr_size(const struct tree_inode *in, struct error *err);
void erofs_xattr_fill(const struct tree_inode *in, uint8_t *p);

static inline uint64_t erofs_nid(const struct erofs *fs, const struct tree_inode *in)
{
	return fs->in[wlist_index(in)].pos / EROFS_SLOT;
}

#endif
