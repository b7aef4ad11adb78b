/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/*
 * Attributes and tiny macros that every file may use. Nothing here allocates or calls.
 */

#include <stddef.h>

#define _cleanup_(fn)			__attribute__((cleanup(fn)))
#define _printf_(f, a)			__attribute__((format(printf, f, a)))
#define _must_check_			__attribute__((warn_unused_result))
#define _unused_			__attribute__((unused))
#define _noreturn_			__attribute__((noreturn))
#define _packed_			__attribute__((packed))
#define _fallthrough_			__attribute__((fallthrough))

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Moves a pointer out of a variable that a cleanup attribute would free. */
#define steal_ptr(p)                                    \
	({                                              \
		__typeof__(p) *steal_src_ = &(p);       \
		__typeof__(p) steal_val_ = *steal_src_; \
		*steal_src_ = NULL;                     \
		steal_val_;                             \
	})

#define MIN(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define MAX(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

#endif
