/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_SEAL_H
#define OSBUILDER_SEAL_H

#include "base/error.h"
#include "progress.h"

/*
 * Another agent in an image or initrd that image_build() made: its files are read, the agent and what osbuilder.yaml says of
 * it are replaced, and the image is written again as its manifest says (file system, DAX header, epoch, alignment, free
 * space), with a new manifest and, when it is measured, a new hash tree and root hash line. The result is what image_build()
 * makes with that agent. It appears by rename; on error nothing is changed.
 *
 * The bill of materials (sbom.h) is made again for an image without packages. With packages it is removed with a warning:
 * which package a file came from is in no image.
 *
 * Refused: no manifest, a file that is not what its manifest says, an agent for another architecture or not static, a
 * measured image whose root hash line is not beside it.
 */
struct image_seal_params {
	const char *path;
	const char *agent;
	const char *out;	   /* where to write; NULL: path */
	const char *variant;	   /* measured: of root_hash_VARIANT.txt; NULL: the recipe's name */
	const char *salt;	   /* measured: hex, or "-"; NULL: derived from the content */
	struct progress *progress; /* may be NULL */
};
int image_seal(const struct image_seal_params *p, struct error *err);

#endif
