/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

/* A server with one raw peer, and handlers that record what happens to them. */
struct fixture {
	struct peer p;
	struct ttrpc_server *server;
	struct ttrpc_call *kept[TTRPC_MAX_CALLS + 1];
	size_t n_kept;
	bool watch; /* Keep registers for cancellation */
	unsigned int cancelled, idle, active, handled;
};

static void do_echo(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	struct fixture *f = data;
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	f->handled++;
	resp.data = ((const Grpc__WriteStreamRequest *)req)->data;
	assert_int_equal(ttrpc_call_reply(call, &resp.base), 0);
}

static void do_fail(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	struct error err = ERROR_INIT;

	error_set(&err, -ENOENT, "no such thing: \xff");
	ttrpc_call_error(call, &err);
}

static void do_huge(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	resp.data.len = TTRPC_MAX_PAYLOAD;
	resp.data.data = calloc(1, resp.data.len);
	assert_non_null(resp.data.data);
	assert_int_equal(ttrpc_call_reply(call, &resp.base), -EMSGSIZE);
	free(resp.data.data);
}

static void on_cancel(struct ttrpc_call *call, void *data)
{
	struct fixture *f = data;

	assert_ptr_equal(ttrpc_call_data(call), f);
	f->cancelled++;
}

static void do_keep(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	struct fixture *f = data;

	f->kept[f->n_kept++] = call;
	if (f->watch)
		ttrpc_call_on_cancel(call, on_cancel, f);
}

static void do_free_server(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	struct fixture *f = data;
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	assert_int_equal(ttrpc_call_reply(call, &resp.base), 0);
	f->server = ttrpc_server_free(f->server);
}

static void on_idle(bool idle, void *data)
{
	struct fixture *f = data;

	if (idle)
		f->idle++;
	else
		f->active++;
}

static const struct ttrpc_method methods[] = {
	{ "Echo", &grpc__write_stream_request__descriptor, do_echo },
	{ "Fail", &grpc__write_stream_request__descriptor, do_fail },
	{ "Huge", &grpc__write_stream_request__descriptor, do_huge },
	{ "Keep", &grpc__write_stream_request__descriptor, do_keep },
	{ "FreeServer", &grpc__write_stream_request__descriptor, do_free_server },
};
static struct ttrpc_service service = { "test.Service", methods, 5, NULL };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_non_null(f);
	assert_int_equal(loop_new(&f->p.loop), 0);
	assert_int_equal(ttrpc_server_new(f->p.loop, &f->server), 0);
	service.data = f;
	assert_int_equal(ttrpc_server_add_service(f->server, &service), 0);
	ttrpc_server_on_idle(f->server, on_idle, f);
	assert_int_equal(fd_socketpair(fds, SOCK_NONBLOCK), 0);
	assert_int_equal(ttrpc_server_add_conn(f->server, fds[0]), 0);
	f->p.fd = fds[1];
	assert_int_equal(f->active, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ttrpc_server_free(f->server);
	fd_close(f->p.fd);
	loop_free(f->p.loop);
	free(f);
	return 0;
}

static void expect_echo(struct fixture *f, uint32_t want_stream, const char *text)
{
	uint32_t stream = 0;
	Ttrpc__Response *resp = peer_response(&f->p, &stream);
	Grpc__ReadStreamResponse *msg;

	assert_non_null(resp);
	assert_int_equal(stream, want_stream);
	assert_null(resp->status);
	msg = grpc__read_stream_response__unpack(NULL, resp->payload.len, resp->payload.data);
	assert_non_null(msg);
	assert_int_equal(msg->data.len, strlen(text));
	assert_memory_equal(msg->data.data, text, strlen(text));
	grpc__read_stream_response__free_unpacked(msg, NULL);
	ttrpc__response__free_unpacked(resp, NULL);
}

static uint8_t *echo_frame(uint32_t stream, const char *text, size_t *len)
{
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;

	wr.data.data = (uint8_t *)text;
	wr.data.len = strlen(text);
	return peer_request(stream, "test.Service", "Echo", &wr.base, 0, len);
}

static void send_echo(struct fixture *f, uint32_t stream, const char *text)
{
	size_t len;
	uint8_t *frame = echo_frame(stream, text, &len);

	peer_write(&f->p, frame, len);
	free(frame);
}

static void send_raw(struct fixture *f, uint32_t stream, uint8_t type, uint8_t flags,
		     const void *payload, uint32_t len)
{
	struct ttrpc_frame fr = { .length = len, .stream = stream, .type = type, .flags = flags };
	uint8_t hdr[TTRPC_HEADER_SIZE];

	ttrpc_header_encode(hdr, &fr);
	peer_write(&f->p, hdr, sizeof(hdr));
	peer_write(&f->p, payload, len);
}

