/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_APT_H
#define SOURCE_APT_H

#include "base/strbuf.h"
#include "source/lock.h"
#include "source/source.h"
#include "source/store.h"

/*
 * For osbuilder/source/ (and its tests) only. apt as a resolver and fetcher: it runs as the calling user with a
 * configuration, package lists, status file and archive directory of its own below the cache directory, so that neither
 * privilege nor the host's package state matter. It checks the archive's signatures; it never unpacks or runs anything.
 */

#define APT_DEFAULT_MIRROR	    "http://deb.debian.org/debian"
#define APT_DEFAULT_SECURITY_MIRROR "http://deb.debian.org/debian-security"
#define APT_DEFAULT_KEYRING	    "/usr/share/keyrings/debian-archive-keyring.gpg"
#define APT_SOURCES_FILE_MAX	    (1u << 20) /* bytes of one of the host's sources files */

/*
 * The text of a deb822 sources file for what the recipe asks. With spec->mirror it is that one. Otherwise the entries of
 * etc_apt ("/etc/apt": sources.list, sources.list.d) for the recipe's suites are taken; only their URIs are, components
 * and keyring are the recipe's. Entries that are disabled or signed by a key that is not Debian's are passed over. When
 * the host has none for the first suite, Debian's public mirror is used for all; a later suite that the host lacks is
 * left out.
 */
int apt_sources_text(const struct source_spec *s, const char *etc_apt, struct strbuf *out,
		     struct error *err);

/* The words of the fields with this name ("Suites:") in such a text, each once, without a slash at the end. */
int apt_field_words(const char *sources, const char *field, struct strv *ret, struct error *err);
/* The base URIs in such a text, each once, without a slash at the end. */
int apt_base_uris(const char *sources, struct strv *ret, struct error *err);

/*
 * Fetches the package lists (not when env->offline) and resolves s->packages with their dependencies (not their recommendations).
 * *ret is sorted; hashes and sizes are those of the signed index. Downloads no package.
 */
int apt_resolve(const struct source_spec *s, const struct source_env *env,
		struct lock_packages *ret, struct error *err);

/*
 * Brings these package files into the store; who has no URI is tried below each mirror. -ESTALE with a list when some are not to be
 * had with the size and hash they should have; what was fetched stays in the store.
 */
int apt_download(const struct source_spec *s, const struct source_env *env, const struct store *st,
		 const struct lock_package *const *want, size_t n, struct error *err);

/*
 * Reads the output of `apt-get --print-uris`: lines of 'URI' NAME SIZE SHA256:HEX, NAME being "name_version_arch.deb" with a colon in the
 * version as %3a. The path is what is left of the URI behind the longest of `bases`, NULL when it lies below none.
 */
int apt_parse_uris(const char *text, const struct strv *bases, struct lock_packages *ret,
		   struct error *err);

#endif
