/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_VERIFY_H
#define OSBUILDER_VERIFY_H

#include "image.h"

/*
 * Is an image or initrd, byte for byte, what was built? Reads all of it; needs no privilege.
 *
 *   tables	both views of the disk show the same partitions, the nd_pfn block with its checksum is the right one, the file
 *		system fits its partition, and all is as the manifest says
 *   verity	the hash tree leads to the root hash and the data to the tree; the first block that does not is named
 *   manifest	size and SHA-512 of the whole file
 *
 * Checked in this order; the first that fails is the error. A check that the file gives no reference for is not made, and the result
 * says so; when none but the tables could be checked, that is an error, and so is a hash partition without a known root hash. An error
 * is a verdict, `damaged`, or says that none could be reached.
 */
struct image_verify_params {
	const char *path;
	bool is_initrd;
	/* What the image must be sealed as: with this seal, or with this root hash in hex and the rest from the manifest. Or both NULL. */
	const struct verity_seal *seal;
	const char *root_hash;
	struct progress *progress; /* bytes read go to PROGRESS_CHECK; may be NULL */
};
struct image_verify_result {
	struct image_info info;
	bool tables_ok; /* of an initrd: it is one */
	bool verity_checked, verity_ok;
	struct verity_seal seal; /* when verity_checked */
	struct verity_bad bad;	 /* when checked and not ok; partition 0: none was found */
	bool sha512_checked, sha512_ok;
	bool damaged; /* it is not what it should be */
};
/*
 * -EBADMSG: the content is not what it was; -EINVAL: it cannot be such a file; -ENODATA: nothing to compare it with; -ENODEV: no regular file. On an error *ret says how far
 * it came.
 */
int image_verify(const struct image_verify_params *p, struct image_verify_result *ret,
		 struct error *err);

#endif
