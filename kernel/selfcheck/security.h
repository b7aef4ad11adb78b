/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFCHECK_SECURITY_H
#define SELFCHECK_SECURITY_H

#include <stddef.h>
#include "base/error.h"

/* A hash of the kernel through an AF_ALG socket: the descriptor to hash with, or -errno. key may be NULL. */
int hash_open(const char *name, const void *key, size_t key_len, struct error *err);
/* The digest (of digest_len bytes, which the algorithm fixes) of data. The descriptor can be used again. */
int hash_once(int fd, const void *data, size_t len, void *digest, size_t digest_len,
	      struct error *err);

#endif
