/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_STRV_H
#define BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>
#include "base/compiler.h"

/*
 * A growing NULL-ended vector of owned strings, the shape that argv and envp want. `v` is NULL while empty.
 */
struct strv {
	char **v;
	size_t n;
	size_t cap;
};
#define STRV_INIT          \
	{                  \
		NULL, 0, 0 \
	}

void strv_release(struct strv *sv);
#define _cleanup_strv_ _cleanup_(strv_release)
int strv_add(struct strv *sv, const char *s);			     /* copies; 0 or -ENOMEM */
int strv_addf(struct strv *sv, const char *fmt, ...) _printf_(2, 3); /* 0 or -ENOMEM */
int strv_adds(struct strv *sv, ...) __attribute__((sentinel));	     /* many, ended by NULL */
bool strv_has(const struct strv *sv, const char *s);
/* In a NULL-ended "KEY=value" vector: the value of key, or NULL. */
const char *env_get(char *const *env, const char *key);

#endif
