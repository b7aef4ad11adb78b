/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STDIO_STREAM_H
#define STDIO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include "base/loop.h"

/*
 * The agent's ends of a process's standard streams: pipes, or a terminal's master. Nothing is buffered here. A read takes from
 * the pipe only when somebody asked, and a write keeps its caller's bytes until the pipe took them, so a full pipe pushes
 * back as far as the program that fills it.
 *
 * Operations are answered in order, each exactly once through its callback, which may run before the call that made it
 * returns; then *ret_op is NULL. A pending operation can be cancelled, after which its callback does not run.
 */

#define STREAM_MAX_OPS	64 /* pending operations on one stream; the next is refused with -EAGAIN */
#define STREAM_MAX_READ (64u << 10) /* a read gives at most this: what a pipe holds by default */

struct stream_in;  /* towards the process */
struct stream_out; /* from the process */
struct stream_op;

/* code: 0 or -errno. n == 0 with code 0 is the end of the stream. */
typedef void (*stream_read_fn)(int code, const void *buf, size_t n, void *data);
typedef void (*stream_write_fn)(int code, size_t n, void *data);

/* Both take the descriptor, also on failure. 0 or -errno. */
int stream_out_new(struct loop *loop, int fd, struct stream_out **ret);
int stream_in_new(struct loop *loop, int fd, struct stream_in **ret);
/* Pending operations are answered with -ECANCELED. NULL accepted; return NULL. */
struct stream_out *stream_out_free(struct stream_out *s);
struct stream_in *stream_in_free(struct stream_in *s);

int stream_out_read(struct stream_out *s, size_t max, stream_read_fn fn, void *data,
		    struct stream_op **ret_op);
/*
 * The writer is gone, or as good as gone: what is in the pipe is still read, but an empty pipe is the end, although a
 * descendant of the process may hold it open.
 */
void stream_out_end(struct stream_out *s);
/* The end was delivered to a reader. */
bool stream_out_finished(const struct stream_out *s);

/* The bytes stay the caller's and must live until the answer. -EPIPE after close. */
int stream_in_write(struct stream_in *s, const void *buf, size_t n, stream_write_fn fn, void *data,
		    struct stream_op **ret_op);
/* Closes when all pending writes are through. */
void stream_in_close(struct stream_in *s);

void stream_op_cancel(struct stream_op *op);

#endif
