/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_MANIFEST_H
#define OSBUILDER_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "codec/sha.h"
#include "disk/disk.h"
#include "disk/verity_seal.h"
#include "source/source.h"

/*
 * IMAGE.manifest.json, beside an image or initrd: what it is, so that nobody has to open it to know. Keys:
 *
 *	format			1
 *	kind			"image" or "initrd"
 *	size			of the file
 *	sha512, sha512_size	of its first sha512_size bytes; all behind them, what an image is padded with, is zeros. Without
 *				sha512_size: of the whole file
 *	architecture		"x86_64" ...
 *	recipe			the recipe's name
 *	source_date_epoch	seconds
 *	filesystem		"ext4", "erofs", "cpio"
 *	dax			the image has the DAX header
 *	partitions		[{"offset", "size"}] in bytes, of the file
 *	verity			null, or of a measured image {"root_hash", "salt", "data_blocks", "data_block_size",
 *				"hash_block_size"}: partition 1 is the data, partition 2 the tree; see disk/verity_seal.h. It
 *				says what the image was made as; what pins it is the engine's kernel_verity_params
 *	uuid			of the file system (image)
 *	agent			{"path", "init", "version", "protocol", "sha256"}; init: /sbin/init is the agent; version and
 *				protocol are null when the binary does not say
 *	kernel_options		["CONFIG_EXT4_FS", ...] that the guest kernel must have built in
 *	packages		[{"name", "version", "architecture", "sha256"}]
 *
 * A reader passes over keys that it does not know, and refuses another format number.
 */

#define MANIFEST_FORMAT	   1
#define MANIFEST_SUFFIX	   ".manifest.json"
#define MANIFEST_MAX_BYTES (8u << 20)

struct manifest {
	bool is_initrd;
	uint64_t size;
	uint64_t sha512_size;
	char sha512[2 * SHA_SIZE_512 + 1];
	char *arch, *recipe, *filesystem;
	int64_t epoch;
	bool dax;
	unsigned n_parts;
	struct disk_extent parts[DISK_PARTS_MAX];
	bool measured;
	struct verity_seal verity;			   /* when measured */
	char uuid[37];					   /* empty for an initrd */
	char *agent_path, *agent_version, *agent_protocol; /* the last two may be NULL */
	bool agent_is_init;
	char agent_sha256[2 * SHA_SIZE_256 + 1];
	struct source_packages packages;
};
void manifest_release(struct manifest *m);
#define _cleanup_manifest_ _cleanup_(manifest_release)

int manifest_to_json(const struct manifest *m, struct strbuf *out, struct error *err);
/* Reads IMAGE.manifest.json for the path of IMAGE. -ENOENT when there is none (err is set then, too). */
int manifest_load(const char *image_path, struct manifest *ret, struct error *err);
/*
 * Is the file what the manifest was made of? 1 yes, 0 its SHA-512 differs or something follows the hashed bytes. The size is not looked
 * at.
 */
int manifest_hash_fits(const struct manifest *m, int fd, struct progress *progress,
		       struct error *err);
int manifest_parse(const char *text, size_t len, struct manifest *ret, struct error *err);

#endif
