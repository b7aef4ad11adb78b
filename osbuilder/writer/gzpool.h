/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_GZPOOL_H
#define WRITER_GZPOOL_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "compat/z.h"

/*
 * Compresses a row of gzip members, several at a time in threads, and gives them out in order. The output depends on the
 * members alone, not on the number of threads.
 *
 * The owner fills gzpool_buf() (made large enough by gzpool_reserve()) and submits it; the buffer after that is another one.
 */
#define GZPOOL_THREADS_MAX 4

struct gzpool;
/* threads 0: as many as there are processors; never more than GZPOOL_THREADS_MAX. */
int gzpool_open(int level, unsigned threads, z_sink_fn sink, void *data, struct gzpool **ret,
		struct error *err);
/* The current buffer, with room for `size` bytes; its content is kept. NULL when memory is out. */
uint8_t *gzpool_reserve(struct gzpool *p, size_t size);
uint8_t *gzpool_buf(struct gzpool *p);
/* The first `len` bytes of the buffer are a member. May wait for, and give out, earlier members. */
int gzpool_submit(struct gzpool *p, size_t len, struct error *err);
/* Waits for all members and gives them out. */
int gzpool_flush(struct gzpool *p, struct error *err);
void gzpool_free(struct gzpool *p); /* waits; what was not given out is dropped */

#endif
