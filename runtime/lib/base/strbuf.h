/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/compiler.h"

/*
 * A growing byte buffer. Invariants: buf[len] is always a NUL byte (buf is never NULL; an empty one points to a shared
 * constant), so buf is a C string when it holds no NUL of its own. Initialise with STRBUF_INIT, end with strbuf_release().
 * Growing functions return 0 or -ENOMEM and leave the buffer as it was on failure.
 */
struct strbuf {
	char *buf;
	size_t len;
	size_t cap; /* bytes allocated; 0 while buf is the shared empty string */
};

extern char strbuf_empty[1];
#define STRBUF_INIT                \
	{                          \
		strbuf_empty, 0, 0 \
	}

void strbuf_init(struct strbuf *sb);
void strbuf_release(struct strbuf *sb); /* frees, and makes it empty and usable again */
#define _cleanup_strbuf_ _cleanup_(strbuf_release)

/* Makes it empty, keeps the memory. */
void strbuf_reset(struct strbuf *sb);
/* Room for `extra` more bytes (and the NUL). Write at buf + len, then strbuf_setlen(). */
int strbuf_grow(struct strbuf *sb, size_t extra);
/* Sets the length (at most what was grown) and writes the NUL. */
void strbuf_setlen(struct strbuf *sb, size_t len);
int strbuf_add(struct strbuf *sb, const void *data, size_t len);
int strbuf_addstr(struct strbuf *sb, const char *s);
int strbuf_addch(struct strbuf *sb, char c);
int strbuf_addf(struct strbuf *sb, const char *fmt, ...) _printf_(2, 3);
int strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap) _printf_(2, 0);
/* Adds `s` as the inside of a JSON string (escapes quotes, backslash and control bytes; bytes >= 0x80 as they are). */
int strbuf_add_json(struct strbuf *sb, const char *s);
/* Removes n bytes at the front. */
void strbuf_consume(struct strbuf *sb, size_t n);
void strbuf_trim_end(struct strbuf *sb); /* trailing white space */
/* Hands the storage over (malloc'd, NUL ended; NULL when out of memory) and makes sb empty. */
char *strbuf_detach(struct strbuf *sb, size_t *ret_len);
/* Reads until EOF, at most `max` bytes in sum; -EFBIG beyond. */
int strbuf_read_fd(struct strbuf *sb, int fd, size_t max);

/* asprintf with a NULL on failure. */
char *str_printf(const char *fmt, ...) _printf_(1, 2);

static inline bool str_eq(const char *a, const char *b)
{
	return a && b && __builtin_strcmp(a, b) == 0;
}
/* The rest of s after prefix, or NULL. */
const char *str_after(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

#endif
