/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include <stdbool.h>
#include "base/loop.h"
#include "base/relay.h"
#include "cli/task_client.h"
#include "cli/terminal.h"

/*
 * One process in the foreground: the caller's stdin, stdout and stderr joined with the process's FIFOs, signals passed on, and the wait for
 * its end and for the last byte of its output.
 */
enum session_stream { SESSION_IN, SESSION_OUT, SESSION_ERR, SESSION_STREAMS };

struct session {
	struct loop *loop;
	struct task_client *client;
	const char *exec_id;
	bool is_terminal;
	char *fifo[SESSION_STREAMS]; /* paths; "" for none */
	int fd[SESSION_STREAMS];
	struct relay *relay[SESSION_STREAMS];
	bool ended[SESSION_STREAMS];
	struct terminal tty;
	struct loop_source **signals;
	size_t n_signals;
	bool attached;	  /* signals go to the process */
	int early_signal; /* one that came before; 0: none */
	/* Called for a signal that comes before the process runs. */
	void (*on_early_signal)(int sig, void *data);
	void *data;
	bool exited, lost;
	uint32_t status;
	struct error error;
};

void session_init(struct session *s, struct loop *loop);
void session_release(struct session *s);
#define _cleanup_session_ _cleanup_(session_release)

/* Takes the signals that are passed on. */
int session_catch_signals(struct session *s, struct error *err);
/* Makes the FIFOs io/NAME-{in,out,err} of the instance. */
int session_make_fifos(struct session *s, const struct instance *i, const char *name,
		       bool is_terminal, struct error *err);
/* The engine has opened the FIFOs, the process is about to be started: joins the streams and begins to wait. */
int session_attach(struct session *s, struct task_client *client, const char *exec_id,
		   struct error *err);
/* The process runs: signals are passed on from now, the terminal becomes raw. */
int session_started(struct session *s, struct error *err);
/* Runs the loop until the process has ended and its output is written. *ret_status is its exit status; -EIO when the engine is gone. */
int session_run(struct session *s, int *ret_status, struct error *err);

#endif
