/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_TTRPC_H
#define WIRE_TTRPC_H

#include <stdbool.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * ttrpc over any stream descriptor, on the event loop (containerd/ttrpc PROTOCOL.md).
 *
 *	frame: | u32 BE payload length | u32 BE stream id | u8 type | u8 flags | payload (at most 4 MiB) |
 *
 * type 1 is a request, 2 a response, 3 stream data (refused here). Client stream ids are odd and grow. The payload is a protobuf
 * ttrpc.Request {service 1, method 2, payload 3, timeout_nano 4, metadata 5} or ttrpc.Response {status 1, payload 2}. A
 * frame that breaks the rules ends its connection and nothing else.
 */
#define TTRPC_HEADER_SIZE 10
#define TTRPC_MAX_PAYLOAD (4u << 20)
#define TTRPC_MAX_CALLS	  1024 /* open calls on one connection; the next gets RESOURCE_EXHAUSTED */
#define TTRPC_MAX_QUEUED  (16u << 20) /* unsent bytes on a connection before it is closed */

/* gRPC status codes (grpc/doc/statuscodes.md). */
enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_CANCELLED = 1,
	TTRPC_UNKNOWN = 2,
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_ALREADY_EXISTS = 6,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_RESOURCE_EXHAUSTED = 8,
	TTRPC_FAILED_PRECONDITION = 9,
	TTRPC_ABORTED = 10,
	TTRPC_OUT_OF_RANGE = 11,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14,
	TTRPC_DATA_LOSS = 15,
	TTRPC_UNAUTHENTICATED = 16,
};
/* -ENOENT/-ESRCH → NOT_FOUND, -EINVAL → INVALID_ARGUMENT, -EEXIST → ALREADY_EXISTS, -ETIMEDOUT/-ETIME → DEADLINE_EXCEEDED,
 * -EPERM/-EACCES → PERMISSION_DENIED, -ENOSYS/-EOPNOTSUPP → UNIMPLEMENTED, -EBUSY → FAILED_PRECONDITION, -ENOMEM/-ENOSPC/-EMFILE →
 * RESOURCE_EXHAUSTED, -ECONNRESET/-EPIPE/-ENOTCONN → UNAVAILABLE, -ECANCELED → CANCELLED, else INTERNAL. And back. */
enum ttrpc_code ttrpc_code_of(int neg_errno);
int ttrpc_errno_of(enum ttrpc_code code);
/* "NOT_FOUND"; "UNKNOWN" for what is no code. And back: -EINVAL for a name that is none. */
const char *ttrpc_code_name(enum ttrpc_code code);
int ttrpc_code_parse(const char *name, enum ttrpc_code *ret);

/* ---- server --------------------------------------------------------------------------------------------------- */

struct ttrpc_server;
struct ttrpc_call; /* one request being answered */

/*
 * `req` is the unpacked request, freed after the call is answered (so a handler may keep using it until then). The handler
 * answers exactly once, now or from a later callback, with one of the functions below; the call is gone after that.
 */
typedef void (*ttrpc_method_fn)(struct ttrpc_call *call, const ProtobufCMessage *req, void *data);
struct ttrpc_method {
	const char *name;
	const ProtobufCMessageDescriptor *request;
	ttrpc_method_fn fn;
};
struct ttrpc_service {
	const char *name; /* "grpc.AgentService" */
	const struct ttrpc_method *methods;
	size_t n_methods;
	void *data; /* given to every handler */
	/* Asked before each handler; a negative errno with a text is the answer instead. NULL: every call is handled. */
	int (*allow)(void *data, const struct ttrpc_method *method, const ProtobufCMessage *req,
		     struct error *err);
};

int ttrpc_server_new(struct loop *loop, struct ttrpc_server **ret);
struct ttrpc_server *
ttrpc_server_free(struct ttrpc_server *s); /* closes everything; unanswered calls are cancelled */
/* The service is kept by pointer. */
int ttrpc_server_add_service(struct ttrpc_server *s, const struct ttrpc_service *svc);
/*
 * Takes a listening socket and accepts from it; -EMFILE and the like pause accepting, they do not end the server. Here as in
 * the other functions that take a descriptor, it stays the caller's on failure.
 */
int ttrpc_server_listen(struct ttrpc_server *s, int listen_fd);
/* Takes a connected stream. */
int ttrpc_server_add_conn(struct ttrpc_server *s, int fd);
/* Called when the number of connections falls to zero / rises from it; may be NULL. */
void ttrpc_server_on_idle(struct ttrpc_server *s, void (*fn)(bool idle, void *data), void *data);

int ttrpc_call_reply(struct ttrpc_call *call, const ProtobufCMessage *resp);
void ttrpc_call_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *fmt, ...)
	_printf_(3, 4);
void ttrpc_call_error(struct ttrpc_call *call, const struct error *err); /* code from err->code */
/*
 * fn is called when nobody waits for the answer any more (connection gone, deadline passed, server freed); the handler then
 * stops its work and must not answer: the call is gone when fn returns. Without on_cancel a late answer is dropped silently
 * (the call object stays valid until answered).
 */
void ttrpc_call_on_cancel(struct ttrpc_call *call, void (*fn)(struct ttrpc_call *, void *data),
			  void *data);
void *ttrpc_call_data(const struct ttrpc_call *call); /* as set by on_cancel */

/* ---- client --------------------------------------------------------------------------------------------------- */

struct ttrpc_client;

/*
 * The answer. On success err is NULL and resp is the unpacked message (valid during the callback only). On failure resp is
 * NULL, err holds the peer's text, and code its status (UNAVAILABLE for a lost connection, DEADLINE_EXCEEDED for a time-out).
 */
typedef void (*ttrpc_reply_fn)(const ProtobufCMessage *resp, enum ttrpc_code code,
			       const struct error *err, void *data);

/* Takes a connected stream. */
int ttrpc_client_new(struct loop *loop, int fd, struct ttrpc_client **ret);
/* Open calls fail with CANCELLED through their callbacks first. NULL accepted; returns NULL. */
struct ttrpc_client *ttrpc_client_free(struct ttrpc_client *c);
/* Called once when the connection is lost (after all open calls failed). */
void ttrpc_client_on_close(struct ttrpc_client *c, void (*fn)(struct ttrpc_client *, void *data),
			   void *data);
/*
 * Sends a request; fn is called exactly once, never from inside this function. timeout_ms 0: none. When it cannot be sent at
 * all: -errno and fn is not called. ret_id (may be NULL) can be used to cancel.
 */
int ttrpc_client_call(struct ttrpc_client *c, const char *service, const char *method,
		      const ProtobufCMessage *req, const ProtobufCMessageDescriptor *resp_desc,
		      uint64_t timeout_ms, ttrpc_reply_fn fn, void *data, uint32_t *ret_id);
/* Forgets an open call: its callback is not called. */
void ttrpc_client_cancel(struct ttrpc_client *c, uint32_t id);
/* Bytes queued and not yet taken by the socket: for back-pressure. */
size_t ttrpc_client_queued(const struct ttrpc_client *c);
/*
 * For command lines and tests: runs the loop until the answer came. *ret_resp (may be NULL) is the caller's: free it with
 * protobuf_c_message_free_unpacked(). 0 or -errno with the peer's text in err.
 */
int ttrpc_client_call_sync(struct ttrpc_client *c, const char *service, const char *method,
			   const ProtobufCMessage *req, const ProtobufCMessageDescriptor *resp_desc,
			   uint64_t timeout_ms, ProtobufCMessage **ret_resp, struct error *err);

#endif
