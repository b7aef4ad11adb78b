/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/loop.h"
#include "wire/agent.pb-c.h"
#include "wire/ttrpc.h"

/*
 * Arbitrary bytes to a ttrpc server, or to a client with open calls. The first byte chooses (bit 0), and how the rest is cut
 * into writes (the other bits).
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ttrpc_call *kept;

static void do_reply(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	resp.data = ((const Grpc__WriteStreamRequest *)req)->data;
	(void)ttrpc_call_reply(call, &resp.base);
}

static void on_cancel(struct ttrpc_call *call, void *data)
{
	if (kept == call)
		kept = NULL;
}

/* Answers the call kept before, and keeps this one. */
static void do_keep(struct ttrpc_call *call, const ProtobufCMessage *req, void *data)
{
	if (kept)
		ttrpc_call_fail(kept, TTRPC_ABORTED, "another came");
	kept = call;
	ttrpc_call_on_cancel(call, on_cancel, NULL);
}

static const struct ttrpc_method methods[] = {
	{ "E", &grpc__write_stream_request__descriptor, do_reply },
	{ "K", &grpc__write_stream_request__descriptor, do_keep },
};
static const struct ttrpc_service service = { "s", methods, 2, NULL };

static void on_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		     void *data)
{
	unsigned int *open = data;

	if (!resp == !err || (err && err->code >= 0) || *open == 0)
		abort();
	(*open)--;
}

static void must(int r)
{
	if (r < 0)
		abort();
}

static void drive(struct loop *loop, int fd, const uint8_t *data, size_t size, size_t step)
{
	uint8_t sink[4096];
	ssize_t n;

	while (size > 0) {
		n = send(fd, data, size < step ? size : step, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			break;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		must(loop_step(loop, 0));
		while (read(fd, sink, sizeof(sink)) > 0)
			;
	}
}

static void run_server(struct loop *loop, int fds[2], const uint8_t *data, size_t size, size_t step)
{
	struct ttrpc_server *s;

	must(ttrpc_server_new(loop, &s));
	must(ttrpc_server_add_service(s, &service));
	must(ttrpc_server_add_conn(s, fds[0]));
	drive(loop, fds[1], data, size, step);
	fd_close(fds[1]);
	while (loop_step(loop, 0) > 0)
		;
	ttrpc_server_free(s);
	if (kept)
		abort();
}

static void run_client(struct loop *loop, int fds[2], const uint8_t *data, size_t size, size_t step)
{
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	struct ttrpc_client *c;
	unsigned int i, open = 0;

	must(ttrpc_client_new(loop, fds[0], &c));
	for (i = 0; i < 4; i++, open++)
		must(ttrpc_client_call(c, "s", "E", &wr.base,
				       &grpc__create_container_request__descriptor, 0, on_reply,
				       &open, NULL));
	drive(loop, fds[1], data, size, step);
	fd_close(fds[1]);
	while (loop_step(loop, 0) > 0)
		;
	ttrpc_client_free(c);
	if (open != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *loop;
	int fds[2];
	size_t step;

	if (size < 1 || size > 65536)
		return 0;
	step = data[0] >> 1 ? data[0] >> 1 : 65536;
	must(loop_new(&loop));
	must(fd_socketpair(fds, SOCK_NONBLOCK));
	if (data[0] & 1)
		run_client(loop, fds, data + 1, size - 1, step);
	else
		run_server(loop, fds, data + 1, size - 1, step);
	loop_free(loop);
	return 0;
}
