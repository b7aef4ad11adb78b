/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_RELAY_H
#define BASE_RELAY_H

#include <stdbool.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * Copies one descriptor to another on the loop, in order and without limit on the sum, holding at most RELAY_CHUNK bytes. Either end may be a
 * pipe, FIFO, socket, terminal or regular file. Descriptors that were inherited stay blocking (their file description is shared
 * with the caller's other programs); they are reopened, or written in pieces that cannot block.
 */
#define RELAY_CHUNK (128u << 10)

enum relay_end {
	RELAY_EOF,     /* the source ended (or failed) and everything is written */
	RELAY_DRAINED, /* relay_drain(): nothing is left to read now */
	RELAY_BROKEN,  /* the target cannot be written to any more */
};
struct relay;
typedef void (*relay_end_fn)(struct relay *r, enum relay_end how, void *data);

/* The descriptors stay the caller's; own_in, own_out: they are ours alone and non-blocking. fn is called once. */
struct relay_params {
	struct loop *loop;
	int in, out;
	bool own_in, own_out;
	relay_end_fn fn;
	void *data;
};
int relay_new(const struct relay_params *p, struct relay **ret, struct error *err);
/* From now on an empty source is the end. */
void relay_drain(struct relay *r);
struct relay *relay_free(struct relay *r); /* NULL accepted; returns NULL */

#endif
