/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMPAT_XXH_H
#define COMPAT_XXH_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * XXH3-128 of libxxhash: tells contents apart at the speed of memory, but not against somebody who makes two that collide. For
 * identifiers, and for damage that nobody made on purpose; whatever must be trusted has a SHA. xxh.c is the only file that sees xxhash.h.
 */
#define XXH_SIZE 16

struct xxh;
int xxh_new(struct xxh **ret); /* 0 or -ENOMEM */
void xxh_reset(struct xxh *x); /* as new */
void xxh_free(struct xxh *x);
void xxh_add(struct xxh *x, const void *data, size_t len);
/* Of everything added, most significant byte first on every machine. */
void xxh_get(const struct xxh *x, uint8_t out[XXH_SIZE]);

#endif
