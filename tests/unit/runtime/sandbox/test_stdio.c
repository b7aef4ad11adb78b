/* SPDX-License-Identifier: Apache-2.0 */
/* The relay between FIFOs and the agent's stream calls, with an agent in this process that answers when told. */
#include "sandbox/stdio.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "support/cmocka_all.h"
#include "wire/google.pb-c.h"
#include "wire/ttrpc.h"

#define WAIT_USEC (10 * USEC_PER_SEC)
#define CALLS_MAX 16

struct held {
	struct ttrpc_call *call;
	const Grpc__WriteStreamRequest *write; /* NULL: a read */
};

struct fixture {
	char dir[64], fifo[2][96];
	struct loop *loop;
	struct ttrpc_server *server;
	struct agent_client *client;
	struct stdio *io;
	int in, out; /* the caller's ends */
	struct held writes[CALLS_MAX], reads[CALLS_MAX];
	size_t n_writes, n_reads, most_writes, most_reads;
	bool closed, drained;
};

static void forget(struct ttrpc_call *call, void *data)
{
	/* The fixture ends with calls open. */
}

static void on_write(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct fixture *f = data;

	assert_false(f->closed);
	assert_true(f->n_writes < CALLS_MAX);
	f->writes[f->n_writes++] = (struct held){ call, (const Grpc__WriteStreamRequest *)msg };
	f->most_writes = MAX(f->most_writes, f->n_writes);
	ttrpc_call_on_cancel(call, forget, f);
}

static void on_read(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct fixture *f = data;

	assert_int_equal(((const Grpc__ReadStreamRequest *)msg)->len, STDIO_CHUNK);
	assert_true(f->n_reads < CALLS_MAX);
	f->reads[f->n_reads++] = (struct held){ call, NULL };
	f->most_reads = MAX(f->most_reads, f->n_reads);
	ttrpc_call_on_cancel(call, forget, f);
}

static void on_read_err(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	ttrpc_call_reply(call, &resp.base);
}

static void on_close(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Google__Protobuf__Empty e = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct fixture *f = data;

	assert_int_equal(f->n_writes, 0); /* what was written before is in */
	f->closed = true;
	ttrpc_call_reply(call, &e.base);
}

static const struct ttrpc_method methods[] = {
	{ "WriteStdin", &grpc__write_stream_request__descriptor, on_write },
	{ "ReadStdout", &grpc__read_stream_request__descriptor, on_read },
	{ "ReadStderr", &grpc__read_stream_request__descriptor, on_read_err },
	{ "CloseStdin", &grpc__close_stdin_request__descriptor, on_close },
};
static struct ttrpc_service service;

static void on_drained(void *data)
{
	((struct fixture *)data)->drained = true;
}

