/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_OUT_H
#define WRITER_OUT_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "progress.h"
#include "tree/blob.h"
#include "writer/behind.h"
#include "writer/list.h"

/*
 * Buffered positional output for block formats. Positions are relative to the caller's offset. Writing on where the last
 * write ended costs one system call for 512 KiB; whole blocks of zeros are left as holes.
 */
struct out {
	int fd;
	uint64_t base; /* file offset of position 0 */
	uint64_t pos;  /* position of buf[0] */
	uint8_t *buf;
	size_t len;
	struct progress
		*progress; /* told the bytes of PROGRESS_WRITE; out_open() leaves it alone */
	bool stream; /* set after out_open(): all bytes in order by write(2), no holes, for pipes */
	/*
	 * Set after out_open() where fd and base stay what they are: full buffers are written by a thread while the next is filled,
	 * and errors come with a later call, out_finish() at the latest.
	 */
	bool threaded;
	struct behind *behind; /* that thread, from the first full buffer on */
	/* Set by out_follow(). */
	const struct writer_follow *follow;
};
#define OUT_INIT                                                  \
	{                                                         \
		-1, 0, 0, NULL, 0, NULL, false, false, NULL, NULL \
	}

int out_open(struct out *o, int fd, uint64_t base, struct error *err);
void out_release(struct out *o); /* does not flush */
#define _cleanup_out_ _cleanup_(out_release)
int out_flush(struct out *o, struct error *err);
/* Flushes, waits for the thread, and makes the file at least `size` bytes long from position 0 on (what ends in zeros was not written). */
int out_finish(struct out *o, uint64_t size, struct error *err);
/*
 * After out_finish(), when all but contents is written: tells `f` the size and seed of what will be written (writer.h), and gives it all
 * bytes from now on, which must come in ascending order.
 */
int out_follow(struct out *o, const struct writer_follow *f, uint64_t size,
	       const uint8_t seed[WRITER_SEED_SIZE], struct error *err);
/* Sets the position of the next write. */
int out_seek(struct out *o, uint64_t pos, struct error *err);
int out_add(struct out *o, const void *data, size_t len, struct error *err);
/* Zeros up to the next multiple of `align` of the position. */
int out_pad(struct out *o, uint32_t align, struct error *err);
/* `len` bytes of a blob; hashed into `seed` on the way when it is on (may be NULL). */
int out_blob(struct out *o, struct blob_reader *r, uint64_t off, uint64_t len, struct wseed *seed,
	     struct error *err);

/*
 * Where a file has data: runs of blocks that are not holes. Only stretches of at least SEG_HOLE_MIN zero bytes, aligned to
 * it, in files larger than SEG_SCAN_MIN count as holes, so that small files need not be read twice. It depends on the content
 * alone, never on how the source file system stored it.
 */
#define SEG_HOLE_MIN (64u << 10)
#define SEG_SCAN_MIN (1u << 20)
struct seg {
	uint32_t start, count; /* blocks of WRITER_BLOCK bytes */
};
struct segs {
	struct seg *v;
	size_t n, cap;
	uint32_t blocks; /* sum of counts */
};
int segs_of_blob(const struct blob *b, struct segs *s, struct error *err);
/* One run of n blocks from 0 on; none when n is 0. 0 or -ENOMEM. */
int segs_whole(struct segs *s, uint32_t n);
void segs_release(struct segs *s);

#endif
