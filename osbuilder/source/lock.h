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
 * RECIPE/lock-ARCH.toml: the exact packages of a recipe's package sources, and the exact container images, so that a build needs no
 * resolver and cannot get others.
 *
 *	format = 1
 *	recipe = "debian"
 *	architecture = "x86_64"
 *
 *	[[source]]				# one for each source of the recipe that can be locked, in its order
 *	type = "deb"				# may be left out: "deb" is meant then
 *	suites = ["bookworm"]			# what was asked for: a recipe that asks for something else does not fit
 *	components = ["main"]
 *	packages = ["bash"]
 *	resolved = [				# sorted by name, then architecture; each once
 *		{ name = "bash", version = "5.2.15-2+b8", architecture = "amd64", size = 1490724, sha256 = "...",
 *		  path = "pool/main/b/bash/bash_5.2.15-2%2bb8_amd64.deb" },
 *	]
 *	[[source]]
 *	type = "apk"
 *	repositories = ["https://dl-cdn.alpinelinux.org/alpine/v3.20/main"]  packages = ["bash"]  resolved = [...]
 *	[[source]]
 *	type = "rpm"
 *	repositories = ["https://..."]  release = "41"  packages = ["bash"]  resolved = [...]
 *	[[source]]
 *	type = "oci"
 *	path = "image"  reference = "v1"	# as the recipe says them
 *	digest = "sha256:..."			# of the manifest, which has those of all that belongs to it
 *
 * `path` of a package is below any mirror of the suites (deb) or any of the repositories (apk), as it stands in a URI; for rpm it is the
 * file's name. Everything is in order and there is no time in it: the same packages give the same bytes. An unknown key is an error.
 *
 * The hash of a package is that of the whole file. It was written when the file's signature, or that of the index that names it, had
 * been checked; a build from a lock file checks the hash and no signature.
 */

#define LOCK_FORMAT   1
#define LOCK_PATH_MAX 1024 /* bytes of a package's path */
#define LOCK_WORD_MAX 128  /* bytes of a name, version or architecture */
#define LOCK_TEXT_MAX 4096 /* bytes of an address or path of the recipe */

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

/*
 * 0 when all are `done`; else -ESTALE with the names of the first that are not, and why (NULL: they are offered with other content).
 */
int lock_packages_missing(const struct lock_package *const *want, const bool *done, size_t n,
			  const char *why, struct error *err);

/* The wishes, as in struct source_spec, and what they led to. Strings are owned, NULL where the kind of source has none. */
struct lock_source {
	char *type;
	struct strv suites, components, repositories, packages;
	char *release, *path, *reference;
	struct lock_packages resolved;
	char *digest; /* oci */
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
/* A source that lock files pin. The others are this machine's files. */
bool lock_wants(const struct source_spec *s);
/* Adds a source that asks for what `s` does; NULL when memory is out. */
struct lock_source *lock_add_source(struct lock *l, const struct source_spec *s);

/* `name` stands for the text in messages. -EINVAL, -EFBIG, -ENOMEM. */
int lock_parse(const char *text, size_t len, const char *name, struct lock *ret, struct error *err);
int lock_to_toml(const struct lock *l, struct strbuf *out, struct error *err);
/*
 * What moved from one lock file to another of the same recipe: lines "- bash 5.2.15-2+b7 amd64", "+ bash 5.2.15-2+b8 amd64", or of an image
 * its path and digest; sorted as the lock files are. A package of the same version with other content has its hash in the line, too.
 */
int lock_moved(const struct lock *from, const struct lock *to, struct strbuf *out);
/* -ESTALE with a list of what differs when the lock was made for other wishes than those of this source. */
int lock_check(const struct lock *l, const struct lock_source *ls, const struct source_spec *s,
	       struct error *err);

#endif