static int setup(void **state)
{
	struct fixture *f = new0(struct fixture);
	struct stdio_params p = { .container_id = "c", .exec_id = "c", .err = "" };
	int sv[2];

	*state = f;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_stdio.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	for (int i = 0; i < 2; i++) {
		snprintf(f->fifo[i], sizeof(f->fifo[i]), "%s/%d", f->dir, i);
		assert_int_equal(mkfifo(f->fifo[i], 0600), 0);
	}
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(ttrpc_server_new(f->loop, &f->server), 0);
	service = (struct ttrpc_service){ "grpc.AgentService", methods, ARRAY_SIZE(methods), f };
	assert_int_equal(ttrpc_server_add_service(f->server, &service), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(ttrpc_server_add_conn(f->server, sv[0]), 0);
	assert_int_equal(agent_client_new(f->loop, sv[1], &f->client), 0);
	p.loop = f->loop;
	p.in = f->fifo[0];
	p.out = f->fifo[1];
	p.on_drained = on_drained;
	p.data = f;
	assert_int_equal(stdio_new(&p, &f->io, NULL), 0);
	f->in = open(f->fifo[0], O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	f->out = open(f->fifo[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(f->in >= 0 && f->out >= 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fd_close(f->in);
	fd_close(f->out);
	stdio_free(f->io);
	agent_client_free(f->client);
	ttrpc_server_free(f->server);
	loop_free(f->loop);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->dir, NULL), 0);
	free(f);
	return 0;
}

static void step(struct fixture *f)
{
	assert_true(loop_step(f->loop, 50) >= 0);
}

/* Runs until nothing more comes. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		assert_true(loop_step(f->loop, 2) >= 0);
}

static void until(struct fixture *f, const size_t *count, size_t want)
{
	uint64_t end = time_mono_usec() + WAIT_USEC;

	while (*count < want) {
		assert_true(time_mono_usec() < end);
		step(f);
	}
}

/* Takes the first call out. */
static struct held take(struct held *v, size_t *n)
{
	struct held h = v[0];

	assert_true(*n > 0);
	memmove(v, v + 1, --*n * sizeof(*v));
	return h;
}

/* Answers the oldest write: `len` bytes were taken. */
static void answer_write(struct fixture *f, uint32_t len, struct strbuf *got)
{
	Grpc__WriteStreamResponse resp = GRPC__WRITE_STREAM_RESPONSE__INIT;
	struct held h = take(f->writes, &f->n_writes);

	assert_int_equal(strbuf_add(got, h.write->data.data, len), 0);
	resp.len = len;
	ttrpc_call_reply(h.call, &resp.base);
}

static void answer_read(struct fixture *f, const void *buf, size_t len)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;
	struct held h = take(f->reads, &f->n_reads);

	resp.data.data = (uint8_t *)buf;
	resp.data.len = len;
	ttrpc_call_reply(h.call, &resp.base);
}

static void fill_random(char *buf, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		buf[i] = (char)(x >> 24);
	}
}

/* As much as goes in; the rest is given later. */
static size_t feed(struct fixture *f, const char *buf, size_t len)
{
	ssize_t n = write(f->in, buf, len);

	return n > 0 ? (size_t)n : 0;
}

static void pass_input(struct fixture *f, size_t total, size_t window)
{
	_cleanup_free_ char *data = malloc(total);
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	size_t given = 0;

	assert_non_null(data);
	fill_random(data, total);
	while (got.len < total) {
		given += feed(f, data + given, total - given);
		settle(f);
		/* Never more than the window, however much there is and however slow the agent. */
		assert_true(f->n_writes <= window);
		if (f->n_writes)
			answer_write(f, (uint32_t)f->writes[0].write->data.len, &got);
	}
	assert_int_equal(f->most_writes, window);
	assert_int_equal(got.len, total);
	assert_memory_equal(got.buf, data, total);
}

static void test_input_ordered(void **state)
{
	struct fixture *f = *state;

	agent_client_set_ordered(f->client, true);
	stdio_start(f->io, f->client);
	pass_input(f, 1 << 20, STDIO_WINDOW);
}

static void test_input_unordered(void **state)
{
	struct fixture *f = *state;

	stdio_start(f->io, f->client);
	pass_input(f, 512 << 10, 1);
}

static void on_stdin_closed(const struct error *err, void *data)
{
	assert_null(err);
	++*(size_t *)data;
}

/* The end of input comes after all that was written, and only when it was taken. */
static void test_close_waits(void **state)
{
	static char data[3 * STDIO_CHUNK];
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;
	size_t closed = 0;

	agent_client_set_ordered(f->client, true);
	fill_random(data, sizeof(data));
	assert_int_equal(write(f->in, data, sizeof(data)), sizeof(data));
	f->in = fd_close(f->in);
	stdio_start(f->io, f->client);
	assert_int_equal(stdio_close_stdin(f->io, on_stdin_closed, &closed), 0);
	assert_int_equal(stdio_close_stdin(f->io, on_stdin_closed, &closed), -EALREADY);
	until(f, &f->n_writes, 3);
	settle(f);
	assert_false(f->closed);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(closed, 0);
		answer_write(f, STDIO_CHUNK, &got);
		settle(f);
	}
	until(f, &closed, 1);
	assert_true(f->closed);
	assert_memory_equal(got.buf, data, sizeof(data));
}

