/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_ZPOOL_H
#define WRITER_ZPOOL_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "compat/z.h"

/*
 * Compresses a row of gzip members or zstd frames, several at a time in threads, and gives them out in order. The output depends on
 * the members alone, not on the number of threads.
 *
 * The owner fills zpool_buf() (made large enough by zpool_reserve()) and submits it; the buffer after that is another one.
 *
 * Members on their way, the one that is filled and what is not given out yet are together at most ZPOOL_BYTES, unless one alone is
 * larger: then it is the only one.
 */
#define ZPOOL_THREADS_MAX 4
#define ZPOOL_BYTES	  (11u << 20)

struct zpool;
/* threads 0: as many as there are processors; never more than ZPOOL_THREADS_MAX. */
int zpool_open(enum z_kind kind, int level, unsigned threads, z_sink_fn sink, void *data,
	       struct zpool **ret, struct error *err);
/* Makes room for `size` bytes in the current buffer, whose content is kept. May wait for, and give out, earlier members. */
int zpool_reserve(struct zpool *p, size_t size, struct error *err);
uint8_t *zpool_buf(struct zpool *p);
/* The first `len` bytes of the buffer are a member. May wait for, and give out, earlier members. */
int zpool_submit(struct zpool *p, size_t len, struct error *err);
/* Waits for all members and gives them out. */
int zpool_flush(struct zpool *p, struct error *err);
void zpool_free(struct zpool *p); /* waits for what threads are at; the rest is dropped */

#endif
