/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdio.h>
#include <sys/stat.h>
#include "base/error.h"
#include "base/strbuf.h"

/*
 * Whole files. dirfd may be AT_FDCWD. Errors name the path.
 */

/* Reads a file of at most `max` bytes (-EFBIG beyond, with the limit in the message). */
int file_read(int dirfd, const char *path, size_t max, struct strbuf *out, struct error *err);
/* Writes in place without creating (for /proc, /sys and cgroup files). */
int file_write_existing(int dirfd, const char *path, const char *text, struct error *err);

/*
 * Atomic output: a temporary name beside the target, fsynced and renamed by commit. What is not committed is removed by
 * release, so an interrupted build leaves nothing half-made (SIGKILL leaves a name that starts with ".tmp-").
 */
struct file_out {
	int fd;	    /* write here; -1 when unset */
	int dirfd;  /* directory of the target, owned */
	char *name; /* final name inside dirfd */
	char *tmp;  /* temporary name inside dirfd */
};
#define FILE_OUT_INIT              \
	{                          \
		-1, -1, NULL, NULL \
	}
int file_out_open(struct file_out *o, int dirfd, const char *path, mode_t mode, struct error *err);
/*
 * Starts writing to the disk what commit will wait for, and does not wait. Done for all of several files before the first of them is
 * committed, they share the journal commit of most file systems. One that is not open is passed over.
 */
void file_out_start_sync(const struct file_out *o);
int file_out_commit(struct file_out *o, struct error *err);
/*
 * As commit, without fsync: for a file that its readers check, such as a cache's; after a power failure it may be empty or have holes.
 * *ret_fd (may be NULL) is the file's descriptor, the caller's from now on.
 */
int file_out_publish(struct file_out *o, int *ret_fd, struct error *err);
void file_out_release(struct file_out *o);
#define _cleanup_file_out_ _cleanup_(file_out_release)
/* All of it in one call. */
int file_write_atomic(int dirfd, const char *path, mode_t mode, const void *data, size_t len,
		      struct error *err);

/*
 * rm -rf below dirfd, without following links. What is mounted there is never entered: -EXDEV, and the same when path itself is
 * a mount point. A missing path is success.
 */
int file_remove_tree(int dirfd, const char *path, struct error *err);
/* mkdir -p with the mode for every directory it makes. */
int file_mkdir_p(int dirfd, const char *path, mode_t mode, struct error *err);

#endif
