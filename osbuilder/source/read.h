/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_READ_H
#define SOURCE_READ_H

#include <stdint.h>
#include "base/error.h"
#include "tree/tree.h"

/*
 * Reading images back: a file system or an initrd becomes a tree, without mounting and without privilege. File contents
 * are references into the image, but for compressed initrds and files; the image must not change while the tree lives. The descriptor
 * is duplicated.
 *
 * Images are not trusted. Every position is checked against the region, all that grows is bounded by the limits of the tree
 * and those here, and what is damaged or not understood is refused with the entry named. Nothing is dropped silently.
 */

#define READ_CONTENT_MAX  (UINT64_C(64) << 30) /* bytes of all files together, holes included */
#define READ_UNPACKED_MAX (UINT64_C(8) << 30)  /* bytes of all compressed files together */
#define READ_RUNS_MAX	  (UINT32_C(1) << 22)  /* pieces of all files together */
#define READ_DIR_MAX	  (UINT64_C(1) << 28)  /* bytes of one directory */

/*
 * ext2, ext3 and ext4 through libext2fs: extents or block maps, extended attributes, checksums where the file system has
 * them. Refused: a journal that must be replayed, encryption, inline data.
 */
int source_read_ext4(struct tree *t, int fd, uint64_t offset, uint64_t size, struct error *err);

/*
 * erofs: compact and extended inodes, plain, inline, chunked and LZ4 compressed data, own and shared attributes. Refused: other
 * compression, tails packed together, chunks on other devices, long attribute prefixes.
 */
int source_read_erofs(struct tree *t, int fd, uint64_t offset, uint64_t size, struct error *err);

/*
 * An initrd as the kernel takes it (Documentation/driver-api/early-userspace/buffer-format.rst): "newc" archives one after
 * the other, zeros between them, each plain, in gzip members or in zstd frames; or all of them compressed by xz or bzip2. Later
 * entries replace earlier ones. Unlike the kernel, what cannot be unpacked is an error.
 */
int source_read_cpio(struct tree *t, int fd, struct error *err);

#endif
