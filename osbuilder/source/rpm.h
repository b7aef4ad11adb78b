/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_RPM_H
#define SOURCE_RPM_H

#include "source/source.h"

/*
 * For osbuilder/source/ (and its tests) only. dnf as a resolver and fetcher: it runs as the calling user with a
 * configuration, caches and an empty root of its own below the cache directory. rpmkeys checks every package against the
 * recipe's keys and nothing else, as dnf does not check what it only downloads. Unpacking is ours.
 */

#define RPM_FILE_MAX  (UINT64_C(2) << 30) /* bytes of a package file */
#define RPM_REPOS_MAX 32

/* One package as `rpm -q` tells it. */
struct rpm_info {
	char name[128], version[128], arch[32];
};

/* File names of a list of addresses, one a line; each must be a plain name that ends in ".rpm". Sorted. */
int rpm_parse_urls(const char *text, struct strv *ret, struct error *err);
/*
 * Reads what RPM_QUERY prints for one package. `plain_owners`: a file that is not root's or has capabilities is taken as a
 * plain file of root; without it, the first one is refused by name (-ENOTSUP).
 */
#define RPM_QUERY                                    \
	"P\\t%{NAME}\\t%{EVR}\\t%{ARCH}\\n"          \
	"[F\\t%{FILEUSERNAME}\\t%{FILEGROUPNAME}\\t" \
	"%{FILECAPS}\\t%{FILENAMES}\\n]"
int rpm_parse_query(const char *text, bool plain_owners, struct rpm_info *ret, struct error *err);
/* The payload of a package file into the tree. */
int rpm_unpack_fd(struct tree *t, int fd, struct error *err);

#endif
