/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_TEXT_H
#define PASS_TEXT_H

#include <stdbool.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "tree/tree.h"

/* For osbuilder/pass/ only: small text files of the tree. */

#define PASS_TEXT_MAX (1u << 20) /* bytes of a text file that a pass reads */

/* The content of the regular file that path leads to, links followed. 1, 0 when there is none, -EFBIG, -EIO, -ENOMEM. */
int pass_read_text(struct tree *t, const char *path, struct strbuf *out, struct error *err);
int pass_read_node(const struct tree_node *n, struct strbuf *out, struct error *err);
/* New content for the file that path leads to; mode and owner stay those of a file that is there, else 0644 root:root. */
int pass_write_text(struct tree *t, const char *path, const struct strbuf *text, struct error *err);
bool pass_exists(struct tree *t, const char *path); /* links followed */

/*
 * Calls fn for the regular files whose names end in `end`, of both directories in the order of their names; one in the first hides that
 * of the same name in the second. Stops and returns what fn returns when that is not 0.
 */
typedef int (*pass_conf_fn)(const struct tree_node *n, void *data, struct error *err);
int pass_for_conf_files(struct tree *t, const char *etc_path, const char *usr_path, const char *end,
			pass_conf_fn fn, void *data, struct error *err);

/*
 * Splits the next line off *text: returns it with its end (newline, carriage return, white space) cut off, NULL when there is
 * none. Writes into the buffer.
 */
char *pass_next_line(char **text);
/* Splits the next word off *line at white space; "quoted words" may hold some. NULL at the end. Writes into the buffer. */
char *pass_next_word(char **line);

#endif
