/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a process: three loops of calls and a wait, all at once on one connection. */
#include <errno.h>
#include <unistd.h>
#include "base/fd.h"
#include "tools/agent-ctl/ctl.h"
#include "wire/agent.pb-c.h"
#include "wire/google.pb-c.h"

#define CHUNK 65536

struct attach {
	struct ctl *c;
	char *cid, *exec_id; /* not owned */
	unsigned int open;   /* calls whose answer is awaited, standard input apart */
	bool input_done;
	uint8_t buf[CHUNK]; /* of standard input, what the agent has not taken yet */
	size_t start, end;
	struct loop_source *in;
	struct error err; /* the first */
};

struct output {
	struct attach *a;
	const char *method;
	int fd;
};

static void fail(struct attach *a, const char *method, const struct error *err)
{
	if (a->err.code)
		return;
	a->err = *err;
	error_prefix(&a->err, "%s", method);
}

static void fail_code(struct attach *a, const char *method, int code)
{
	struct error err = ERROR_INIT;

	error_sys(&err, code, "cannot be sent");
	fail(a, method, &err);
}

/* ---- output ---- */

static void read_more(struct output *o);

static void on_output(const ProtobufCMessage *msg, enum ttrpc_code code, const struct error *err,
		      void *data)
{
	const Grpc__ReadStreamResponse *resp = (const Grpc__ReadStreamResponse *)msg;
	struct output *o = data;
	struct error own = ERROR_INIT;
	int r;

	o->a->open--;
	if (code != TTRPC_OK) {
		fail(o->a, o->method, err);
		return;
	}
	if (resp->data.len == 0)
		return;
	r = fd_write_full(o->fd, resp->data.data, resp->data.len);
	if (r < 0) {
		error_sys(&own, r, "descriptor %d", o->fd);
		fail(o->a, o->method, &own);
		return;
	}
	read_more(o);
}

static void read_more(struct output *o)
{
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;
	int r;

	req.container_id = o->a->cid;
	req.exec_id = o->a->exec_id;
	req.len = CHUNK;
	r = ctl_start(o->a->c, o->method, &req.base, &grpc__read_stream_response__descriptor,
		      on_output, o);
	if (r < 0)
		fail_code(o->a, o->method, r);
	else
		o->a->open++;
}

/* ---- input ---- */

static void write_more(struct attach *a);
static void read_input(struct attach *a);

static void input_ends(struct attach *a)
{
	a->in = loop_source_free(a->in);
	a->input_done = true;
}

/* A process that has ended, or closed its input, takes no more: no error. */
static void on_written(const ProtobufCMessage *msg, enum ttrpc_code code, const struct error *err,
		       void *data)
{
	const Grpc__WriteStreamResponse *resp = (const Grpc__WriteStreamResponse *)msg;
	struct attach *a = data;

	if (code != TTRPC_OK || resp->len > a->end - a->start) {
		input_ends(a);
		return;
	}
	a->start += resp->len;
	if (a->start < a->end)
		write_more(a);
	else
		read_input(a);
}

static void on_closed(const ProtobufCMessage *msg, enum ttrpc_code code, const struct error *err,
		      void *data)
{
	input_ends(data);
}

static void close_input(struct attach *a)
{
	Grpc__CloseStdinRequest req = GRPC__CLOSE_STDIN_REQUEST__INIT;

	req.container_id = a->cid;
	req.exec_id = a->exec_id;
	if (ctl_start(a->c, "CloseStdin", &req.base, &google__protobuf__empty__descriptor,
		      on_closed, a) < 0)
		input_ends(a);
}

static void write_more(struct attach *a)
{
	Grpc__WriteStreamRequest req = GRPC__WRITE_STREAM_REQUEST__INIT;

	req.container_id = a->cid;
	req.exec_id = a->exec_id;
	req.data.data = a->buf + a->start;
	req.data.len = a->end - a->start;
	if (ctl_start(a->c, "WriteStdin", &req.base, &grpc__write_stream_response__descriptor,
		      on_written, a) < 0)
		input_ends(a);
}

static void take_input(struct attach *a)
{
	ssize_t n = read(STDIN_FILENO, a->buf, sizeof(a->buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		read_input(a);
	} else if (n <= 0) {
		close_input(a);
	} else {
		a->start = 0;
		a->end = (size_t)n;
		write_more(a);
	}
}

static void on_input(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct attach *a = data;

	a->in = loop_source_free(a->in);
	take_input(a);
}

/* Reads when something is there; regular files cannot be waited for, and never keep one waiting. */
static void read_input(struct attach *a)
{
	int r = loop_add_io(a->c->loop, STDIN_FILENO, EPOLLIN, on_input, a, &a->in);

	if (r == -EPERM)
		take_input(a);
	else if (r < 0)
		close_input(a);
}

/* ---- the end ---- */

static void on_exit_status(const ProtobufCMessage *msg, enum ttrpc_code code,
			   const struct error *err, void *data)
{
	struct attach *a = data;

	a->open--;
	if (code != TTRPC_OK)
		fail(a, "WaitProcess", err);
	else
		a->c->status = ((const Grpc__WaitProcessResponse *)msg)->status;
}

static void start_wait(struct attach *a)
{
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
	int r;

	req.container_id = a->cid;
	req.exec_id = a->exec_id;
	r = ctl_start(a->c, "WaitProcess", &req.base, &grpc__wait_process_response__descriptor,
		      on_exit_status, a);
	if (r < 0)
		fail_code(a, "WaitProcess", r);
	else
		a->open++;
}

/*
 * A call that is still open would answer to an attach that is gone; only a new connection is free of it. Input that is just waited for
 * is no call.
 */
static void forget_calls(struct attach *a)
{
	bool call = a->open > 0 || (!a->input_done && !a->in);

	a->in = loop_source_free(a->in);
	if (call) {
		a->c->client = ttrpc_client_free(a->c->client);
		a->c->lost = false;
	}
}

int ctl_attach(struct ctl *c, const char *cid, const char *exec_id, unsigned int parts,
	       struct error *err)
{
	struct attach a = { .c = c, .cid = (char *)cid, .exec_id = (char *)exec_id };
	struct output out = { &a, "ReadStdout", STDOUT_FILENO };
	struct output errout = { &a, "ReadStderr", STDERR_FILENO };
	bool only_input = parts == CTL_STDIN;
	int r = ctl_connect(c, err);

	if (r < 0)
		return r;
	a.input_done = !(parts & CTL_STDIN);
	if (parts & CTL_OUTPUT) {
		read_more(&out);
		read_more(&errout);
	}
	if (parts & CTL_WAIT)
		start_wait(&a);
	if (parts & CTL_STDIN)
		read_input(&a);
	while (!a.err.code && (only_input ? !a.input_done : a.open > 0)) {
		r = loop_step(c->loop, -1);
		if (r < 0 && r != -EINTR)
			fail_code(&a, "event loop", r);
	}
	forget_calls(&a);
	if (a.err.code)
		*err = a.err;
	return a.err.code;
}
