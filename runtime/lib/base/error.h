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
	const char *hint; /* a constant: what to do about it; NULL: nobody knew */
};

#define ERROR_INIT          \
	{                   \
		0, "", NULL \
	}

/*
 * error_set(err, code, fmt, ...): sets code and message, and returns `code` (a negative errno), so that
 * `return error_set(err, -EINVAL, "...")` works.
 * error_sys(err, code, fmt, ...): the same, and appends ": " and strerror(-code). For failing system calls.
 * error_wrap(err, code, fmt, ...): puts "TEXT: " in front of the message, sets the code and returns it; an unset err gets TEXT and
 * strerror(-code).
 *
 * Macros, so that compilers and analysers see that what comes back is what went in.
 */
#define error_set(err, code, ...)  ERROR_RETURN_(error_set_, err, code, __VA_ARGS__)
#define error_sys(err, code, ...)  ERROR_RETURN_(error_sys_, err, code, __VA_ARGS__)
#define error_wrap(err, code, ...) ERROR_RETURN_(error_wrap_, err, code, __VA_ARGS__)
/*
 * error_hint(err, code, text): adds what a person can do, a constant text without the full stop, and returns `code`:
 * `return error_hint(err, error_set(err, -ENOENT, "there is no '%s'", path), "osbuilder lock makes it")`. Contexts that are put in front
 * keep it; a later error_set() on the same object drops it.
 */
#define error_hint(err, code, text)                      \
	({                                               \
		int error_hinted_ = (code); /* first! */ \
		error_hint_((err), (text));              \
		error_hinted_;                           \
	})
/* "out of memory", -ENOMEM. */
#define error_oom(err) error_set((err), -ENOMEM, "out of memory")

/* Puts "TEXT: " in front of the message and returns err's code; -EIO when err is NULL or unset. */
int error_prefix(struct error *err, const char *fmt, ...) _printf_(2, 3);

void error_clear(struct error *err);

/* The message, never NULL; strerror of the code when there is none. */
const char *error_text(const struct error *err);

/* What the macros call. */
void error_set_(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);
void error_sys_(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);
void error_hint_(struct error *err, const char *text);
void error_wrap_(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);
#define ERROR_RETURN_(fn, err, code, ...)                           \
	({                                                          \
		int error_code_ = (code);                           \
		/* Never success, whatever errno was. */            \
		error_code_ = error_code_ < 0 ? error_code_ : -EIO; \
		fn((err), error_code_, __VA_ARGS__);                \
		error_code_;                                        \
	})

#endif
