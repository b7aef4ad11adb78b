/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"
#include "base/time.h"

/* A client whose other end is either a server in the same loop or raw bytes. */
struct fixture {
	struct peer p; /* fd -1 once the server has it */
	struct ttrpc_server *server;
	struct ttrpc_client *client;
	struct ttrpc_call *kept;
	int replies, closes;
	enum ttrpc_code code;
	struct error err;
	bool free_in_reply;
};

static void do_echo(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	resp.data = ((const Grpc__WriteStreamRequest *)req)->data;
	assert_int_equal(ttrpc_call_reply(call, &resp.base), 0);
}

static void do_fail(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "it is there");
}

static void do_keep(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	struct fixture *f = data;

	f->kept = call;
}

static const struct ttrpc_method methods[] = {
	{ "Echo", &grpc__write_stream_request__descriptor, do_echo },
	{ "Fail", &grpc__write_stream_request__descriptor, do_fail },
	{ "Keep", &grpc__write_stream_request__descriptor, do_keep },
};
static struct ttrpc_service service = { "test.Service", methods, 3, NULL };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_non_null(f);
	assert_int_equal(loop_new(&f->p.loop), 0);
	assert_int_equal(fd_socketpair(fds, SOCK_NONBLOCK), 0);
	assert_int_equal(ttrpc_client_new(f->p.loop, fds[0], &f->client), 0);
	f->p.fd = fds[1];
	*state = f;
	return 0;
}

static int setup_served(void **state)
{
	struct fixture *f;

	setup(state);
	f = *state;
	assert_int_equal(ttrpc_server_new(f->p.loop, &f->server), 0);
	service.data = f;
	assert_int_equal(ttrpc_server_add_service(f->server, &service), 0);
	assert_int_equal(ttrpc_server_add_conn(f->server, f->p.fd), 0);
	f->p.fd = -1;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_free(f->client);
	ttrpc_server_free(f->server);
	fd_close(f->p.fd);
	loop_free(f->p.loop);
	free(f);
	return 0;
}

static void on_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		     void *data)
{
	struct fixture *f = data;

	f->replies++;
	f->code = code;
	assert_true((resp == NULL) == (err != NULL));
	if (err)
		f->err = *err;
	if (f->free_in_reply)
		f->client = ttrpc_client_free(f->client);
}

static void on_close(struct ttrpc_client *c, void *data)
{
	struct fixture *f = data;

	assert_ptr_equal(c, f->client);
	f->closes++;
}

static int call(struct fixture *f, const char *method, uint64_t timeout_ms, uint32_t *id)
{
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;

	return ttrpc_client_call(f->client, "test.Service", method, &wr.base,
				 &grpc__read_stream_response__descriptor, timeout_ms, on_reply, f,
				 id);
}

static void expect_error(struct fixture *f, enum ttrpc_code code, int err, const char *text)
{
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->code, code);
	assert_int_equal(f->err.code, err);
	assert_string_equal(error_text(&f->err), text);
	f->replies = 0;
}

/* The request's bytes: frame, service, method, payload, time-out of 1000 ms. */
static void test_golden(void **state)
{
	struct fixture *f = *state;
	static const char want[] = "\x00\x00\x00\x1a\x00\x00\x00\x01\x01\x00"
				   "\x0a\x0ctest.Service\x12\x04"
				   "Echo\x20\x80\x94\xeb\xdc\x03";
	char got[sizeof(want) - 1];

	assert_int_equal(call(f, "Echo", 1000, NULL), 0);
	assert_int_equal(peer_read(&f->p, got, sizeof(got)), 0);
	assert_memory_equal(got, want, sizeof(got));
}

static void test_sync(void **state)
{
	struct fixture *f = *state;
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg;
	int r;

	wr.data.len = 3000000;
	wr.data.data = malloc(wr.data.len);
	assert_non_null(wr.data.data);
	memset(wr.data.data, 'z', wr.data.len);
	r = ttrpc_client_call_sync(f->client, "test.Service", "Echo", &wr.base,
				   &grpc__read_stream_response__descriptor, 10000, &msg, &err);
	assert_int_equal(r, 0);
	assert_int_equal(((Grpc__ReadStreamResponse *)msg)->data.len, wr.data.len);
	assert_memory_equal(((Grpc__ReadStreamResponse *)msg)->data.data, wr.data.data,
			    wr.data.len);
	protobuf_c_message_free_unpacked(msg, NULL);
	free(wr.data.data);

	wr.data.data = NULL;
	wr.data.len = 0;
	r = ttrpc_client_call_sync(f->client, "test.Service", "Echo", &wr.base,
				   &grpc__read_stream_response__descriptor, 0, NULL, &err);
	assert_int_equal(r, 0);
	r = ttrpc_client_call_sync(f->client, "test.Service", "Fail", &wr.base,
				   &grpc__read_stream_response__descriptor, 0, &msg, &err);
	assert_int_equal(r, -EEXIST);
	assert_int_equal(err.code, -EEXIST);
	assert_string_equal(error_text(&err), "it is there");
	assert_null(msg);
	r = ttrpc_client_call_sync(f->client, "test.Service", "None", &wr.base,
				   &grpc__read_stream_response__descriptor, 0, NULL, &err);
	assert_int_equal(r, -EOPNOTSUPP);
	assert_string_equal(error_text(&err), "/test.Service/None is not supported");
	r = ttrpc_client_call_sync(f->client, "test.Service", "Keep", &wr.base,
				   &grpc__read_stream_response__descriptor, 30, NULL, &err);
	assert_int_equal(r, -ETIMEDOUT);
	ttrpc_call_fail(f->kept, TTRPC_INTERNAL, "late");
}

