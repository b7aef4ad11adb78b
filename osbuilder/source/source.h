/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"
#include "codec/sha.h"
#include "progress.h"
#include "tree/tree.h"

/*
 * Sources: what puts files into a tree. One const ops table and one file each; source_load() finds the one that a recipe
 * names. Sources are applied in the recipe's order with the replace rules of tree_add(), symbolic links of the tree that
 * are directories (the merged /usr) being followed.
 *
 *   deb   packages of a Debian archive: apt resolves, fetches and verifies in a private root, unpacking is ours
 *   dir   a directory of this machine
 *   tar   a tar file, plain or compressed by gzip, bzip2, xz or zstd
 *   file  one file of this machine
 *   modules  the kernel modules in a directory that is named as the kernel version is
 *   apk   packages of Alpine: index and package signatures are checked, resolving and unpacking are ours
 *   rpm   packages by dnf (resolves, fetches) and rpmkeys (verifies), both in a private root; unpacking is ours
 *   oci   a container image: an OCI image layout, as a directory or a tar of one
 */

#define SOURCE_PACKAGES_MAX 4096 /* in one image */

/* One installed package, for the manifest. Strings are owned. */
struct source_package {
	char *name, *version, *arch;
	char sha256[2 * SHA_SIZE_256 + 1]; /* of the package file */
	const char *
		type; /* of its source, which is purl's word for the kind: "deb", "apk"; a constant; NULL: not known */
};
struct source_packages {
	struct source_package *v;
	size_t n, cap;
};
void source_packages_release(struct source_packages *p);
/* Copies the strings; 0 or -ENOMEM. p may be NULL. */
int source_packages_add(struct source_packages *p, const char *name, const char *version,
			const char *arch, const char *sha256);

/* What a recipe says about one source. Unused fields are NULL or empty. Owned by the recipe. */
struct source_spec {
	char *type;
	char *path;    /* dir, tar, file, oci: relative to the recipe's directory, or absolute */
	char *target;  /* directory of the image the content goes to ("/"); file: the file itself */
	uint32_t mode; /* file: permissions, 0644 by default */
	struct strv suites; /* deb: "bookworm", "bookworm-updates", ... */
	struct strv components;
	struct strv packages;	  /* deb: names as apt takes them; apk: names, or name>=version */
	struct strv repositories; /* apk: addresses or directories that hold ARCH/APKINDEX.tar.gz */
	char *release;		  /* rpm: what $releasever stands for; NULL: none */
	bool plain_owners;	  /* rpm: users and groups that no package makes stand for root */
	struct strv keys; /* apk: public keys (PEM), files relative to the recipe's directory */
	struct strv
		omit; /* deb: dependencies that are resolved but not unpacked (dpkg, debconf, ...) */
	char *mirror; /* deb: NULL: the Debian mirrors this machine is configured for, else deb.debian.org */
	char *security_mirror; /* deb: for suites that end in "-security"; NULL: as mirror */
	char *keyring;	 /* deb: trusted keys; NULL: Debian's archive keyring of this machine */
	char *reference; /* oci: name or digest of the image in the layout; NULL: the only one */
};

struct lock_source;
struct source_env {
	const char *arch;		  /* "x86_64" ... */
	int dirfd;			  /* the recipe's directory */
	const char *cache_dir;		  /* absolute; made when missing */
	bool offline;			  /* use only what the cache holds */
	struct source_packages *packages; /* filled by deb */
	const struct lock_source *lock;	  /* exactly what this says; NULL: what is found now */
	struct progress *progress;	  /* may be NULL */
};

struct source_ops {
	const char *name;
	int (*load)(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err);
	/* Fills what a lock file pins of it; NULL for sources that are files of this machine. */
	int (*lock)(const struct source_spec *s, const struct source_env *env,
		    struct lock_source *ret, struct error *err);
	bool tells_stages; /* load() tells env->progress its stages; the others are one stage */
};
extern const struct source_ops source_deb, source_dir, source_tar, source_file, source_modules,
	source_oci, source_rpm, source_apk;

/* NULL for a type that does not exist. */
const struct source_ops *source_find(const char *type);
/* Errors start with "source TYPE". */
int source_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		struct error *err);

/* "amd64" for "x86_64" and so on; NULL for an architecture without a name in Debian. */
const char *source_debian_arch(const char *arch);

/*
 * Archive readers that others use on their own.
 *
 * Unpacks a tar stream from fd. Refused, with the entry named: absolute names, "..", names through symbolic links that
 * leave the tree, names or paths over the limits, hard links to what is not there, directories replaced by files, and
 * archives over LA_LIMITS_DEFAULT. Contents of an uncompressed tar in a regular file are not copied: they stay in the file, which must
 * not change while the tree lives. The place of fd in the file may be left anywhere.
 */
struct la_entry;
struct source_unpack {
	const char *target; /* directory of the tree, "" for the root */
	/* Asked before an entry is added at `path` of the tree: 0 add it, 1 pass over it, -errno. NULL: all are added. */
	int (*filter)(struct tree *t, const char *path, const struct la_entry *e, void *data,
		      struct error *err);
	void *data;
};
int source_unpack_tar_fd(struct tree *t, int fd, const struct source_unpack *u, struct error *err);

/* What a package file says that it is, in its own words: "amd64" of a Debian package. */
struct source_package_info {
	char name[128], version[128], arch[32];
};
/*
 * Unpacks a binary package (deb(5), format 2.0) from memory. Its scripts are not run. When deb_arch is given, a package
 * of another architecture (and not "all") is refused.
 */
int source_unpack_deb(struct tree *t, const void *data, size_t len, const char *deb_arch,
		      struct source_package_info *ret, struct error *err);

/* Directory walks. */
struct source_dir_params {
	/*
	 * What a checkout keeps, whoever made it, when and where: directories 0755, files 0755 or 0644, everything root's, no
	 * extended attributes, times TREE_MTIME_BUILD.
	 */
	bool plain;
	bool own_as_root; /* without plain: what belongs to the caller's effective uid/gid becomes root's */
	const char *target;
};
/*
 * Adds everything below dirfd. Content stays on disk (BLOB_PATH) and must not change before the tree is written; dirfd is
 * duplicated. Hard links are found again, extended attributes of the classes user, trusted and security and ACLs are kept. What
 * cannot be read is one error that names the first of them.
 */
int source_add_dir(struct tree *t, int dirfd, const struct source_dir_params *p, struct error *err);

#endif
