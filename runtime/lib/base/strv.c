/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"

void strv_release(struct strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	*sv = (struct strv)STRV_INIT;
}

/* Takes ownership of s, also on failure. */
static int add_owned(struct strv *sv, char *s)
{
	if (!s)
		return -ENOMEM;
	if (array_reserve(&sv->v, &sv->cap, sv->n + 2, sizeof(char *)) < 0) {
		free(s);
		return -ENOMEM;
	}
	sv->v[sv->n++] = s;
	sv->v[sv->n] = NULL;
	return 0;
}

int strv_add(struct strv *sv, const char *s)
{
	return add_owned(sv, strdup(s));
}

int strv_addf(struct strv *sv, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : add_owned(sv, s);
}

int strv_adds(struct strv *sv, ...)
{
	const char *s;
	va_list ap;
	int r = 0;

	va_start(ap, sv);
	while (r == 0 && (s = va_arg(ap, const char *)))
		r = strv_add(sv, s);
	va_end(ap);
	return r;
}

bool strv_has(const struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (strcmp(sv->v[i], s) == 0)
			return true;
	return false;
}

const char *env_get(char *const *env, const char *key)
{
	size_t n = strlen(key);

	for (; env && *env; env++)
		if (strncmp(*env, key, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}