struct numbered {
	unsigned int number, *done;
};

static void on_numbered(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
			void *data)
{
	const Grpc__ReadStreamResponse *msg = (const Grpc__ReadStreamResponse *)resp;
	struct numbered *n = data;

	assert_non_null(resp);
	assert_int_equal(code, TTRPC_OK);
	assert_int_equal(msg->data.len, sizeof(n->number));
	assert_memory_equal(msg->data.data, &n->number, sizeof(n->number));
	(*n->done)++;
}

static void test_many(void **state)
{
	struct fixture *f = *state;
	enum { N = 1000 };
	struct numbered *n = calloc(N, sizeof(*n));
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	unsigned int i, done = 0;
	uint32_t id;

	assert_non_null(n);
	for (i = 0; i < N; i++) {
		n[i].number = i;
		n[i].done = &done;
		wr.data.data = (uint8_t *)&n[i].number;
		wr.data.len = sizeof(n[i].number);
		assert_int_equal(ttrpc_client_call(f->client, "test.Service", "Echo", &wr.base,
						   &grpc__read_stream_response__descriptor, 60000,
						   on_numbered, &n[i], &id),
				 0);
		assert_int_equal(id, 2 * i + 1);
	}
	assert_int_equal(done, 0);
	while (done < N)
		assert_true(loop_step(f->p.loop, 10000) > 0);
	peer_settle(&f->p);
	assert_int_equal(done, N);
	assert_int_equal(ttrpc_client_queued(f->client), 0);
	free(n);
}

static void test_timeout(void **state)
{
	struct fixture *f = *state;
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	uint64_t begin = time_mono_usec();
	uint8_t *frame;
	size_t len;

	assert_int_equal(call(f, "Echo", 30, NULL), 0);
	while (f->replies == 0)
		assert_true(loop_step(f->p.loop, 5000) >= 0);
	assert_true(time_mono_usec() - begin >= 29000);
	expect_error(f, TTRPC_DEADLINE_EXCEEDED, -ETIMEDOUT, "no answer in time");
	/* The late answer is ignored. */
	frame = peer_frame(1, TTRPC_TYPE_RESPONSE, 0, &resp.base, &len);
	peer_write(&f->p, frame, len);
	free(frame);
	peer_settle(&f->p);
	assert_int_equal(f->replies, 0);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	uint32_t id;
	uint8_t *frame;
	size_t len;

	assert_int_equal(call(f, "Echo", 0, &id), 0);
	ttrpc_client_cancel(f->client, id);
	ttrpc_client_cancel(f->client, id);
	frame = peer_frame(id, TTRPC_TYPE_RESPONSE, 0, &resp.base, &len);
	peer_write(&f->p, frame, len);
	free(frame);
	peer_settle(&f->p);
	assert_int_equal(f->replies, 0);
}

static void test_lost(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_on_close(f->client, on_close, f);
	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	f->p.fd = fd_close(f->p.fd);
	peer_settle(&f->p);
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->code, TTRPC_UNAVAILABLE);
	assert_int_equal(f->closes, 1);
	assert_int_equal(call(f, "Echo", 0, NULL), -ENOTCONN);
	assert_int_equal(f->replies, 1);
}

static void test_lost_in_frame(void **state)
{
	struct fixture *f = *state;
	char request[36];

	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	/* All is read first: a socket closed over unread bytes resets instead of ending. */
	while (read(f->p.fd, request, sizeof(request)) > 0)
		;
	peer_write(&f->p, "\0\0\0\5\0\0\0\1\2", 9);
	f->p.fd = fd_close(f->p.fd);
	peer_settle(&f->p);
	expect_error(f, TTRPC_UNAVAILABLE, -ECONNRESET,
		     "connection closed in the middle of a frame");
}

static void test_free_fails_calls(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_on_close(f->client, on_close, f);
	assert_int_equal(call(f, "Echo", 1000, NULL), 0);
	f->client = ttrpc_client_free(f->client);
	expect_error(f, TTRPC_CANCELLED, -ECANCELED, "the client was closed");
	assert_int_equal(f->closes, 0);
}

