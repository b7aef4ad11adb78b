/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_E2READ_H
#define COMPAT_E2READ_H

#include <stdint.h>
#include "base/error.h"

/*
 * Reading ext2, ext3 and ext4 through libext2fs, for source/ext4.c. Only compat/e2*.c see libext2fs's headers. Checksums are
 * verified where the file system has them. Callbacks return 0 to go on, or -errno with err filled, which ends the call.
 */

struct e2read;

/* offset: bytes in the file. The file system must fit `size` bytes; the descriptor is duplicated. */
int e2read_open(int fd, uint64_t offset, uint64_t size, struct e2read **ret, struct error *err);
void e2read_free(struct e2read *e);
static inline void e2read_freep(struct e2read **e)
{
	e2read_free(*e);
}

uint32_t e2read_block_size(const struct e2read *e);

struct e2read_inode {
	uint32_t mode, uid, gid;
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t rdev_major, rdev_minor;
	char fast_link[60]; /* symbolic link kept in the inode, NUL ended; else empty */
};
int e2read_inode(struct e2read *e, uint64_t ino, struct e2read_inode *ret, struct error *err);

/* Blocks of data: `count` from `lblk` of the file on are those from `pblk` on. Unwritten blocks are left out. */
typedef int (*e2read_run_fn)(void *data, uint64_t lblk, uint64_t pblk, uint64_t count,
			     struct error *err);
int e2read_runs(struct e2read *e, uint64_t ino, e2read_run_fn fn, void *data, struct error *err);

/* A block of a directory into buf (e2read_block_size() bytes). */
int e2read_dir_block(struct e2read *e, uint64_t ino, uint64_t pblk, void *buf, struct error *err);

typedef int (*e2read_xattr_fn)(void *data, const char *name, const void *value, size_t len,
			       struct error *err);
int e2read_xattrs(struct e2read *e, uint64_t ino, e2read_xattr_fn fn, void *data,
		  struct error *err);

#endif