/* The bytes of a whole exchange, from upstream's protocol document. */
static void test_golden(void **state)
{
	struct fixture *f = *state;
	static const uint8_t request[] = "\x00\x00\x00\x19\x00\x00\x00\x01\x01\x00"
					 "\x0a\x0ctest.Service\x12\x04"
					 "Echo\x1a\x03\x1a\x01x";
	static const uint8_t answer[] = "\x00\x00\x00\x05\x00\x00\x00\x01\x02\x00\x12\x03\x0a\x01x";
	uint8_t buf[sizeof(answer) - 1];

	peer_write(&f->p, request, sizeof(request) - 1);
	assert_int_equal(peer_read(&f->p, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, answer, sizeof(buf));
}

static void test_split_at_each_byte(void **state)
{
	struct fixture *f = *state;
	uint8_t *frame;
	uint32_t stream = 1;
	size_t len, i, first;

	frame = echo_frame(stream, "hello", &len);
	free(frame);
	first = len;
	for (i = 0; i <= first; i++, stream += 2) {
		frame = echo_frame(stream, "hello", &len);
		assert_int_equal(len, first);
		peer_write(&f->p, frame, i);
		peer_settle(&f->p);
		assert_int_equal(f->handled, i == first ? i + 1 : i);
		peer_write(&f->p, frame + i, len - i);
		expect_echo(f, stream, "hello");
		free(frame);
	}
}

static void test_one_byte_at_a_time(void **state)
{
	struct fixture *f = *state;
	size_t len, i;
	uint8_t *frame = echo_frame(9, "slow", &len);

	for (i = 0; i < len; i++) {
		peer_write(&f->p, frame + i, 1);
		peer_settle(&f->p);
	}
	free(frame);
	expect_echo(f, 9, "slow");
}

/* Many frames in one write, of lengths around the read buffer's. */
static void test_large_payloads(void **state)
{
	struct fixture *f = *state;
	static const size_t sizes[] = { 0, 1, 8000, 8191, 8192, 8193, 8203, 16384, 70000, 1000000 };
	uint32_t stream = 1;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++, stream += 2) {
		text = malloc(sizes[i] + 1);
		assert_non_null(text);
		memset(text, 'a' + (int)i, sizes[i]);
		text[sizes[i]] = '\0';
		send_echo(f, stream, text);
		expect_echo(f, stream, text);
		free(text);
	}
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	Ttrpc__Request req = TTRPC__REQUEST__INIT;
	size_t len;
	uint8_t *frame;

	peer_send_request(&f->p, 1, "Nothing", &wr.base, 0);
	peer_expect_status(&f->p, 1, TTRPC_UNIMPLEMENTED, "/test.Service/Nothing is not supported");
	frame = peer_request(3, "other.Service", "Echo", &wr.base, 0, &len);
	peer_write(&f->p, frame, len);
	free(frame);
	peer_expect_status(&f->p, 3, TTRPC_UNIMPLEMENTED, "/other.Service/Echo is not supported");

	/* A request whose payload is not the message. */
	req.service = (char *)"test.Service";
	req.method = (char *)"Echo";
	req.payload.data = (uint8_t *)"\x0a\x05x";
	req.payload.len = 3;
	frame = peer_frame(5, TTRPC_TYPE_REQUEST, 0, &req.base, &len);
	peer_write(&f->p, frame, len);
	free(frame);
	peer_expect_status(&f->p, 5, TTRPC_INVALID_ARGUMENT,
			   "grpc.WriteStreamRequest: malformed bytes");

	/* A frame whose payload is no request. */
	send_raw(f, 7, TTRPC_TYPE_REQUEST, 0, "\xff\xff\xff", 3);
	peer_expect_status(&f->p, 7, TTRPC_INVALID_ARGUMENT, "ttrpc.Request: malformed bytes");

	send_echo(f, 8, "even");
	peer_expect_status(&f->p, 8, TTRPC_INVALID_ARGUMENT, "stream id must be odd");
	send_echo(f, 7, "again");
	peer_expect_status(&f->p, 7, TTRPC_INVALID_ARGUMENT, "stream id must grow");
	send_raw(f, 11, TTRPC_TYPE_REQUEST, TTRPC_FLAG_REMOTE_OPEN, NULL, 0);
	peer_expect_status(&f->p, 11, TTRPC_UNIMPLEMENTED, "streaming is not supported");
	/* The rest of a refused stream is ignored. */
	send_raw(f, 11, TTRPC_TYPE_DATA, 0, "data", 4);

	peer_send_request(&f->p, 13, "Fail", &wr.base, 0);
	peer_expect_status(&f->p, 13, TTRPC_NOT_FOUND, "no such thing: ?");
	peer_send_request(&f->p, 15, "Huge", &wr.base, 0);
	peer_expect_status(&f->p, 15, TTRPC_RESOURCE_EXHAUSTED,
			   "the answer is longer than 4194296 bytes");
	/* And the connection still works. */
	send_echo(f, 17, "ok");
	expect_echo(f, 17, "ok");
	assert_int_equal(f->handled, 1);
}

