/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_KCONFIG_H
#define KCONFIG_KCONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "base/strv.h"

/*
 * Sets of kernel configuration options, read from fragments or from the .config that Kconfig wrote.
 *
 * The text form is Kconfig's own (Linux, Documentation/kbuild/kconfig.rst and scripts/kconfig/confdata.c): one option a line,
 *
 *	CONFIG_NAME=y | n | m | 123 | -123 | 0x1f | "text with \" and \\"
 *	# CONFIG_NAME is not set
 *
 * and comments and empty lines between. "=n" and "is not set" are the same and are kept as the value "n". A comment that is nearly
 * an option ("#CONFIG_A is not set", "# CONFIG_A=y") is refused, since it would be dropped in silence.
 *
 * Our fragments say in two kinds of comment what a program must know, too:
 *
 *	#: NAME: what does not work without it	the options up to the next such line are those of the feature NAME
 *	#: NAME					more options of a feature that is described elsewhere
 *	# !TAG					the whole file is left out when TAG is among the tags (as in upstream's fragments);
 *						tags are the architecture and the build type
 */

#define KCONFIG_FILE_MAX     (1u << 20) /* bytes of one file */
#define KCONFIG_LINE_MAX     4096	/* bytes of one line */
#define KCONFIG_NAME_MAX     128	/* bytes of a name without CONFIG_ */
#define KCONFIG_COUNT_MAX    65536	/* options of one set; the kernel has about 16000 */
#define KCONFIG_FEATURES_MAX 1024	/* features of one set */
#define KCONFIG_TAG_MAX	     32		/* bytes of a tag */

struct kconfig_feature {
	char *name;	  /* letters, digits, '-', '_', '.'; owned */
	char *breaks;	  /* what does not work without it; NULL until a line says it; owned */
	const char *file; /* where it was named first; belongs to the set */
	unsigned int line;
};

struct kconfig_option {
	char *name;	  /* without CONFIG_; owned */
	char *value;	  /* as written, strings with their quotes; owned */
	const char *file; /* where it was set; belongs to the set */
	unsigned int line;
	int feature; /* index into the set's features; -1: of none */
};

/* Options sorted by name, each once: what was set first counts. */
struct kconfig {
	struct kconfig_option *v;
	size_t n;
	size_t cap;
	struct kconfig_option *again; /* what sets an option once more, in the order read */
	size_t n_again, cap_again;
	struct kconfig_feature *features; /* in the order read */
	size_t n_features, cap_features;
	char **files;
	size_t n_files;
	size_t cap_files;
};
#define KCONFIG_INIT                                           \
	{                                                      \
		NULL, 0, 0, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0 \
	}

void kconfig_release(struct kconfig *kc);
#define _cleanup_kconfig_ _cleanup_(kconfig_release)

/*
 * Adds the options of a text. `file` is only named in errors and kept with the options. An option that the set already has goes to
 * `again`; kconfig_compare() says what to think of it. -EINVAL for a malformed line ("FILE:LINE: ..."), -EFBIG above the limits,
 * -ENOMEM. After a failure the set may hold a part of the text.
 */
int kconfig_parse(struct kconfig *kc, const char *file, const char *text, size_t len,
		  struct error *err);

/* kconfig_parse() of a file. */
int kconfig_load(struct kconfig *kc, const char *path, struct error *err);

/* The same for a fragment of ours, unless it has one of the tags (then 0, nothing added). Options outside a feature are -EINVAL. */
int kconfig_load_fragment(struct kconfig *kc, const char *path, const struct strv *tags,
			  struct error *err);

/* After the last fragment: -EINVAL when a feature is named and nowhere described. */
int kconfig_check_features(const struct kconfig *kc, struct error *err);

/* The option of that name (without CONFIG_), or NULL. */
const struct kconfig_option *kconfig_find(const struct kconfig *kc, const char *name);

/* Writes the set in Kconfig's form, one line each, sorted by name. 0 or -ENOMEM. */
int kconfig_write(const struct kconfig *kc, struct strbuf *out);

/*
 * Compares what was wanted with what Kconfig made of it: every wanted option must have exactly the wanted value (an option that the
 * result does not have counts as "n"), and must be set in one place only: what sets it again is redundant (the same value) or
 * redefines it. Faults are added to `table` as lines of option, place, wanted value and what is wrong, under a heading; *ret_bad is
 * their number. got may be NULL: then only the wanted set is judged. 0 or -ENOMEM.
 */
int kconfig_compare(const struct kconfig *want, const struct kconfig *got, struct strbuf *table,
		    size_t *ret_bad);

#endif
