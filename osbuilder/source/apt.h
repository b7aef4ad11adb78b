/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_APT_H
#define SOURCE_APT_H

#include "base/strbuf.h"
#include "source/source.h"

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

struct apt_file {
	char *name; /* in the archives directory */
	uint64_t size;
	char sha256[2 * SHA_SIZE_256 + 1]; /* from the signed index */
};
struct apt_files {
	struct apt_file *v;
	size_t n, cap;
};
void apt_files_release(struct apt_files *f);

/*
 * Resolves s->packages with their dependencies (not their recommendations) and downloads what the cache lacks. On success
 * files are sorted by name and lie in *ret_dir (malloc'd path); their hashes are not checked here.
 */
int apt_fetch(const struct source_spec *s, const struct source_env *env, struct apt_files *ret,
	      char **ret_dir, struct error *err);

/* Reads the output of `apt-get --print-uris`: lines of 'URI' NAME SIZE SHA256:HEX. */
int apt_parse_uris(const char *text, struct apt_files *ret, struct error *err);

#endif
