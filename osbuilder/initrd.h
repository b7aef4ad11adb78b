/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_INITRD_H
#define OSBUILDER_INITRD_H

#include "base/error.h"
#include "progress.h"
#include "tree/tree.h"
#include "writer/writer.h"

/*
 * The initrd of a guest, for those who build one and those who put another agent into it. Compressed, it consists of parts, each of
 * whole gzip members or zstd frames: everything else, kernel modules, the summary of the build, the agent. Changing the agent changes
 * the end of the file only, changing a module at most what begins with its part.
 */
#define INITRD_SUMMARY_PATH "/var/lib/osbuilder/osbuilder.yaml"

struct initrd_params {
	int64_t epoch;
	enum writer_compression compression; /* at its usual level */
	bool drop_xattrs;		     /* with a warning each */
	const char *agent_path;		     /* in the tree; may be NULL */
	struct progress *progress;	     /* may be NULL */
};
/* Writes to fd from its begin on. */
int initrd_write(struct tree *t, const struct initrd_params *p, int fd, struct error *err);

/* How an initrd that initrd_write() made is compressed. */
int initrd_compression(int fd, enum writer_compression *ret, struct error *err);

#endif
