/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_TTRPC_CONN_H
#define WIRE_TTRPC_CONN_H

#include "wire/ttrpc.h"

/*
 * One non-blocking stream of frames, shared by client and server. Only wire/ttrpc_*.c use this.
 */

/* Frame types and flags (containerd/ttrpc, PROTOCOL.md). */
#define TTRPC_TYPE_REQUEST     1
#define TTRPC_TYPE_RESPONSE    2
#define TTRPC_TYPE_DATA	       3
#define TTRPC_FLAG_REMOTE_OPEN 0x2

/* Unsent bytes above which a server's connection is not read from any more. */
#define TTRPC_PAUSE_QUEUED (1u << 20)

struct ttrpc_frame {
	uint32_t length; /* of the payload as announced */
	uint32_t stream;
	uint8_t type;
	uint8_t flags;
	int error; /* 0; -EMSGSIZE or -ENOMEM when the payload was thrown away */
	const uint8_t
		*payload; /* valid during the callback; NULL when length is 0 or error is set */
};

void ttrpc_header_encode(uint8_t hdr[TTRPC_HEADER_SIZE], const struct ttrpc_frame *f);
void ttrpc_header_decode(const uint8_t hdr[TTRPC_HEADER_SIZE], struct ttrpc_frame *f);

struct ttrpc_conn;

struct ttrpc_conn_ops {
	/* A whole frame. The callback may free the connection. */
	void (*frame)(void *data, const struct ttrpc_frame *f);
	/* The stream has ended or failed; comes once, from the loop, never from inside a call of the owner's. The callback may
	 * free the connection, which is of no other use any more. */
	void (*closed)(void *data, const struct error *why);
};

/*
 * Takes fd on success only. pause: stop reading while more than TTRPC_PAUSE_QUEUED bytes are unsent. Only one end of a
 * connection may do that, or both could wait for each other.
 */
int ttrpc_conn_new(struct loop *loop, int fd, const struct ttrpc_conn_ops *ops, void *data,
		   bool pause, struct ttrpc_conn **ret);
/* Closes without a callback. NULL accepted; returns NULL. */
struct ttrpc_conn *ttrpc_conn_free(struct ttrpc_conn *c);
/* Queues one frame: 0, -EMSGSIZE, -ENOMEM, -ENOTCONN after the end, -ENOBUFS when TTRPC_MAX_QUEUED would be exceeded. */
int ttrpc_conn_send(struct ttrpc_conn *c, uint32_t stream, uint8_t type,
		    const ProtobufCMessage *msg);
/* Ends the connection in the next round of the loop, through the closed callback. */
void ttrpc_conn_abort(struct ttrpc_conn *c, int code, const char *why);
size_t ttrpc_conn_queued(const struct ttrpc_conn *c);

#endif
