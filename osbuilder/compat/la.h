/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_LA_H
#define COMPAT_LA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

/*
 * Reading archives through libarchive; la.c is the only file that sees its headers. Compression by gzip, bzip2, xz and
 * zstd is undone in the process (no helper program is ever started). Names are bytes, whatever the locale.
 *
 * The library is loaded when the first archive is opened (la_lib.h); without it opening fails with -ENOPKG.
 */

enum la_format { LA_TAR, LA_AR, LA_RAW }; /* LA_RAW: one entry, the bytes when decompressed */

/* Against decompression bombs: -EFBIG with a message when an archive exceeds them. */
struct la_limits {
	uint64_t max_bytes; /* uncompressed bytes of the archive, and content of its entries */
	uint64_t max_entries;
};
#define LA_LIMITS_DEFAULT                  \
	{                                  \
		UINT64_C(8) << 30, 1000000 \
	}

/* Strings belong to the archive and last until the next la_next(). */
struct la_entry {
	const char *path;
	const char *hardlink; /* NULL if none */
	const char *symlink;  /* NULL if none */
	uint32_t mode;	      /* type and permissions; type S_IFREG for hard links */
	uint32_t uid, gid;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t rdev_major, rdev_minor;
	uint64_t size;
	bool sparse; /* holes: la_read_block() skips them, the last may reach the size */
};

struct la_archive;

/* Loads the library now, for whoever wants to know what the process runs with. 0 or -ENOPKG. */
int la_load(struct error *err);

/* Reads fd from its current position, which may be left anywhere; the caller keeps fd and must not close it before la_close(). */
int la_open_fd(int fd, enum la_format format, const struct la_limits *limits,
	       struct la_archive **ret, struct error *err);
/* The bytes must stay valid until la_close(). */
int la_open_memory(const void *data, size_t len, enum la_format format,
		   const struct la_limits *limits, struct la_archive **ret, struct error *err);
/*
 * Bytes that come from a function: up to len of them into buf, 0 at the end, else -errno with err filled. `data` must stay
 * valid until la_close().
 */
typedef ssize_t (*la_read_fn)(void *data, void *buf, size_t len, struct error *err);
int la_open_reader(la_read_fn fn, void *data, enum la_format format, const struct la_limits *limits,
		   struct la_archive **ret, struct error *err);
/* The content of outer's current entry as an archive of its own. Close it before outer moves on. */
int la_open_nested(struct la_archive *outer, enum la_format format, const struct la_limits *limits,
		   struct la_archive **ret, struct error *err);
/* 1: *ret_entry is filled; 0: end of the archive; else -errno. */
int la_next(struct la_archive *a, struct la_entry *ret_entry, struct error *err);
/* Up to len bytes of the current entry's content; 0 at its end; else -errno. */
ssize_t la_read(struct la_archive *a, void *buf, size_t len, struct error *err);
/*
 * The same without copying: *ret_buf lasts until the next call, *ret_at is its place in the content. Places ascend; what is between
 * is zeros, and counts for the limits. 1, 0 at the end, else -errno.
 */
int la_read_block(struct la_archive *a, const void **ret_buf, size_t *ret_len, uint64_t *ret_at,
		  struct error *err);
/*
 * Where the current entry's content begins in the file, when the archive is an uncompressed regular file and the content lies in it in
 * one piece: 1, and the content need not be read. 0: it must be read. -EBADMSG: the file ends before the content does.
 */
int la_content_at(struct la_archive *a, uint64_t *ret_offset, struct error *err);
/* Extended attributes of the current entry, one a call: 1 filled, 0 no more. */
int la_next_xattr(struct la_archive *a, const char **ret_name, const void **ret_value,
		  size_t *ret_len);
/* What has been read so far, as la_limits.max_bytes counts it. */
uint64_t la_bytes(const struct la_archive *a);
void la_close(struct la_archive *a);
static inline void la_closep(struct la_archive **a)
{
	la_close(*a);
}
#define _cleanup_la_ _cleanup_(la_closep)

#endif
