/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>
#include "base/compiler.h"

/*
 * The error object: a negative errno and one human line, built from the inside out.
 *
 * Fallible functions return 0 or -errno. Where a person or an RPC will read the cause, the last parameter is a
 * caller-owned `struct error *` (may be NULL); it is written only on failure. Each layer may add context with
 * error_prefix(), so the result reads "outer: inner: cause". Fixed size: needs no freeing, works after fork, in PID 1
 * and when memory is out. A message that does not fit is cut and ends in "...".
 *
 *	struct error err = ERROR_INIT;
 *	if (thing_open(path, &t, &err) < 0)
 *		return error_prefix(&err, "recipe %s", name);
 */

#define ERROR_MSG_MAX 1024

struct error {
	int code; /* 0 when unset, else -errno */
	char msg[ERROR_MSG_MAX];
};

#define ERROR_INIT    \
	{             \
		0, "" \
	}

/* Sets code and message, and returns `code` (a negative errno), so `return error_set(err, -EINVAL, "...")` works. */
int error_set(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);

/* As error_set(), and appends ": " and strerror(-code). For failing system calls. */
int error_sys(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);

/* Puts "TEXT: " in front of the message and returns err's code; -EIO when err is NULL or unset. */
int error_prefix(struct error *err, const char *fmt, ...) _printf_(2, 3);

/* As error_prefix(), but returns `code`; if err is unset it gets TEXT and strerror(-code). */
int error_wrap(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);

/* "Out of memory", -ENOMEM. */
int error_oom(struct error *err);

void error_clear(struct error *err);

/* The message, never NULL; strerror of the code when there is none. */
const char *error_text(const struct error *err);

#endif
