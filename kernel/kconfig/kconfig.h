/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_KCONFIG_H
#define KCONFIG_KCONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/strbuf.h"

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
 */

#define KCONFIG_FILE_MAX  (1u << 20) /* bytes of one file */
#define KCONFIG_LINE_MAX  4096	     /* bytes of one line */
#define KCONFIG_NAME_MAX  128	     /* bytes of a name without CONFIG_ */
#define KCONFIG_COUNT_MAX 65536	     /* options of one set; the kernel has about 16000 */

struct kconfig_option {
	char *name;	  /* without CONFIG_; owned */
	char *value;	  /* as written, strings with their quotes; owned */
	const char *file; /* where it was set first; belongs to the set */
	unsigned int line;
};

/* Options sorted by name, each once. */
struct kconfig {
	struct kconfig_option *v;
	size_t n;
	size_t cap;
	char **files;
	size_t n_files;
	size_t cap_files;
};
#define KCONFIG_INIT                   \
	{                              \
		NULL, 0, 0, NULL, 0, 0 \
	}

void kconfig_release(struct kconfig *kc);
#define _cleanup_kconfig_ _cleanup_(kconfig_release)

/*
 * Adds the options of a text. `file` is only named in errors and kept with the options. An option that the set already has with
 * another value is -EEXIST, and the message names both places; with the same value it is accepted. -EINVAL for a malformed line
 * ("FILE:LINE: ..."), -EFBIG above the limits, -ENOMEM. After a failure the set may hold a part of the text.
 */
int kconfig_parse(struct kconfig *kc, const char *file, const char *text, size_t len,
		  struct error *err);

/* kconfig_parse() of a file. */
int kconfig_load(struct kconfig *kc, const char *path, struct error *err);

/* The option of that name (without CONFIG_), or NULL. */
const struct kconfig_option *kconfig_find(const struct kconfig *kc, const char *name);

/* Writes the set in Kconfig's form, one line each, sorted by name. 0 or -ENOMEM. */
int kconfig_write(const struct kconfig *kc, struct strbuf *out);

/*
 * Compares what was wanted with what Kconfig made of it: every wanted option must have exactly the wanted value; an option that the
 * result does not have counts as "n". Differences are added to `table` as lines of option, place, wanted and got, under a heading;
 * *ret_bad is their number. 0 or -ENOMEM.
 */
int kconfig_compare(const struct kconfig *want, const struct kconfig *got, struct strbuf *table,
		    size_t *ret_bad);

#endif
