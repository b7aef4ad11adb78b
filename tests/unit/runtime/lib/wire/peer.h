/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WIRE_PEER_H
#define TESTS_WIRE_PEER_H

#include "support/cmocka_all.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/loop.h"
#include "wire/agent.pb-c.h"
#include "wire/message.h"
#include "wire/ttrpc.h"
#include "wire/ttrpc.pb-c.h"
#include "wire/ttrpc_conn.h"

/* The other end of a connection, speaking in raw bytes. Its descriptor is non-blocking. */
struct peer {
	struct loop *loop;
	int fd;
};

/* Sends bytes, letting the loop run whenever the socket is full. */
static inline void peer_write(struct peer *p, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = write(p->fd, at, len);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(loop_step(p->loop, 1000) >= 0);
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}

/* Exactly n bytes; 0, or -1 when the other end closed the connection. */
static inline int peer_read(struct peer *p, void *buf, size_t n)
{
	uint8_t *at = buf;
	int idle = 0;

	while (n > 0) {
		ssize_t got = read(p->fd, at, n);

		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return -1;
		if (got < 0) {
			assert_int_equal(errno, EAGAIN);
			assert_true(loop_step(p->loop, 10) >= 0);
			assert_true(++idle < 3000);
			continue;
		}
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

/* A malloc'd frame; *len is its length. */
static inline uint8_t *peer_frame(uint32_t stream, uint8_t type, uint8_t flags,
				  const ProtobufCMessage *msg, size_t *len)
{
	struct ttrpc_frame f = { .stream = stream, .type = type, .flags = flags };
	uint8_t *buf;

	f.length = (uint32_t)protobuf_c_message_get_packed_size(msg);
	*len = TTRPC_HEADER_SIZE + f.length;
	buf = malloc(*len);
	assert_non_null(buf);
	ttrpc_header_encode(buf, &f);
	protobuf_c_message_pack(msg, buf + TTRPC_HEADER_SIZE);
	return buf;
}

static inline uint8_t *peer_request(uint32_t stream, const char *service, const char *method,
				    const ProtobufCMessage *msg, int64_t timeout_nano, size_t *len)
{
	Ttrpc__Request req = TTRPC__REQUEST__INIT;
	uint8_t *payload = NULL, *frame;

	if (msg)
		assert_int_equal(message_pack(msg, TTRPC_MAX_PAYLOAD, &payload, &req.payload.len),
				 0);
	req.service = (char *)service;
	req.method = (char *)method;
	req.payload.data = payload;
	req.timeout_nano = timeout_nano;
	frame = peer_frame(stream, TTRPC_TYPE_REQUEST, 0, &req.base, len);
	free(payload);
	return frame;
}

static inline void peer_send_request(struct peer *p, uint32_t stream, const char *method,
				     const ProtobufCMessage *msg, int64_t timeout_nano)
{
	size_t len;
	uint8_t *f = peer_request(stream, "test.Service", method, msg, timeout_nano, &len);

	peer_write(p, f, len);
	free(f);
}

/* The next response, freed by the caller; NULL when the connection was closed. */
static inline Ttrpc__Response *peer_response(struct peer *p, uint32_t *stream)
{
	uint8_t hdr[TTRPC_HEADER_SIZE], *payload;
	struct ttrpc_frame f;
	Ttrpc__Response *resp;

	if (peer_read(p, hdr, sizeof(hdr)) < 0)
		return NULL;
	ttrpc_header_decode(hdr, &f);
	assert_int_equal(f.type, TTRPC_TYPE_RESPONSE);
	assert_true(f.length <= TTRPC_MAX_PAYLOAD);
	payload = malloc(f.length + 1);
	assert_non_null(payload);
	assert_int_equal(peer_read(p, payload, f.length), 0);
	resp = ttrpc__response__unpack(NULL, f.length, payload);
	free(payload);
	assert_non_null(resp);
	if (stream)
		*stream = f.stream;
	return resp;
}

static inline void peer_expect_status(struct peer *p, uint32_t want_stream, enum ttrpc_code code,
				      const char *text)
{
	uint32_t stream = 0;
	Ttrpc__Response *resp = peer_response(p, &stream);

	assert_non_null(resp);
	assert_int_equal(stream, want_stream);
	assert_non_null(resp->status);
	assert_int_equal(resp->status->code, code);
	assert_string_equal(resp->status->message, text);
	ttrpc__response__free_unpacked(resp, NULL);
}

static inline void peer_expect_closed(struct peer *p)
{
	char c;

	assert_int_equal(peer_read(p, &c, 1), -1);
}

/* Runs the loop until nothing has happened for a moment. */
static inline void peer_settle(struct peer *p)
{
	while (loop_step(p->loop, 5) > 0)
		;
}

#endif
