/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_IMAGE_WRITE_H
#define OSBUILDER_IMAGE_WRITE_H

#include "measure.h"
#include "output.h"
#include "writer/writer.h"

/*
 * A whole image from a tree: file system, partition tables and, for a measured one, hash tree. The contents' own hashes are made first
 * (tree_sum_contents()): they give the seed of everything that is derived. So the file system's metadata and the partition tables can be
 * written before the contents, and the image's SHA-512 and the hash tree are made while contents are copied.
 */
struct image_write_params {
	struct tree *tree;
	const struct writer_ops *writer;
	struct writer_params params; /* seed and follow are set here */
	bool dax;
	uint64_t align;		 /* as in struct disk_params */
	struct measure *measure; /* NULL: not measured */
};
/* Fills in the manifest's partitions, UUID and verity parameters. output_describe() comes after. */
int image_write(const struct image_write_params *p, struct output *o, struct manifest *m,
		struct error *err);

#endif
