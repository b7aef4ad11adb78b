/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_BEHIND_H
#define WRITER_BEHIND_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * Writing behind: threads take one buffer while its owner fills the next. Each thread gets every buffer in the order in which they were
 * given, so a file gets the same bytes as without it, and a hash the same value.
 */
struct behind;

/* Takes `len` bytes whose place is `pos`; 0 or -errno. Called in a thread of its own. */
typedef int (*behind_fn)(void *data, const uint8_t *buf, size_t len, uint64_t pos);

#define BEHIND_THREADS_MAX 2u
#define BEHIND_SPARE_MAX   32u

/*
 * `size`: of the buffers, of which `spare` are on their way at most. A thread for each of the `n` functions. `data` must stay valid until
 * behind_free(). -EAGAIN when there is no second processor or no thread to be had: the owner takes the buffers itself then.
 */
int behind_new(size_t size, unsigned spare, const behind_fn *fns, unsigned n, void *data,
	       struct behind **ret);
/*
 * Gives the first `len` bytes of *buf (malloc'd, of the size above), waits until the oldest is done when too many are on their way, and
 * puts one that is into *buf. On error, that of an earlier buffer, *buf stays.
 */
int behind_give(struct behind *b, uint8_t **buf, size_t len, uint64_t pos);
/* Waits for what was given. 0 or the first error. */
int behind_wait(struct behind *b);
/* Waits, and frees the buffers that it holds. NULL is allowed. */
void behind_free(struct behind *b);

#endif
