/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_IMAGE_H
#define OSBUILDER_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "manifest.h"
#include "recipe/recipe.h"
#include "progress.h"
#include "writer/writer.h"

/*
 * The pipeline from end to end, for the osbuilder program and for the engine.
 */

/* The recipe's lock file (source/lock.h): use it if there is one, insist on it, do as if there were none. */
enum lock_use { LOCK_USE_AUTO, LOCK_USE_NEED, LOCK_USE_NONE };

struct image_build_params {
	const char *recipe;	 /* name or path */
	const char *recipes_dir; /* where names are looked up */
	const char
		*agent; /* path of the agent binary; not looked at when the recipe has no agent */
	const char *arch;
	const char *image_out, *initrd_out, *rootfs_out,
		*tar_out;	/* at least one; NULL: not wanted */
	const char *filesystem; /* overrides the recipe's; may be NULL */
	const char *cache_dir;	/* any path; made absolute */
	int64_t epoch;		/* SOURCE_DATE_EPOCH */
	const char *
		compression; /* of the image's erofs: "none", "lz4"; NULL: the recipe's. LZ4 leaves the DAX header out */
	const char *initrd_compression; /* "none", "gzip", "zstd"; NULL: the recipe's */
	bool offline;
	enum lock_use lock;
	struct recipe_choices choices; /* owned by whoever fills it */
	struct progress *progress;     /* may be NULL */
	/*
	 * What the program was started with. When there is something here and neither inputs nor outputs have changed since the last build
	 * of these outputs, image_build() does nothing, see record.h; unless `force`.
	 */
	struct strv arguments; /* owned by whoever fills it */
	bool force;
	/* Of the image; what is not given is the recipe's. */
	bool no_dax;   /* without the DAX header */
	bool measured; /* with a dm-verity partition and root_hash_VARIANT.txt, see measure.h */
	const char *variant; /* NULL: the recipe's name */
	const char
		*salt; /* of the hash tree, in hex, "-" for none; NULL: derived from the content */
	uint64_t align_mib; /* the image's size is a multiple of it; 0: as disk_params.align */
	int64_t free_mib;   /* room beyond the content (ext4); -1: the recipe's */
};
void image_build_params_preset(struct image_build_params *p);

/*
 * recipe -> sources -> passes -> image and initrd, with a manifest beside each, and the tree itself as a new directory
 * rootfs_out (see writer/dir.h), and as the tar file tar_out (writer/tar.c). All of them appear by rename when all of them are complete; on error nothing is changed.
 * The same parameters and packages give the same bytes. Of a recipe without an agent only a directory or a tar file is made.
 */
int image_build(const struct image_build_params *p, struct error *err);

/*
 * Resolves the recipe's packages as image_build() without a lock would, and writes the recipe's lock file. Of the parameters recipe,
 * recipes_dir, arch, choices, cache_dir and offline count. *ret_path is malloc'd: the file. `moved` gets what is not as in the lock file
 * that was there (lock_moved()); with `check` nothing is written, and -ESTALE says that something moved or that there was no lock file.
 */
int image_lock(const struct image_build_params *p, bool check, char **ret_path,
	       struct strbuf *moved, struct error *err);

/*
 * Packs a directory into a file system image (no partition table) for a block device: the packed root of a container. The
 * directory must not change meanwhile. Works for any user; what that user cannot read is one error that names it.
 */
struct image_pack_params {
	const char *format; /* writer: "erofs" or "ext4" */
	bool own_as_root; /* files of the caller become root's: for bundles that an ordinary user unpacked */
	uint64_t free_bytes; /* ext4 */
	const uint8_t *
		seed; /* 32 bytes; saves hashing the content for the UUID. NULL: derived from the content */
};
int image_pack_dir(int dirfd, int out_fd, const struct image_pack_params *p,
		   struct writer_result *ret, struct error *err);

/*
 * What the engine must know, and must refuse, before it boots an image or initrd. Refused, each with one line that names the
 * file: missing, not a regular file, empty, shorter than its manifest or its partitions say, of another architecture, without
 * a partition table or a known file system, partitions that are not those of its manifest, a damaged manifest. Images without a
 * manifest (upstream's) are accepted, their architecture is then unknown (arch empty).
 */
struct image_info {
	bool is_initrd, has_manifest, dax;
	uint64_t size;
	char arch[16], filesystem[16];
	unsigned n_parts;
	struct disk_extent parts[DISK_PARTS_MAX];
	bool measured; /* says the manifest */
	struct verity_seal verity;
	bool agent_is_init;			    /* says the manifest */
	char agent_version[64], agent_protocol[64]; /* empty when not known */
};
struct image_check_params {
	const char *path;
	const char *arch; /* that the guest will be */
	bool is_initrd;
	bool verify_sha512; /* read the whole file and compare with the manifest */
	bool any_content;   /* for who checks hashes: what lies in partition 1 is not looked at */
};
int image_check(const struct image_check_params *p, struct image_info *ret, struct error *err);
/* Does the file begin as an initrd: with a cpio archive or a compressed one? Everything else is meant to be a disk image. */
int image_is_initrd(const char *path, bool *ret, struct error *err);

#endif
