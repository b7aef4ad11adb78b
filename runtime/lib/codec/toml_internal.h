/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_TOML_INTERNAL_H
#define CODEC_TOML_INTERNAL_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "codec/toml.h"

/*
 * Private to codec/toml*.c: what the parser's files share.
 */

#define TOML_HASH_BUCKETS 4096

struct toml_doc {
	struct arena arena;
	char *name;
	struct toml_value *root;
	size_t n_values;
	struct toml_value *buckets[TOML_HASH_BUCKETS]; /* members of tables by (table, key) */
};

/* toml_value.flags: how a table or array came to be decides who may add to it later. */
#define TOML_F_IMPLICIT 0x01u /* table on the way to a header's name: [a.b] makes a */
#define TOML_F_HEADER	0x02u /* table named by a header */
#define TOML_F_DOTTED	0x04u /* table made by a dotted key */
#define TOML_F_INLINE	0x08u /* { } or [ ]: complete where it stands */
#define TOML_F_TABLES	0x10u /* array made by [[header]] */

/* A position in the text, advanced in step with the parser so that finding lines and columns is linear in sum. */
struct toml_cursor {
	const char *at;
	unsigned int line, column;
};

struct toml_parser {
	struct toml_doc *doc;
	const char *start, *p, *end;
	struct toml_cursor cursor;
	struct strbuf scratch;
	struct error *err;
};

/* One part of a key. */
struct toml_key {
	const char *s; /* in the arena */
	size_t len;
	const char *at; /* where in the text */
};

/* toml_scan.c: lexical level */
void toml_locate(struct toml_parser *ps, const char *at, unsigned int *line, unsigned int *column);
void toml_report(struct toml_parser *ps, int code, const char *at, const char *fmt, ...)
	_printf_(4, 5);
/* Macros, so that the code they return is visible to readers and analysers of the caller. */
#define toml_error_code(ps, code, at, ...) (toml_report((ps), (code), (at), __VA_ARGS__), (code))
#define toml_error(ps, at, ...)		   toml_error_code(ps, -EINVAL, at, __VA_ARGS__)
#define toml_oom(ps)			   (error_oom((ps)->err), -ENOMEM)
/* "end of file", "a line break", "'x'": what stands at p, for messages. */
const char *toml_seen(const struct toml_parser *ps, char buf[16]);
/* UTF-8, control characters and lone carriage returns, for the whole text at once. */
int toml_check_text(struct toml_parser *ps);
void toml_skip_space(struct toml_parser *ps);
/* A comment if there is one, then a line break or the end; -EINVAL for anything else. */
int toml_end_of_line(struct toml_parser *ps);
/* Spaces, comments and line breaks. */
void toml_skip_blank(struct toml_parser *ps);
bool toml_at_newline(const struct toml_parser *ps);
bool toml_bare_key_char(unsigned char c);

/* toml_string.c: strings, into arena memory. p is at the opening quote; multi-line forms only where allowed. */
int toml_scan_string(struct toml_parser *ps, bool multi_line, const char **ret, size_t *ret_len);

/* toml_number.c: numbers, dates, times, inf and nan; p is at the first character. */
int toml_scan_scalar(struct toml_parser *ps, struct toml_value *v);
int toml_scan_datetime(struct toml_parser *ps, const char *at, const char *s, size_t len,
		       struct toml_value *v);

/* toml_parse.c */
struct toml_value *toml_lookup(struct toml_value *table, const char *key, size_t len);

#endif
