/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/stdio.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

/* Capacity asked for the FIFOs: fewer wake-ups. A refusal does no harm. */
#define FIFO_CAPACITY (256 << 10)

/* Guest to FIFO. */
struct output {
	struct stdio *io;
	enum agent_stream which;
	int fd;	  /* writing end; -1: discarded */
	int hold; /* reading end, until freed */
	struct loop_source *source;
	struct strbuf buf; /* read from the guest, not yet in the FIFO */
	unsigned reading;  /* open calls */
	bool flowing;	   /* the last answer was long: more is likely to be there */
	bool ended;	   /* the guest's end of stream was seen */
};

/* FIFO to guest. */
struct input {
	int fd;	  /* reading end; -1: none, or ended */
	int hold; /* writing end, until closed */
	struct loop_source *source;
	char *buf;		       /* STDIO_CHUNK bytes */
	size_t len;		       /* of the chunk sent last, which buf holds */
	size_t open_len[STDIO_WINDOW]; /* bytes of the open calls, a ring */
	unsigned first, n_open;
	bool ended;  /* nothing comes any more */
	bool closed; /* the guest knows */
	agent_done_fn close_fn;
	void *close_data;
};

struct stdio {
	struct loop *loop;
	struct agent_client *agent;
	char *cid, *eid;
	bool terminal, drained;
	unsigned open_calls; /* the memory waits for them */
	bool freed;
	struct input in;
	struct output out, err;
	void (*on_drained)(void *data);
	void *data;
};

static int fifo_open(const char *what, const char *path, int flags, int *ret, struct error *err)
{
	_cleanup_fd_ int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return error_sys(err, -errno, "%s %s", what, path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "%s %s", what, path);
	if (!S_ISFIFO(st.st_mode))
		return error_set(err, -EINVAL, "%s %s: not a FIFO", what, path);
	*ret = fd_steal(&fd);
	return 0;
}

static int output_open(struct stdio *io, struct output *o, enum agent_stream which,
		       const char *path, struct error *err)
{
	const char *what = which == AGENT_STDOUT ? "stdout" : "stderr";
	int r;

	o->io = io;
	o->which = which;
	if (!path || !*path)
		return 0;
	r = fifo_open(what, path, O_RDONLY, &o->hold, err);
	if (r == 0)
		r = fifo_open(what, path, O_WRONLY, &o->fd, err);
	if (r == 0)
		(void)fcntl(o->fd, F_SETPIPE_SZ, FIFO_CAPACITY);
	return r;
}

static int input_open(struct input *in, const char *path, struct error *err)
{
	int r;

	if (!path || !*path) {
		in->ended = true;
		return 0;
	}
	in->buf = malloc(STDIO_CHUNK);
	if (!in->buf)
		return error_oom(err);
	r = fifo_open("stdin", path, O_RDONLY, &in->fd, err);
	if (r == 0)
		r = fifo_open("stdin", path, O_WRONLY, &in->hold, err);
	if (r == 0)
		(void)fcntl(in->fd, F_SETPIPE_SZ, FIFO_CAPACITY);
	return r;
}

static void destroy(struct stdio *io)
{
	if (io->open_calls)
		return;
	free(io->in.buf);
	strbuf_release(&io->out.buf);
	strbuf_release(&io->err.buf);
	free(io->cid);
	free(io->eid);
	free(io);
}

int stdio_new(const struct stdio_params *p, struct stdio **ret, struct error *err)
{
	struct stdio *io = new0(struct stdio);
	int r;

	if (!io)
		return error_oom(err);
	io->loop = p->loop;
	io->terminal = p->terminal;
	io->on_drained = p->on_drained;
	io->data = p->data;
	io->in.fd = io->in.hold = -1;
	io->out.fd = io->out.hold = io->err.fd = io->err.hold = -1;
	strbuf_init(&io->out.buf);
	strbuf_init(&io->err.buf);
	io->cid = strdup(p->container_id);
	io->eid = strdup(p->exec_id);
	r = io->cid && io->eid ? 0 : error_oom(err);
	if (r == 0)
		r = input_open(&io->in, p->in, err);
	if (r == 0)
		r = output_open(io, &io->out, AGENT_STDOUT, p->out, err);
	if (r == 0)
		r = output_open(io, &io->err, AGENT_STDERR, p->terminal ? NULL : p->err, err);
	if (r < 0) {
		stdio_free(io);
		return r;
	}
	io->err.ended = p->terminal;
	*ret = io;
	return 0;
}

