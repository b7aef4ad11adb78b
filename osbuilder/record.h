/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_RECORD_H
#define OSBUILDER_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "image.h"

/*
 * The record of a build, CACHE/builds/HEX, HEX being the SHA-256 of the outputs' absolute names: if all that went into them and they
 * themselves are as they were, the next build of the same outputs has nothing to do.
 *
 * What goes in is one SHA-256, the key, over: this program and the libraries it runs with; every parameter, and every argument it was
 * started with; contents of recipe.toml, of the lock file and of the files named by arguments (the agent); all files of the recipe's
 * directory, of its sources and below the directories named by arguments, by name, type, mode, owner, size, times, inode and link
 * target. Packages go in by the lock file.
 *
 * The key is made before the build and again after it. A file that has the same inode, size and times then, and was changed last more
 * than RECORD_SETTLED_S before the build began, is not read a second time.
 *
 * An output is as it was when its size, mtime, ctime (both in nanoseconds), inode and device are, and the manifest has its hash.
 *
 * Whatever is in doubt leads to a build: a source of packages without a lock file, an output directory (--rootfs), more than
 * RECORD_ENTRIES_MAX files to look at, inputs that changed during the build, outputs that somebody else replaced meanwhile, a record
 * that cannot be read or is not exactly what it would be now.
 */

#define RECORD_OUTPUTS_MAX 8
#define RECORD_ENTRIES_MAX 50000 /* files and directories looked at for one key */
#define RECORD_DEPTH_MAX   64
#define RECORD_TEXT_MAX	   65536 /* bytes of a record */
#define RECORD_HEX	   64
#define RECORD_SETTLED_S   2  /* longer than the times of any file system stand still */
#define RECORD_INPUTS_MAX  16 /* files whose hashes are kept; others are read twice */

struct record_output {
	char *path;
	bool made; /* by this build, as the inode below */
	dev_t dev;
	ino_t ino;
};
/* A file that was hashed, and what it was then. */
struct record_input {
	struct stat st;
	uint8_t sha256[32];
};
struct record {
	bool usable;
	char key[RECORD_HEX + 1];
	char *file;
	struct record_output outputs[RECORD_OUTPUTS_MAX];
	size_t n;
	time_t begun; /* seconds since 1970 */
	struct record_input inputs[RECORD_INPUTS_MAX];
	size_t n_inputs;
};

/* Before anything is read for the build. Never fails: what cannot be told makes a record that is not usable. */
void record_begin(struct record *r, const struct image_build_params *p);
void record_release(struct record *r);
#define _cleanup_record_ _cleanup_(record_release)

/* Are the outputs there, and what this build would make? */
bool record_is_current(const struct record *r);

/*
 * The SHA-256 of the file that fd is, when it went into the key and has the times, size and inode of then. False: it is not known.
 */
bool record_sha256(const struct record *r, int fd, uint8_t ret[32]);

/* The output that will get this name. Before it gets it. */
void record_expect(struct record *r, const char *path, int fd);
/* When all outputs have their names. Writes the record, or removes the old one. */
void record_finish(struct record *r, const struct image_build_params *p);

#endif