static void test_free_in_reply(void **state)
{
	struct fixture *f = *state;

	f->free_in_reply = true;
	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	peer_settle(&f->p);
	assert_null(f->client);
	/* The first with its answer, the second because of the end. */
	assert_int_equal(f->replies, 2);
	assert_int_equal(f->code, TTRPC_CANCELLED);
}

static void test_free_when_lost(void **state)
{
	struct fixture *f = *state;

	f->free_in_reply = true;
	ttrpc_client_on_close(f->client, on_close, f);
	assert_int_equal(call(f, "Keep", 1000, NULL), 0);
	assert_int_equal(call(f, "Keep", 1000, NULL), 0);
	f->p.fd = fd_close(f->p.fd);
	peer_settle(&f->p);
	assert_null(f->client);
	assert_int_equal(f->replies, 2);
	assert_int_equal(f->closes, 0);
}

static void respond(struct fixture *f, const Ttrpc__Response *resp)
{
	size_t len;
	uint8_t *frame = peer_frame(1, TTRPC_TYPE_RESPONSE, 0, &resp->base, &len);

	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	peer_write(&f->p, frame, len);
	free(frame);
	peer_settle(&f->p);
}

static void test_bad_answer(void **state)
{
	struct fixture *f = *state;
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;

	resp.payload.data = (uint8_t *)"\x0a\x09x";
	resp.payload.len = 3;
	respond(f, &resp);
	expect_error(f, TTRPC_INTERNAL, -EBADMSG,
		     "answer: grpc.ReadStreamResponse: malformed bytes");
}

static void test_unknown_code(void **state)
{
	struct fixture *f = *state;
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;

	status.code = -3;
	status.message = (char *)"strange";
	resp.status = &status;
	respond(f, &resp);
	expect_error(f, TTRPC_UNKNOWN, -EIO, "strange");
}

static void test_garbage_closes(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_on_close(f->client, on_close, f);
	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	peer_write(&f->p, "\0\0\0\0\0\0\0\1\7\0", 10);
	peer_settle(&f->p);
	expect_error(f, TTRPC_UNAVAILABLE, -EPROTO, "frame of a wrong type");
	assert_int_equal(f->closes, 1);
}

static void test_oversized_answer(void **state)
{
	struct fixture *f = *state;
	struct ttrpc_frame fr = { .length = TTRPC_MAX_PAYLOAD + 1, .stream = 1, .type = 2 };
	uint8_t hdr[TTRPC_HEADER_SIZE], *junk = calloc(1, fr.length);
	Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
	size_t len;
	uint8_t *frame = peer_frame(3, TTRPC_TYPE_RESPONSE, 0, &resp.base, &len);

	assert_non_null(junk);
	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	ttrpc_header_encode(hdr, &fr);
	peer_write(&f->p, hdr, sizeof(hdr));
	peer_write(&f->p, junk, fr.length);
	peer_settle(&f->p);
	expect_error(f, TTRPC_RESOURCE_EXHAUSTED, -EMSGSIZE, "answer of 4194305 bytes is too long");
	/* The next call is not harmed. */
	assert_int_equal(call(f, "Echo", 0, NULL), 0);
	peer_write(&f->p, frame, len);
	peer_settle(&f->p);
	assert_int_equal(f->replies, 1);
	assert_int_equal(f->code, TTRPC_OK);
	free(frame);
	free(junk);
}

static void test_send_limits(void **state)
{
	struct fixture *f = *state;
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	int i, r = 0;

	wr.data.len = TTRPC_MAX_PAYLOAD;
	wr.data.data = calloc(1, wr.data.len);
	assert_non_null(wr.data.data);
	r = ttrpc_client_call(f->client, "test.Service", "Echo", &wr.base,
			      &grpc__read_stream_response__descriptor, 0, on_reply, f, NULL);
	assert_int_equal(r, -EMSGSIZE);
	/* Nobody reads: at some point no more is taken, and what was taken stays open. */
	wr.data.len = 1u << 20;
	for (i = 0; i < 20; i++) {
		r = ttrpc_client_call(f->client, "test.Service", "Echo", &wr.base,
				      &grpc__read_stream_response__descriptor, 0, on_reply, f,
				      NULL);
		if (r < 0)
			break;
	}
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(i, 15, 17);
	assert_in_range(ttrpc_client_queued(f->client), 15u << 20, TTRPC_MAX_QUEUED);
	assert_int_equal(f->replies, 0);
	free(wr.data.data);
}

int main(void)
{
#define RAW(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SERVED(name) cmocka_unit_test_setup_teardown(name, setup_served, teardown)
	const struct CMUnitTest tests[] = {
		RAW(test_golden),	  SERVED(test_sync),	      SERVED(test_many),
		RAW(test_timeout),	  RAW(test_cancel),	      RAW(test_lost),
		RAW(test_lost_in_frame),  RAW(test_free_fails_calls), SERVED(test_free_in_reply),
		RAW(test_free_when_lost), RAW(test_bad_answer),	      RAW(test_unknown_code),
		RAW(test_garbage_closes), RAW(test_oversized_answer), RAW(test_send_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
