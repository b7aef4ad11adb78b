/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_ZIN_H
#define COMPAT_ZIN_H

#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

/*
 * Decompressing a part of a file piece by piece, in the process. A gzip or zstd part is exactly one member or frame, checked against
 * its checksum, so that what follows it can be something else. Of the other formats (xz, bzip2, lzma, lz4: what libarchive knows)
 * the part is all the rest of the file. A zstd frame may want a window of at most 128 MiB, as the kernel's lib/decompress_unzstd.c.
 */

enum zin_kind { ZIN_NONE, ZIN_GZIP, ZIN_ZSTD, ZIN_OTHER };
#define ZIN_MAGIC 6 /* bytes that zin_kind_of() wants */
enum zin_kind zin_kind_of(const uint8_t magic[ZIN_MAGIC]);

struct zin;
/* The caller keeps fd, and does not close it before zin_free(). */
int zin_open(int fd, uint64_t offset, enum zin_kind kind, struct zin **ret, struct error *err);
/* Up to len bytes; 0 at the end; -EBADMSG for damaged data. */
ssize_t zin_read(struct zin *z, void *buf, size_t len, struct error *err);
/* After the end: the file offset behind the part. */
uint64_t zin_end(const struct zin *z);
void zin_free(struct zin *z);
static inline void zin_freep(struct zin **z)
{
	zin_free(*z);
}

#endif
