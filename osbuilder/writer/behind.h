/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_BEHIND_H
#define WRITER_BEHIND_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * Writing behind: a thread writes one buffer while its owner fills the next. Buffers are written in the order in which they were
 * given, so a file gets the same bytes as without it.
 */
struct behind;

/* Writes `len` bytes so that they end up at `pos`; 0 or -errno. Called in the thread. */
typedef int (*behind_fn)(void *data, const uint8_t *buf, size_t len, uint64_t pos);

/*
 * `size`: of the buffers. `data` must stay valid until behind_free(). -EAGAIN when there is no second processor or no thread to be
 * had: the owner writes itself then.
 */
int behind_new(size_t size, behind_fn fn, void *data, struct behind **ret);
/*
 * Gives the first `len` bytes of *buf (malloc'd, of the size above), waits until the buffer before is written, and puts that one,
 * or a new one, into *buf. On error, that of an earlier buffer, *buf stays.
 */
int behind_give(struct behind *b, uint8_t **buf, size_t len, uint64_t pos);
/* Waits for what was given. 0 or the first error. */
int behind_wait(struct behind *b);
/* Waits, and frees the buffer that it holds. NULL is allowed. */
void behind_free(struct behind *b);

#endif
