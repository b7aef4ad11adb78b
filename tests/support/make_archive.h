/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_MAKE_ARCHIVE_H
#define TESTS_SUPPORT_MAKE_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* Archives for tests, made by libarchive: harmless and hostile ones alike. Every function asserts success. */

struct archive_member {
	const char *path;
	char type; /* 'f' file, 'd' directory, 'l' symbolic link, 'h' hard link, 'c' character device, 'p' fifo */
	const char *text; /* content or link target */
	uint32_t mode;
	uint64_t zeros; /* 'f' without text: that many zero bytes */
};

/* A pax tar; filter "none", "gzip", "xz" or "zstd". */
void make_tar(struct strbuf *out, const char *filter, const struct archive_member *m, size_t n);
/* A Debian package with this architecture and data.tar.FILTER. */
void make_deb(struct strbuf *out, const char *filter, const char *arch,
	      const struct archive_member *m, size_t n);
/* An ar archive of these names and contents, in order. */
void make_ar(struct strbuf *out, const char *const *names, const struct strbuf *contents, size_t n);

#endif
