/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_APK_H
#define SOURCE_APK_H

#include "source/layer.h"
#include "source/source.h"

/*
 * For osbuilder/source/ (and its tests) only. Packages of apk-tools 2 (Alpine). Formats: wiki.alpinelinux.org "Apk spec" and
 * "Alpine package format".
 *
 * An index (APKINDEX.tar.gz) and a package are gzip members one after another: a tar with the signature of the next
 * member, the signed member, and in a package the data. The index has the SHA-1 of a package's second member (its control
 * data), which in turn has the SHA-256 of the data. All three are checked.
 */

#define APK_INDEX_MAX	 (64u << 20)	     /* bytes of an index, packed or unpacked */
#define APK_FILE_MAX	 (UINT64_C(2) << 30) /* bytes of a package file */
#define APK_DATA_MAX	 (UINT64_C(8) << 30) /* bytes of what it unpacks to */
#define APK_CONTROL_MAX	 (16u << 20)	     /* bytes of control data, unpacked */
#define APK_PACKAGES_MAX 200000		     /* in one index */
#define APK_TOKENS_MAX	 32		     /* parts of a version */
#define APK_WORD_MAX	 512		     /* bytes of a name, version or dependency */
#define APK_REPOS_MAX	 32

/* One package of an index. Strings point into the index's text. */
struct apk_package {
	const char *name, *version, *arch;
	const char *depends, *provides; /* words, "" for none */
	const char *install_if;		/* words: wanted when all of them are there; "" for never */
	uint8_t sha1[SHA_SIZE_1];	/* of the control member */
	uint64_t size;			/* bytes of the package file */
	uint32_t priority;		/* provider_priority */
	uint32_t repo;			/* which repository of the recipe */
};
struct apk_index {
	char **texts; /* owned */
	size_t n_texts;
	struct apk_package *v;
	size_t n, cap;
};
void apk_index_release(struct apk_index *x);
/*
 * Adds the packages of the text of an APKINDEX (len bytes, copied) for arch or for none. Errors name the line.
 */
int apk_index_add(struct apk_index *x, const char *text, size_t len, const char *arch,
		  uint32_t repo, struct error *err);

/* Versions as apk-tools orders them. */
int apk_version_check(const char *v, struct error *err);
/* <0, 0, >0; both must be valid. fuzzy: 0 when a starts with the parts of b ("~"). */
int apk_version_cmp(const char *a, const char *b, bool fuzzy);

#define APK_OP_LT    1u
#define APK_OP_EQ    2u
#define APK_OP_GT    4u
#define APK_OP_FUZZY 8u
/* One word of a list of dependencies. */
struct apk_dep {
	char name[APK_WORD_MAX], version[APK_WORD_MAX];
	unsigned op; /* 0: any version */
	bool conflict;
};
int apk_dep_parse(const char *word, size_t len, struct apk_dep *ret, struct error *err);
/* Is this version (NULL: provided without one) what the dependency asks for? The conflict flag is not looked at. */
bool apk_dep_matches(const struct apk_dep *d, const char *version);

/*
 * The packages that `wanted` and their dependencies need: *ret holds n indexes into x->v, sorted by name; malloc'd. A choice
 * that only a person can make, and anything that does not fit in the end, is refused.
 *
 * Of several packages that can give a name: one that is called so, before those that provide it; of these the one with the highest
 * provider_priority; of one package the highest version, from the repository that was named first. install_if is followed: what has it
 * comes along as soon as all that it names is chosen, unless `wanted` has "!NAME" or something conflicts with it.
 */
int apk_solve(const struct apk_index *x, const struct strv *wanted, size_t **ret, size_t *ret_n,
	      struct error *err);

/* A public key; its name is what signatures call it by. */
struct apk_key {
	char *name, *pem;
	size_t len;
};
struct apk_keys {
	struct apk_key *v;
	size_t n;
};
/* Splits off the first member and checks its signature of the second, whose end is *ret_end; it starts at *ret_start. */
int apk_check_signature(const void *data, size_t len, const struct apk_keys *keys,
			size_t *ret_start, size_t *ret_end, struct error *err);
/* The signed APKINDEX text of a packed index. */
int apk_index_open(struct apk_index *x, const void *data, size_t len, const struct apk_keys *keys,
		   const char *arch, uint32_t repo, struct error *err);
/* Checks a package file: size, signature, and hashes from the index on down. */
int apk_verify(const void *data, size_t len, const struct apk_package *p,
	       const struct apk_keys *keys, struct error *err);
/* A package file as a layer. It has been checked: signatures are passed over. `arch` NULL: any. */
int apk_read(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
	     const char *arch, struct source_package_info *ret, struct error *err);

#endif
