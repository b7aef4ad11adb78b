/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_MAKE_RPM_H
#define TESTS_SUPPORT_MAKE_RPM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/strbuf.h"

/* RPM packages for tests, harmless and hostile ones alike. Every function asserts success. */

struct rpm_member {
	const char *path; /* absolute; its directory and name are split at the last slash */
	uint32_t mode;
	const char *text;	  /* content, or link target */
	const char *user, *group; /* NULL: root */
	const char *caps;
	uint32_t flags;
	uint32_t inode;	     /* 0: one of its own */
	const char *name;    /* in the payload instead of ".PATH"; "": not in it */
	uint64_t size_added; /* to the header's size */
};
struct rpm_made {
	const char *name, *arch; /* NULL: "test", "noarch" */
	uint32_t epoch;		 /* 0: none */
	const char *filter;	 /* NULL: none, else "gzip", "xz", "zstd", "bzip2" */
	bool long_sizes;	 /* the form for large files */
	bool source;
	const struct rpm_member *v;
	size_t n;
};
void make_rpm(struct strbuf *out, const struct rpm_made *m);

#endif
