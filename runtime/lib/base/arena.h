/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include "base/compiler.h"

/*
 * Many small objects with one lifetime (a parsed document): allocate freely, free all at once. Memory is zeroed and
 * aligned for any type. Every function returns NULL when memory is out.
 */
struct arena_block;
struct arena {
	struct arena_block *blocks;
};
#define ARENA_INIT   \
	{            \
		NULL \
	}

void arena_release(struct arena *a);
#define _cleanup_arena_ _cleanup_(arena_release)
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t n, size_t size); /* checks n * size */
char *arena_strdup(struct arena *a, const char *s);
char *arena_memdup0(struct arena *a, const void *p, size_t n); /* adds a NUL */
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
#define arena_new(a, type)	    ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, type, n) ((type *)arena_alloc_array((a), (n), sizeof(type)))

#endif