static void test_oversize(void **state)
{
	struct fixture *f = *state;
	const uint32_t len = TTRPC_MAX_PAYLOAD + 1;
	uint8_t *junk = calloc(1, len);
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;

	assert_non_null(junk);
	/* An open call survives it. */
	peer_send_request(&f->p, 1, "Keep", &wr.base, 0);
	send_raw(f, 3, TTRPC_TYPE_REQUEST, 0, junk, len);
	peer_expect_status(&f->p, 3, TTRPC_RESOURCE_EXHAUSTED,
			   "message is longer than 4194304 bytes");
	free(junk);
	send_echo(f, 5, "after");
	expect_echo(f, 5, "after");
	assert_int_equal(f->n_kept, 1);
	ttrpc_call_fail(f->kept[0], TTRPC_ABORTED, "number %d", 7);
	peer_expect_status(&f->p, 1, TTRPC_ABORTED, "number 7");
}

static void test_wrong_type_closes(void **state)
{
	struct fixture *f = *state;

	f->watch = true;
	peer_send_request(&f->p, 1, "Keep", NULL, 0);
	send_raw(f, 3, TTRPC_TYPE_RESPONSE, 0, NULL, 0);
	peer_expect_closed(&f->p);
	assert_int_equal(f->cancelled, 1);
	assert_int_equal(f->idle, 1);
}

static void test_late_answers(void **state)
{
	struct fixture *f = *state;
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	peer_send_request(&f->p, 1, "Keep", NULL, 0);
	peer_send_request(&f->p, 3, "Keep", NULL, 0);
	peer_settle(&f->p);
	assert_int_equal(f->n_kept, 2);
	f->p.fd = fd_close(f->p.fd);
	peer_settle(&f->p);
	assert_int_equal(f->idle, 1);
	/* They go nowhere and do no harm, even when the server is gone too. */
	assert_int_equal(ttrpc_call_reply(f->kept[0], &resp.base), 0);
	f->server = ttrpc_server_free(f->server);
	ttrpc_call_fail(f->kept[1], TTRPC_INTERNAL, "late");
}

static void test_cancel_callback(void **state)
{
	struct fixture *f = *state;

	f->watch = true;
	peer_send_request(&f->p, 1, "Keep", NULL, 0);
	peer_send_request(&f->p, 3, "Keep", NULL, 0);
	peer_settle(&f->p);
	f->p.fd = fd_close(f->p.fd);
	peer_settle(&f->p);
	assert_int_equal(f->cancelled, 2);
	assert_int_equal(f->idle, 1);
}

static void test_deadline(void **state)
{
	struct fixture *f = *state;
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	/* With and without a callback. */
	f->watch = true;
	peer_send_request(&f->p, 1, "Keep", NULL, 20000000);
	peer_expect_status(&f->p, 1, TTRPC_DEADLINE_EXCEEDED, "deadline exceeded");
	assert_int_equal(f->cancelled, 1);
	f->watch = false;
	peer_send_request(&f->p, 3, "Keep", NULL, 1);
	peer_expect_status(&f->p, 3, TTRPC_DEADLINE_EXCEEDED, "deadline exceeded");
	assert_int_equal(ttrpc_call_reply(f->kept[1], &resp.base), 0);
	/* Nothing of the late answer is seen, and long deadlines do not fire. */
	peer_send_request(&f->p, 5, "Echo", NULL, INT64_MAX);
	expect_echo(f, 5, "");
}