/* An agent that takes a part: the rest comes again, unless something was sent behind it. */
static void test_partial(void **state)
{
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;

	stdio_start(f->io, f->client);
	assert_int_equal(write(f->in, "abcdef", 6), 6);
	until(f, &f->n_writes, 1);
	answer_write(f, 2, &got);
	until(f, &f->n_writes, 1);
	answer_write(f, 3, &got);
	until(f, &f->n_writes, 1);
	answer_write(f, 1, &got);
	settle(f);
	assert_int_equal(f->n_writes, 0);
	assert_int_equal(got.len, 6);
	assert_memory_equal(got.buf, "abcdef", 6);
}

static void test_partial_inside_window(void **state)
{
	static char data[2 * STDIO_CHUNK];
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;

	agent_client_set_ordered(f->client, true);
	assert_int_equal(write(f->in, data, sizeof(data)), sizeof(data));
	stdio_start(f->io, f->client);
	until(f, &f->n_writes, 2);
	answer_write(f, 1, &got); /* a broken promise: the stream ends rather than lose bytes */
	answer_write(f, STDIO_CHUNK, &got);
	settle(f);
	assert_true(f->closed);
	/* Nobody reads the FIFO any more. */
	assert_int_equal(write(f->in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
}

/* More calls only after a long answer; all of it in order; never more than the window when nobody empties the FIFO. */
static void test_output(void **state)
{
	enum { CHUNKS = 24 };
	static char data[CHUNKS * STDIO_CHUNK], got[CHUNKS * STDIO_CHUNK];
	struct fixture *f = *state;
	size_t sent = 0, n = 0;

	agent_client_set_ordered(f->client, true);
	fill_random(data, sizeof(data));
	stdio_start(f->io, f->client);
	until(f, &f->n_reads, 1);
	settle(f);
	assert_int_equal(f->n_reads, 1); /* idle: one */
	answer_read(f, data, 10);
	sent = 10;
	settle(f);
	assert_int_equal(f->n_reads, 1); /* a short answer: still one */
	while (f->n_reads > 0 && sent + STDIO_CHUNK <= sizeof(data)) {
		answer_read(f, data + sent, STDIO_CHUNK);
		sent += STDIO_CHUNK;
		settle(f);
	}
	/* Nobody read: what the FIFO and the relay hold is bounded, and the agent is asked no more. */
	assert_int_equal(f->n_reads, 0);
	assert_true(sent < sizeof(data) / 2);
	assert_int_equal(f->most_reads, STDIO_WINDOW);
	while (n < sizeof(data)) {
		ssize_t k = read(f->out, got + n, sizeof(got) - n);

		n += k > 0 ? (size_t)k : 0;
		settle(f);
		if (f->n_reads > 0 && sent < sizeof(data)) {
			size_t len = MIN(sizeof(data) - sent, (size_t)STDIO_CHUNK);

			answer_read(f, data + sent, len);
			sent += len;
		}
	}
	assert_memory_equal(got, data, sizeof(data));
	while (f->n_reads > 0) { /* the end, told once to each open call */
		answer_read(f, NULL, 0);
		settle(f);
	}
	assert_true(f->drained);
}

/* Freed with calls open: their answers find nothing to break. */
static void test_free_with_open_calls(void **state)
{
	static char data[STDIO_CHUNK];
	struct fixture *f = *state;
	_cleanup_strbuf_ struct strbuf got = STRBUF_INIT;

	agent_client_set_ordered(f->client, true);
	stdio_start(f->io, f->client);
	assert_int_equal(write(f->in, data, sizeof(data)), sizeof(data));
	until(f, &f->n_writes, 1);
	until(f, &f->n_reads, 1);
	f->io = stdio_free(f->io);
	answer_write(f, STDIO_CHUNK, &got);
	answer_read(f, data, sizeof(data));
	settle(f);
	assert_int_equal(f->n_reads, 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_input_ordered),
		T(test_input_unordered),
		T(test_close_waits),
		T(test_partial),
		T(test_output),
		T(test_partial_inside_window),
		T(test_free_with_open_calls),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