/* ---- guest to FIFO -------------------------------------------------------------------------------------------- */

static void output_step(struct output *o);

static void check_drained(struct stdio *io)
{
	if (io->drained || !io->out.ended || !io->err.ended || io->out.buf.len || io->err.buf.len)
		return;
	io->drained = true;
	io->on_drained(io->data);
}

static void on_read(const void *buf, size_t len, const struct error *err, void *data)
{
	struct output *o = data;
	struct stdio *io = o->io;

	io->open_calls--;
	o->reading--;
	if (io->freed) {
		destroy(io);
		return;
	}
	if (o->ended) /* abandoned meanwhile, or the calls behind the end */
		return;
	o->flowing = len >= STDIO_CHUNK / 4;
	if (err || len == 0)
		o->ended = true;
	else if (o->fd >= 0 && strbuf_add(&o->buf, buf, len) < 0)
		o->ended = true;
	output_step(o);
}

static void on_writable(struct loop_source *s, int fd, uint32_t events, void *data)
{
	output_step(data);
}

/* Writes what can be written; true when the rest must wait for the FIFO's reader. */
static bool output_write(struct output *o)
{
	while (o->buf.len > 0) {
		ssize_t n = write(o->fd, o->buf.buf, o->buf.len);

		if (n > 0) {
			strbuf_consume(&o->buf, (size_t)n);
		} else if (n < 0 && errno == EAGAIN) {
			return true;
		} else if (n < 0 && errno != EINTR) {
			strbuf_reset(&o->buf); /* cannot happen while the reading end is held */
			o->fd = fd_close(o->fd);
		}
	}
	return false;
}

/* Whether one more read may be opened: its answer must find room. */
static bool may_read(const struct output *o)
{
	unsigned window = o->flowing && agent_client_ordered(o->io->agent) ? STDIO_WINDOW : 1;

	return !o->ended && o->reading < window &&
	       o->buf.len + o->reading * (size_t)STDIO_CHUNK < (size_t)window * STDIO_CHUNK;
}

static void output_step(struct output *o)
{
	struct stdio *io = o->io;
	bool blocked = output_write(o);

	if (blocked && !o->source &&
	    loop_add_io(io->loop, o->fd, EPOLLOUT, on_writable, o, &o->source) < 0) {
		strbuf_reset(&o->buf);
		blocked = false;
	}
	if (o->source)
		loop_io_set(o->source, blocked ? EPOLLOUT : 0);
	while (may_read(o)) {
		if (agent_read_stream(io->agent, o->which, io->cid, io->eid, STDIO_CHUNK, on_read,
				      o) < 0) {
			o->ended = true;
		} else {
			o->reading++;
			io->open_calls++;
		}
	}
	check_drained(io);
}

/* ---- FIFO to guest -------------------------------------------------------------------------------------------- */

static void input_step(struct stdio *io);

static void input_end(struct stdio *io)
{
	struct input *in = &io->in;

	in->ended = true;
	in->source = loop_source_free(in->source);
	in->fd = fd_close(in->fd);
	in->hold = fd_close(in->hold);
}

static void answer_close(struct stdio *io, const struct error *err)
{
	agent_done_fn fn = io->in.close_fn;

	io->in.close_fn = NULL;
	if (fn)
		fn(err, io->in.close_data);
}

static void on_closed(const struct error *err, void *data)
{
	struct stdio *io = data;

	io->open_calls--;
	if (io->freed)
		destroy(io);
	else
		answer_close(io, NULL); /* a process that is gone needs no end of input */
}

static void on_written(uint32_t len, const struct error *err, void *data);

static int input_send(struct stdio *io, const char *buf, size_t len)
{
	struct input *in = &io->in;
	int r = agent_write_stdin(io->agent, io->cid, io->eid, buf, len, on_written, io);

	if (r < 0)
		return r;
	in->open_len[(in->first + in->n_open++) % STDIO_WINDOW] = len;
	io->open_calls++;
	return 0;
}

