/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two functions of the C library, without translations: glibc's own bring message catalogues and character set conversion into a static
 * program, 29 KB that a guest never uses. Only in the agent that goes into guests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/compiler.h"

/* As glibc declares it (assert.h); a program of its own may not include both. */
_noreturn_ void __assert_fail(const char *assertion, const char *file, unsigned int line,
			      const char *function);

/* The texts are the same: those of the C locale. */
char *strerror(int code)
{
	static char unknown[32];
	const char *text = strerrordesc_np(code);

	if (text)
		return (char *)text;
	snprintf(unknown, sizeof(unknown), "Unknown error %d", code);
	return unknown;
}

void __assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
	(void)!write(STDERR_FILENO, assertion, strlen(assertion));
	abort();
}
