/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_VERITY_SEAL_H
#define DISK_VERITY_SEAL_H

#include <stdbool.h>
#include "base/strbuf.h"
#include "disk/disk.h"
#include "disk/verity.h"

/*
 * What the guest's kernel must be told of a measured image, and what makes it one: partition 1 is the data, partition 2 its hash
 * tree. Written in one line, the content of upstream's root_hash_VARIANT.txt and of its configuration key kernel_verity_params:
 *
 *	root_hash=HEX,salt=HEX,data_blocks=N,data_block_size=4096,hash_block_size=4096
 *
 * All five are needed, in any order, each once; spaces around the parts do not matter. A salt of "-" is an empty one (as in the table
 * line of the kernel's dm-verity).
 */
#define VERITY_LINE_MAX 1024 /* bytes of a line */
#define VERITY_SALT_HEX (2 * VERITY_SALT_MAX)

struct verity_seal {
	char root_hash[2 * VERITY_DIGEST + 1]; /* lower-case hex */
	char salt[VERITY_SALT_HEX + 1];	       /* lower-case hex, or "-" */
	uint64_t data_blocks;
	uint32_t data_block_size, hash_block_size; /* powers of two from 512 to 65536 */
};

/* -EINVAL with what is wrong in the line. */
int verity_seal_parse(const char *line, struct verity_seal *ret, struct error *err);
/* The checks of verity_seal_parse() for values from elsewhere; changes hex digits to lower case. */
int verity_seal_set(struct verity_seal *ret, const char *root_hash, const char *salt,
		    uint64_t data_blocks, uint64_t data_block_size, uint64_t hash_block_size,
		    struct error *err);
/* The line, without a newline. -ENOMEM. */
int verity_seal_format(const struct verity_seal *s, struct strbuf *out);
bool verity_seal_equal(const struct verity_seal *a, const struct verity_seal *b);

/* -EINVAL unless the image has the two partitions and both are large enough for the seal. */
int verity_seal_fits(const struct verity_seal *s, const struct disk_extent *parts, unsigned n_parts,
		     struct error *err);

/* The salt that belongs to a seed: SHA-256 of a fixed text and the seed, so that it differs from whatever else is made of the seed. */
#define VERITY_SALT_DERIVED 32
int verity_salt_from_seed(const uint8_t *seed, size_t len, uint8_t ret[VERITY_SALT_DERIVED]);

/*
 * The tree over partition 1 of the layout, into its partition 2: begin, verity_add() if the data is at hand, and finish, which gives the
 * seal.
 */
int verity_seal_begin(int fd, const struct disk_layout *l, const uint8_t *salt, size_t salt_len,
		      struct verity **ret, struct error *err);
int verity_seal_finish(struct verity *v, const struct disk_layout *l, const uint8_t *salt,
		       size_t salt_len, struct verity_seal *ret, struct error *err);
/*
 * Reads both partitions. -EBADMSG and the first bad block when they are not what was sealed; -ENOTSUP for block sizes other than
 * 4096. See verity_check().
 */
int verity_seal_check(int fd, const struct disk_extent *parts, unsigned n_parts,
		      const struct verity_seal *s, struct verity_bad *bad, struct error *err);

#endif
