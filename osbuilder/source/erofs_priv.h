/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_EROFS_PRIV_H
#define SOURCE_EROFS_PRIV_H

/* Private to source/erofs*.c. On-disk structures are those of the kernel's fs/erofs/erofs_fs.h. */

#include "source/fsread.h"

#define EROFS_LAYOUT_PLAIN	    0u
#define EROFS_LAYOUT_FULL	    1u /* compressed, with an index of 8 bytes a cluster */
#define EROFS_LAYOUT_INLINE	    2u
#define EROFS_LAYOUT_COMPACT	    3u /* compressed, with one of 2 or 4 bytes */
#define EROFS_LAYOUT_CHUNKED	    4u

#define EROFS_INCOMPAT_ZERO_PADDING 0x1u /* compressed data lies at the end of its blocks */
#define EROFS_INCOMPAT_BIG_PCLUSTER 0x2u /* and COMPR_CFGS */
#define EROFS_INCOMPAT_CHUNKED	    0x4u
#define EROFS_INCOMPAT_DEVICES	    0x8u
#define EROFS_INCOMPAT_PACKED	    0x10u /* ztailpacking */
#define EROFS_INCOMPAT_FRAGMENTS    0x20u /* and dedupe */

struct erofs_inode_info {
	uint64_t pos, size;
	uint32_t head;			    /* 32 or 64 */
	uint32_t layout, mode, uid, gid, u; /* u: i_u */
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t xattr_size; /* behind the inode */
};

struct erofs_fs {
	unsigned bits;	   /* of a block */
	uint32_t incompat; /* features */
	uint64_t meta;	   /* byte position of node id 0 */
	uint64_t xattrs;   /* byte position of shared attributes */
	uint64_t root;
	int64_t build_time;
	uint32_t build_nsec;
	uint64_t unpacked;	    /* bytes of compressed files so far */
	struct erofs_inode_info in; /* of the last inode read */
	uint64_t in_ino;
};

/* The content of a compressed file, unpacked into the spool of the tree. */
int erofs_z_content(struct fsread *f, struct erofs_fs *e, const struct erofs_inode_info *in,
		    struct blob *ret, struct error *err);

#endif
