/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_IMAGE_READ_H
#define OSBUILDER_IMAGE_READ_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "disk/disk.h"
#include "tree/tree.h"

/*
 * Whatever holds a file tree, by what it begins with: a disk image with either partition table, a bare ext4 or erofs, an
 * initrd, a tar file, a directory.
 */
enum image_kind {
	IMAGE_DISK,	  /* file system in partition 1 */
	IMAGE_FILESYSTEM, /* from byte 0 on */
	IMAGE_INITRD,
	IMAGE_TAR, /* also compressed: what is compressed and is no initrd */
	IMAGE_DIRECTORY,
};

struct image_source {
	enum image_kind kind;
	char filesystem[16]; /* "ext4", "erofs", "cpio", "tar", "" for a directory */
	bool dax;	     /* IMAGE_DISK */
	struct disk_layout disk;
};

/*
 * Reads all of it into a new tree; contents stay in the file, which must not change while the tree lives. Errors start with
 * the path.
 */
int image_read(const char *path, struct tree **ret, struct image_source *ret_source,
	       struct error *err);

#endif
