/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_LAUNCH_H
#define SANDBOX_LAUNCH_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * Runs a table of steps in order, on the loop. A step may finish at once or later. When one fails, the undo functions of the steps
 * done before it run in reverse order (and of the failing one, when it had been started), and the error reads
 * "launch step 'NAME': cause".
 */
struct launch;

/* From run(): the step calls launch_step_done() later. */
#define LAUNCH_PENDING	 1
#define LAUNCH_MAX_STEPS 32

struct launch_step {
	const char *name;
	/* 0: done; LAUNCH_PENDING; or -errno with err. */
	int (*run)(struct launch *l, void *ctx, struct error *err);
	/* Takes back what run() did, also half of it. NULL: nothing to take back. */
	void (*undo)(void *ctx);
};

typedef void (*launch_done_fn)(const struct error *err /* NULL: success */, void *ctx);

/* Starts with the next round of the loop. The table is kept by pointer. `done` is called once; the launch frees itself after it. */
int launch_start(struct loop *loop, const struct launch_step *steps, size_t n, void *ctx,
		 launch_done_fn done, struct launch **ret);
/* Ends the step that is pending; err NULL for success. Ignored when none is. */
void launch_step_done(struct launch *l, const struct error *err);
/* The name of the step that runs or ran last. */
const char *launch_step_name(const struct launch *l);
/* Undoes the steps done so far and frees it, without calling `done`. NULL accepted; returns NULL. */
struct launch *launch_cancel(struct launch *l);

#endif
