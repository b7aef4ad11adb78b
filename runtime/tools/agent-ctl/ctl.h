/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_AGENT_CTL_CTL_H
#define TOOLS_AGENT_CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "tools/agent-ctl/request.h"
#include "wire/transport.h"
#include "wire/ttrpc.h"

/* A run of kata-agent-ctl: the connection, and what one command leaves for the next. For this folder alone. */

#define CTL_CONNECT_MS	30000 /* when no time-out is given */
#define CTL_SOURCE_MAX	16    /* scripts that call scripts */
#define CTL_REPEAT_EVER UINT64_MAX

struct ctl {
	struct transport_addr addr;
	uint64_t timeout_ms; /* of each call; 0: none */
	bool ignore_errors, quiet;
	struct ctl_values values;

	struct loop *loop;
	struct ttrpc_client *client; /* NULL until the first call, and after a loss */
	bool lost;

	uint64_t repeat;    /* of the next command */
	unsigned int depth; /* scripts that are open */
	bool stdin_taken;   /* commands come from it */
	bool quit;
	int status;	 /* of the last process that `exec` or `attach` saw end */
	uint64_t failed; /* commands whose error was passed over */
};

void ctl_release(struct ctl *c);

/* Runs one command line, as often as an earlier `repeat` wants. Errors begin with the name of the command. */
int ctl_run_line(struct ctl *c, const char *text, struct error *err);
/* Runs the lines of a file, or of standard input ("-"). Stops at `quit`, and at the first error unless errors are ignored. */
int ctl_run_script(struct ctl *c, const char *path, struct error *err);
/* Reads commands from standard input with a prompt. An error is printed and the next command read. */
int ctl_run_interactive(struct ctl *c, struct error *err);

/* Connects when there is no connection. */
int ctl_connect(struct ctl *c, struct error *err);
/*
 * One call, to its end. json (may be NULL) gets the answer. *ret_code is the status, TTRPC_OK or what the agent or the connection said;
 * the text of a failure is in err, without the status.
 */
int ctl_call(struct ctl *c, const struct ctl_request *req, struct strbuf *json,
	     enum ttrpc_code *ret_code, struct error *err);

/* Starts a call whose answer comes on the loop. */
int ctl_start(struct ctl *c, const char *method, const ProtobufCMessage *msg,
	      const ProtobufCMessageDescriptor *answer, ttrpc_reply_fn fn, void *data);

enum ctl_attach_parts { CTL_STDIN = 1, CTL_OUTPUT = 2, CTL_WAIT = 4 };
/*
 * Copies the streams of a process (standard input to it, both outputs from it) and waits for it; c->status is its exit code. Ends when
 * the outputs have ended and the process has, with the first error.
 */
int ctl_attach(struct ctl *c, const char *cid, const char *exec_id, unsigned int parts,
	       struct error *err);

/* ---- built-in commands ---- */

struct ctl_builtin {
	const char *name, *args, *help;
	/* rest: the line after the name. line: its words. */
	int (*fn)(struct ctl *c, const char *rest, const struct ctl_line *line, struct error *err);
};
extern const struct ctl_builtin ctl_builtins[]; /* ended by a NULL name */

#endif
