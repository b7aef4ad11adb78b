/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_LOCK_H
#define SOURCE_LOCK_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "source/source.h"
#include "source/store.h"

/*
 * RECIPE/lock-ARCH.toml: the exact packages of a recipe's package sources, so that a build needs no resolver and cannot get others.
 *
 *	format = 1
 *	recipe = "debian"
 *	architecture = "x86_64"
 *
 *	[[source]]				# one for each "deb" source of the recipe, in its order
 *	suites = ["bookworm"]			# what was asked for: a recipe that asks for something else does not fit
 *	components = ["main"]
 *	packages = ["bash"]
 *	resolved = [				# sorted by name, then architecture; each once
 *		{ name = "bash", version = "5.2.15-2+b8", architecture = "amd64", size = 1490724, sha256 = "...",
 *		  path = "pool/main/b/bash/bash_5.2.15-2%2bb8_amd64.deb" },
 *	]
 *
 * `path` is below any mirror of the suites, as it stands in a URI. Everything is in order and there is no time in it: the same packages
 * give the same bytes. An unknown key is an error.
 */

#define LOCK_FORMAT   1
#define LOCK_PATH_MAX 1024 /* bytes of a package's path */
#define LOCK_WORD_MAX 128  /* bytes of a name, version or architecture */

/* One package file of an archive; also what apt says when it resolves. Strings are owned. */
struct lock_package {
	char *name, *version, *arch; /* arch in the archive's words: "amd64", "all" */
	char *path; /* below the archive's base URI; NULL when apt uses a mirror that has none */
	char *uri;  /* where apt found it; NULL when it comes from a file */
	uint64_t size;
	char sha256[STORE_SHA_LEN + 1];
};
struct lock_packages {
	struct lock_package *v;
	size_t n, cap;
};
void lock_packages_release(struct lock_packages *p);
/* Appends an empty one; NULL when memory is out. */
struct lock_package *lock_packages_add(struct lock_packages *p);
/* By name, then architecture. */
void lock_packages_sort(struct lock_packages *p);

struct lock_source {
	struct strv suites, components, packages;
	struct lock_packages resolved;
};
struct lock {
	char *file; /* for messages */
	char *recipe, *arch;
	struct lock_source *sources;
	size_t n, cap;
};
void lock_release(struct lock *l);
#define _cleanup_lock_ _cleanup_(lock_release)

/* "lock-x86_64.toml", or with a variant of the recipe "lock-x86_64-systemd.toml"; malloc'd. */
char *lock_file_name(const char *arch, const char *variant);
/* A source that lock files pin: fetched from an archive. The others are this machine's files. */
bool lock_wants(const struct source_spec *s);
/* Adds a source that asks for what `s` does; NULL when memory is out. */
struct lock_source *lock_add_source(struct lock *l, const struct source_spec *s);

/* `name` stands for the text in messages. -EINVAL, -EFBIG, -ENOMEM. */
int lock_parse(const char *text, size_t len, const char *name, struct lock *ret, struct error *err);
int lock_to_toml(const struct lock *l, struct strbuf *out, struct error *err);
/* -ESTALE with a list of what differs when the lock was made for other wishes than those of this source. */
int lock_check(const struct lock *l, const struct lock_source *ls, const struct source_spec *s,
	       struct error *err);

#endif
