/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_AGENT_CTL_LINE_H
#define TOOLS_AGENT_CTL_LINE_H

#include "base/error.h"
#include "base/strv.h"

/*
 * One command as it is typed:
 *
 *	NAME [file://PATH] [PATH=VALUE]... [WORD]... [json://{...}]
 *
 * Words are parted by white space; quotes ('...' as it is, "..." with \" and \\) and a backslash keep it inside a word. Where a word
 * begins with json://, the rest of the line is the JSON text, with nothing to quote. A line that is empty or begins with # has no name.
 */
#define CTL_LINE_MAX  (8u << 20) /* bytes; a message of 4 MiB as base64 fits */
#define CTL_WORDS_MAX 1024

struct ctl_line {
	char *name; /* NULL: nothing to do */
	struct strv words;
	char *json; /* after json://; NULL: none */
};
#define CTL_LINE_INIT                 \
	{                             \
		NULL, STRV_INIT, NULL \
	}

/* -EINVAL for an open quote, -E2BIG over a limit, -ENOMEM. */
int ctl_line_parse(const char *text, struct ctl_line *ret, struct error *err);
void ctl_line_release(struct ctl_line *l);
#define _cleanup_ctl_line_ _cleanup_(ctl_line_release)

/* The line after its first word, raw: what `repeat`, `expect` and `echo` take. */
const char *ctl_line_rest(const char *text);

#endif
