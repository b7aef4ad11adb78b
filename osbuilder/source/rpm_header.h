/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_RPM_HEADER_H
#define SOURCE_RPM_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/error.h"
#include "tree/blob.h"

/*
 * For osbuilder/source/ (and its tests) only. What an RPM package says about itself and its files (rpm.org "RPM V4 Package format";
 * Linux Standard Base 4.1, chapter 22): a lead, a header of signatures, a header of tags, the payload. All numbers are big-endian.
 * Packages are not trusted: every offset and count is checked, a value of another type than its tag has is refused.
 */

#define RPM_LEAD_SIZE	    96		/* bytes */
#define RPM_HEADER_TAGS_MAX 0xffffu	/* rpm's own limits (lib/header_internal.h) */
#define RPM_HEADER_DATA_MAX 0x0fffffffu /* bytes of values of one header */
#define RPM_FILES_MAX	    1000000	/* in one package */
#define RPM_FLAG_GHOST	    (1u << 6) /* belongs to the package, but is not in it (RPMFILE_GHOST) */

/* A header inside the bytes of a package. */
struct rpm_header {
	const uint8_t *index; /* n_tags entries of 16 bytes: tag, type, offset, count */
	uint32_t n_tags;
	const uint8_t *data;
	uint32_t data_len;
};
/* The main header of a binary package and where its payload starts. A source package is refused. */
int rpm_header_open(const void *data, size_t len, struct rpm_header *ret, size_t *ret_payload,
		    struct error *err);

/* Name, "epoch:version-release" (no epoch: without it) and architecture; in the arena, checked to be plain words. */
struct rpm_name {
	const char *name, *version, *arch;
};
int rpm_header_name(const struct rpm_header *h, struct arena *a, struct rpm_name *ret,
		    struct error *err);

struct rpm_file {
	const char *path; /* relative to the root */
	const char *user, *group;
	const char *link; /* symbolic link: its target */
	const char *caps; /* file capabilities as text, "" for none */
	uint32_t mode, flags;
	uint32_t rdev;	     /* major in bits 8 to 15, minor in 0 to 7 */
	uint32_t dev, inode; /* equal for hard links of each other */
	uint32_t mtime;
	uint64_t size;
	uint32_t
		first_link; /* number of the first file, in the header's order, of those that are hard links of each other */
	bool is_last_link; /* of them */
	struct blob content;
	bool has_content; /* the payload had it */
	bool in_payload;  /* the payload had the entry */
};
/* All files in the header's order; a path that leaves the root or is there twice is refused. */
struct rpm_files {
	struct arena arena; /* of the strings */
	struct rpm_file *v;
	size_t n;
	struct rpm_file **sorted; /* by path */
};
void rpm_files_release(struct rpm_files *f);
int rpm_header_files(const struct rpm_header *h, struct rpm_files *ret, struct error *err);
/* NULL when there is none. */
struct rpm_file *rpm_files_find(const struct rpm_files *f, const char *path);

#endif
