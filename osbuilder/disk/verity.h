/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_VERITY_H
#define DISK_VERITY_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * dm-verity hash trees as `veritysetup format --no-superblock` makes them (the kernel's
 * Documentation/admin-guide/device-mapper/verity.rst): version 1, SHA-256, 4096-byte data and hash blocks. A digest is
 * SHA-256(salt || block); 128 digests fill a hash block, the rest is zero; levels are stored with the top first. The root
 * hash is the digest of the top block.
 */
#define VERITY_BLOCK	4096u
#define VERITY_DIGEST	32u
#define VERITY_SALT_MAX 256u /* of the kernel's dm-verity */
#define VERITY_DATA_MAX \
	(UINT64_C(1) << 38) /* bytes: the digests of all blocks are held in memory */

struct verity_params {
	uint64_t data_offset,
		data_size;    /* of the partition in the file; size a multiple of VERITY_BLOCK */
	uint64_t hash_offset; /* where the tree goes */
	const uint8_t *salt;
	size_t salt_len;
};

/* Bytes of the tree over data_size bytes. */
uint64_t verity_hash_size(uint64_t data_size);

/*
 * Reads the data, writes the tree, gives the root hash. -EINVAL for a size that is 0, uneven or over the limit. The data is hashed
 * by as many threads as there are processors, up to VERITY_THREADS_MAX.
 */
#define VERITY_THREADS_MAX 8
int verity_write(int fd, const struct verity_params *p, uint8_t root[VERITY_DIGEST],
		 struct error *err);

/*
 * The same while the data is being written. Data is added in ascending order; what is passed over is read from the file, and what is
 * behind the last of it in verity_finish(), so it must be there then. Adding nothing at all is verity_write().
 */
struct verity;
int verity_begin(int fd, const struct verity_params *p, struct verity **ret, struct error *err);
/* `len` bytes that have, or will have, their place at `offset` of the file: whole blocks of the data (-EINVAL). */
int verity_add(struct verity *v, uint64_t offset, const uint8_t *data, size_t len,
	       struct error *err);
/* Writes the tree. */
int verity_finish(struct verity *v, uint8_t root[VERITY_DIGEST], struct error *err);
void verity_free(struct verity *v);
static inline void verity_freep(struct verity **v)
{
	verity_free(*v);
}
#define _cleanup_verity_ _cleanup_(verity_freep)

/* A block that is not what its hash says: of the data (partition 1 of an image) or of the tree (partition 2). */
struct verity_bad {
	unsigned partition;	/* 1 or 2 */
	uint64_t block, offset; /* number in its partition; bytes from the start of the file */
};
/*
 * Does the tree lead to the root hash, and the data to the tree? Checked from the root down as the kernel does, so the block found is
 * the one that was changed. -EBADMSG: no, and *bad and err name the first bad block, in the order of the tree and then of the data.
 */
int verity_check(int fd, const struct verity_params *p, const uint8_t root[VERITY_DIGEST],
		 struct verity_bad *bad, struct error *err);

#endif
