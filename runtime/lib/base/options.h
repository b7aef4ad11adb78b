/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stdbool.h>
#include "base/error.h"
#include "base/strbuf.h"

/*
 * Command-line options by table, as Go programs (and so upstream's callers) write them: -name, --name, --name=value, --name value, -n
 * value; a flag also as --flag=true|false. Parsing ends at the first argument that is no option, or after "--".
 */
enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *, points into argv */
	OPTION_LIST, /* const char *[OPTION_LIST_MAX + 1], NULL ended; may be given again and again */
};
#define OPTION_LIST_MAX 256

struct option_def {
	const char *name;
	const char *alias; /* second name, mostly one letter; NULL: none */
	enum option_kind kind;
	void *dest;
	const char *value; /* name of the value, for help */
	const char *help;  /* NULL: accepted, not shown */
};

/*
 * Parses argv[1..]. *ret_next is the index of the first argument that is not an option. -EINVAL: "flag provided but not
 * defined: -x", "flag needs an argument: -x", as Go's flag package says it.
 */
int options_parse(const struct option_def *defs, size_t n, int argc, char **argv, int *ret_next,
		  struct error *err);
/* Lines of help for the table. */
int options_help(const struct option_def *defs, size_t n, struct strbuf *out);

#endif
