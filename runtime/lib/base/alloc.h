/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"

/*
 * Allocation helpers. All return NULL when memory is out or a size overflows; nothing aborts.
 */

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}
#define _cleanup_free_ _cleanup_(cleanup_freep)

/* Zeroed object of a type. */
#define new0(type) ((type *)calloc(1, sizeof(type)))

/* Zeroed array of n objects. */
#define new0_array(type, n) ((type *)calloc((n) ? (n) : 1, sizeof(type)))

/* Copies n bytes and adds a NUL after them. */
char *mem_dup0(const void *p, size_t n);

/*
 * Makes room for at least `want` elements of `size` bytes in *array (capacity *cap), growing by half.
 * Returns 0 or -ENOMEM; on failure nothing changed.
 */
int array_reserve(void *array, size_t *cap, size_t want, size_t size);

/*
 * Gives the pages of an allocation of `size` bytes that lie behind its first `keep` back to the system. It stays allocated; what was in
 * those pages may be zeros afterwards. p may be NULL.
 */
void mem_forget(void *p, size_t keep, size_t size);

#endif