static void on_written(uint32_t len, const struct error *err, void *data)
{
	struct stdio *io = data;
	struct input *in = &io->in;
	size_t want = in->open_len[in->first];

	io->open_calls--;
	in->n_open--;
	in->first = (in->first + 1) % STDIO_WINDOW;
	if (io->freed) {
		destroy(io);
		return;
	}
	/*
	 * The process closed its input or is gone: whoever writes to the FIFO gets EPIPE. What an agent did not take is sent again,
	 * if nothing was sent behind it.
	 */
	if (err || len > want || (len < want && in->n_open))
		input_end(io);
	else if (len < want && !in->ended &&
		 input_send(io, in->buf + in->len - (want - len), want - len) < 0)
		input_end(io);
	input_step(io);
}

/* How many calls may be open. */
static unsigned input_window(const struct stdio *io)
{
	return agent_client_ordered(io->agent) && agent_client_queued(io->agent) < STDIO_QUEUED_MAX
		       ? STDIO_WINDOW
		       : 1;
}

static void on_input(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct stdio *io = data;

	/* The last writer hung up while nothing more may be sent: that event would come again and again. */
	if (io->in.n_open >= input_window(io))
		io->in.source = loop_source_free(s);
	else
		input_step(io);
}

/* Sends a chunk from the FIFO; false when there is nothing now. */
static bool input_pass(struct stdio *io)
{
	struct input *in = &io->in;
	ssize_t n;

	do {
		n = read(in->fd, in->buf, STDIO_CHUNK);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		input_end(io);
		return false;
	}
	in->len = (size_t)n;
	if (input_send(io, in->buf, in->len) < 0) {
		input_end(io);
		return false;
	}
	return true;
}

static void input_close_guest(struct stdio *io)
{
	struct input *in = &io->in;

	if (in->closed)
		return;
	in->closed = true;
	if (agent_close_stdin(io->agent, io->cid, io->eid, on_closed, io) < 0)
		answer_close(io, NULL);
	else
		io->open_calls++;
}

static void input_step(struct stdio *io)
{
	struct input *in = &io->in;
	bool idle = false;

	while (!in->ended && !idle && in->n_open < input_window(io))
		idle = !input_pass(io);
	if (in->ended) {
		if (!in->n_open)
			input_close_guest(io);
		return;
	}
	if (!in->source && loop_add_io(io->loop, in->fd, 0, on_input, io, &in->source) < 0)
		input_end(io);
	else
		loop_io_set(in->source, idle ? EPOLLIN : 0);
}

/* ---- all ------------------------------------------------------------------------------------------------------ */

void stdio_start(struct stdio *io, struct agent_client *agent)
{
	io->agent = agent;
	if (!io->in.ended || !io->terminal)
		input_step(io);
	output_step(&io->out);
	if (!io->err.ended)
		output_step(&io->err);
}

bool stdio_drained(const struct stdio *io)
{
	return io->drained;
}

int stdio_close_stdin(struct stdio *io, agent_done_fn fn, void *data)
{
	if (io->in.close_fn)
		return -EALREADY;
	io->in.hold = fd_close(io->in.hold);
	if (!io->agent || (io->in.ended && io->in.closed)) {
		fn(NULL, data);
		return 0;
	}
	io->in.close_fn = fn;
	io->in.close_data = data;
	input_step(io);
	return 0;
}

void stdio_abandon(struct stdio *io)
{
	input_end(io);
	io->in.closed = true;
	answer_close(io, NULL);
	io->out.ended = io->err.ended = true;
	strbuf_reset(&io->out.buf);
	strbuf_reset(&io->err.buf);
	if (io->out.source)
		loop_io_set(io->out.source, 0);
	if (io->err.source)
		loop_io_set(io->err.source, 0);
	check_drained(io);
}

static void output_close(struct output *o)
{
	o->source = loop_source_free(o->source);
	o->fd = fd_close(o->fd);
	o->hold = fd_close(o->hold);
}

struct stdio *stdio_free(struct stdio *io)
{
	if (!io)
		return NULL;
	answer_close(io, NULL);
	input_end(io);
	output_close(&io->out);
	output_close(&io->err);
	io->freed = true;
	destroy(io);
	return NULL;
}
