/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_COPYFILE_H
#define STORAGE_COPYFILE_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "storage/storage.h"

/*
 * Files that the host sends where no file system is shared: configuration files, secrets. They go below one directory and nowhere
 * else, whatever links are on the way.
 */
#define COPYFILE_ROOT STORAGE_RUN_DIR "/shared/containers"

struct copyfile_req {
	const char *path;     /* absolute, below COPYFILE_ROOT */
	int64_t size, offset; /* of the whole file; of this piece */
	uint32_t mode,
		dir_mode;    /* with the type's bits; of directories that are missing on the way */
	int32_t uid, gid;    /* -1: as it comes */
	const uint8_t *data; /* a piece of a regular file, the target of a symbolic link */
	size_t len;
};

/*
 * A regular file grows under a name of its own beside its place and comes into it, with owner and mode, when the last byte is there;
 * a piece at offset 0 begins anew. Directories and links are there at once; a link replaces what is not a directory. Other types are
 * -EINVAL. root: COPYFILE_ROOT; tests pass another.
 */
int copyfile_apply(const char *root, const struct copyfile_req *req, struct error *err);

#endif
