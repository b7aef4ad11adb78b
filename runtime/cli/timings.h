/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TIMINGS_H
#define CLI_TIMINGS_H

#include <stdint.h>
#include "base/error.h"
#include "sandbox/times.h"

/*
 * `run --timings FILE`: one JSON object. Moments are in microseconds since the command's start, in "moments"; those not reached are missing.
 *
 *	{
 *	  "exitStatus": 0, "rootfsMode": "packed", "accelerator": "tcg", "guestBootUsec": 812345,
 *	  "moments": { "engine_start": 3120, ..., "output_done": 2101200, "run_end": 2150000 }
 *	}
 *
 * guestBootUsec: the guest kernel's own clock when the agent was up (the kernel's share of the time between vm_started and
 * agent_ready). Names of moments: sandbox/times.h.
 */
struct timings {
	uint64_t run_start, output_done, run_end; /* CLOCK_MONOTONIC, microseconds */
	struct times engine;
	int exit_status;
	char *rootfs_mode, *accel;
};
/* path "-": a table for people, on stderr, since stdout is the container's. */
int timings_write(const struct timings *t, const char *path, struct error *err);

#endif
