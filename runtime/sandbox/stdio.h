/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_STDIO_H
#define SANDBOX_STDIO_H

#include <stdbool.h>
#include "agent/client.h"
#include "base/error.h"
#include "base/loop.h"

/*
 * The streams of one process: FIFOs on the host, WriteStdin/ReadStdout/ReadStderr calls to the agent.
 *
 * A FIFO that is read without any writer reports hang-up for ever, and one whose reader comes too late blocks or loses the output. So
 * both ends of each are held here: the writing end of stdin until stdin is closed, the reading ends of stdout and stderr until the process is deleted.
 *
 * Nothing is buffered without bound: at most STDIO_WINDOW calls of STDIO_CHUNK bytes are open per stream and direction, and
 * one chunk more waits for a slow FIFO. That many calls only with an agent that keeps their order (agent_client_ordered()),
 * only while data flows, and only while the connection takes what is sent; else one.
 */
#define STDIO_CHUNK  (64u << 10)
#define STDIO_WINDOW 4
/* Unsent bytes on the agent's connection from which on a stream sends one call at a time. */
#define STDIO_QUEUED_MAX (1u << 20)

struct stdio;

struct stdio_params {
	struct loop *loop;
	const char *container_id, *exec_id; /* as the agent knows them */
	const char *in, *out, *err;	    /* FIFO paths; NULL or "": none */
	bool terminal;			    /* no stderr then */
	/* Both outputs have ended and everything is in the FIFOs. */
	void (*on_drained)(void *data);
	void *data;
};

/* Opens the FIFOs. Strings are copied. */
int stdio_new(const struct stdio_params *p, struct stdio **ret, struct error *err);
/* Starts relaying; the client stays the caller's and must live until stdio_stop(). */
void stdio_start(struct stdio *io, struct agent_client *agent);
bool stdio_drained(const struct stdio *io);
/*
 * No more input will come: what is in the FIFO is passed on, then the guest's end is closed, then fn is called (once; also when the
 * relay stops). A second call while one waits: -EALREADY.
 */
int stdio_close_stdin(struct stdio *io, agent_done_fn fn, void *data);
/* Gives up what was not relayed; the FIFOs stay open. Calls on_drained unless that happened. */
void stdio_abandon(struct stdio *io);
/* Closes everything. Answers of calls still open are dropped. NULL accepted; returns NULL. */
struct stdio *stdio_free(struct stdio *io);

#endif
