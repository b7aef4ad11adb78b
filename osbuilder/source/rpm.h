/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_RPM_H
#define SOURCE_RPM_H

#include "source/layer.h"
#include "source/rpm_header.h"
#include "source/source.h"

/*
 * For osbuilder/source/ (and its tests) only. dnf as a resolver and fetcher: it runs as the calling user with a
 * configuration, caches and an empty root of its own below the cache directory. rpmkeys checks every package against the
 * recipe's keys and nothing else, as dnf does not check what it only downloads. Unpacking is ours.
 */

#define RPM_FILE_MAX  (UINT64_C(2) << 30) /* bytes of a package file */
#define RPM_REPOS_MAX 32

/* File names of a list of addresses, one a line; each must be a plain name that ends in ".rpm". Sorted. */
int rpm_parse_urls(const char *text, struct strv *ret, struct error *err);

/*
 * A package file as a layer. Owners stay names (struct layer_entry); what rpm calls ghosts is left out; file capabilities become
 * the attribute security.capability. Errors name the entry. `arch` NULL: any.
 */
int rpm_read(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
	     const char *arch, struct source_package_info *ret, struct error *err);

/* The contents of the payload, compressed or not, for the files of the header. */
int rpm_payload_read(const void *data, size_t len, const struct la_limits *limits,
		     struct rpm_files *files, struct layer_spool *spool, struct error *err);

#endif