static void test_too_many_calls(void **state)
{
	struct fixture *f = *state;
	uint32_t stream = 1;
	size_t i;

	for (i = 0; i < TTRPC_MAX_CALLS; i++, stream += 2)
		peer_send_request(&f->p, stream, "Keep", NULL, 0);
	peer_send_request(&f->p, stream, "Keep", NULL, 0);
	peer_expect_status(&f->p, stream, TTRPC_RESOURCE_EXHAUSTED, "too many open calls");
	assert_int_equal(f->n_kept, TTRPC_MAX_CALLS);
	ttrpc_call_fail(f->kept[5], TTRPC_ABORTED, "%s", "x");
	peer_expect_status(&f->p, 11, TTRPC_ABORTED, "x");
	send_echo(f, stream + 2, "room again");
	expect_echo(f, stream + 2, "room again");
	for (i = 0; i < TTRPC_MAX_CALLS; i++)
		if (i != 5)
			ttrpc_call_fail(f->kept[i], TTRPC_ABORTED, "x");
}

/* Sends as much of a frame as fits while the answers are not read; the number of bytes sent. */
static size_t send_while_taken(struct fixture *f, const uint8_t *frame, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = write(f->p.fd, frame + at, len - at);

		if (n > 0)
			at += (size_t)n;
		else if (loop_step(f->p.loop, 20) == 0)
			break;
	}
	return at;
}

/* A peer that asks and does not read: the server stops reading long before its queue is full, and goes on later. */
static void test_back_pressure(void **state)
{
	struct fixture *f = *state;
	const size_t chunk = 100000;
	char *text = malloc(chunk + 1);
	uint8_t *frame = NULL;
	size_t len, at;
	uint32_t sent = 0, got = 0;

	assert_non_null(text);
	memset(text, 'x', chunk);
	text[chunk] = '\0';
	do {
		free(frame);
		frame = echo_frame(2 * sent + 1, text, &len);
		at = send_while_taken(f, frame, len);
		sent++;
	} while (at == len && sent < 60);
	/* It stopped: about the pause limit plus the sockets' buffers is under way. */
	assert_true(at < len);
	assert_in_range(f->handled, 11, 25);
	/* Reading makes it go on; the half-sent frame is completed on the way. */
	while (at < len) {
		ssize_t n = write(f->p.fd, frame + at, len - at);

		if (n > 0)
			at += (size_t)n;
		else
			expect_echo(f, 2 * got++ + 1, text);
	}
	free(frame);
	while (got < sent)
		expect_echo(f, 2 * got++ + 1, text);
	assert_int_equal(f->handled, sent);
	free(text);
}

/* Answers that nobody reads, given without new requests: the queue's limit ends the connection. */
static void test_queue_limit(void **state)
{
	struct fixture *f = *state;
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;
	size_t i, n = 12;

	for (i = 0; i < n; i++)
		peer_send_request(&f->p, (uint32_t)(2 * i + 1), "Keep", NULL, 0);
	peer_settle(&f->p);
	assert_int_equal(f->n_kept, n);
	resp.data.len = 2u << 20;
	resp.data.data = calloc(1, resp.data.len);
	assert_non_null(resp.data.data);
	for (i = 0; i < n; i++)
		assert_int_equal(ttrpc_call_reply(f->kept[i], &resp.base), 0);
	free(resp.data.data);
	assert_int_equal(f->idle, 0);
	peer_settle(&f->p);
	assert_int_equal(f->idle, 1);
}

static void test_server_freed_in_handler(void **state)
{
	struct fixture *f = *state;

	f->watch = true;
	peer_send_request(&f->p, 1, "Keep", NULL, 0);
	peer_send_request(&f->p, 3, "FreeServer", NULL, 0);
	send_echo(f, 5, "not reached");
	peer_settle(&f->p);
	assert_null(f->server);
	assert_int_equal(f->cancelled, 1);
	assert_int_equal(f->handled, 0);
}

static void test_listen(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/test-ttrpc-XXXXXX", path[64];
	struct error err = ERROR_INIT;
	int lfd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(fd_unix_listen(path, 8, &lfd, &err), 0);
	assert_int_equal(ttrpc_server_listen(f->server, lfd), 0);
	fd_close(f->p.fd);
	peer_settle(&f->p);
	assert_int_equal(f->idle, 1);
	assert_int_equal(fd_unix_connect(path, &f->p.fd, &err), 0);
	assert_int_equal(fd_set_nonblock(f->p.fd, true), 0);
	send_echo(f, 1, "listen");
	expect_echo(f, 1, "listen");
	assert_int_equal(f->active, 2);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_golden),
		T(test_split_at_each_byte),
		T(test_one_byte_at_a_time),
		T(test_large_payloads),
		T(test_refusals),
		T(test_oversize),
		T(test_wrong_type_closes),
		T(test_late_answers),
		T(test_cancel_callback),
		T(test_deadline),
		T(test_too_many_calls),
		T(test_back_pressure),
		T(test_queue_limit),
		T(test_server_freed_in_handler),
		T(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
