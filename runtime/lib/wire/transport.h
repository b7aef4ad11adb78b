/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_TRANSPORT_H
#define WIRE_TRANSPORT_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * The streams between host and guest, by address:
 *
 *	vsock://CID:PORT	AF_VSOCK; CID -1 (or "any") listens on every one
 *	unix://PATH		a Unix stream socket; PATH beginning with @ is abstract
 *	hvsock://PATH:PORT	"hybrid" vsock: the VMM's Unix socket. After connecting, the line "CONNECT PORT\n" asks for a port of the
 *				guest, and "OK N\n" says that it is connected (Firecracker, docs/vsock.md). Only for connecting.
 *
 * Every descriptor returned is non-blocking and O_CLOEXEC.
 */
enum transport_kind { TRANSPORT_VSOCK, TRANSPORT_UNIX, TRANSPORT_HVSOCK };

#define TRANSPORT_PATH_MAX 1024

struct transport_addr {
	enum transport_kind kind;
	uint32_t cid, port; /* vsock; hvsock: port only */
	char path[TRANSPORT_PATH_MAX];
};

/* -EINVAL with what is wrong, naming the text. */
int transport_addr_parse(const char *text, struct transport_addr *ret, struct error *err);

/* A Unix path that exists is -EADDRINUSE, with nothing removed; hvsock is -EOPNOTSUPP. */
int transport_listen(const struct transport_addr *a, int *ret_fd, struct error *err);

/* Connects and waits; timeout_ms 0: for ever. -ETIMEDOUT. For command lines and tests: it blocks. */
int transport_connect(const struct transport_addr *a, uint64_t timeout_ms, int *ret_fd,
		      struct error *err);

struct transport_dial;

/* The result, once: a descriptor that is now the callee's, or -1 and err. The dial is gone when this is called. */
typedef void (*transport_dial_fn)(int fd, const struct error *err, void *data);

/* The same on the event loop. fn is never called from inside this function. */
int transport_dial_start(struct loop *loop, const struct transport_addr *a, uint64_t timeout_ms,
			 transport_dial_fn fn, void *data, struct transport_dial **ret,
			 struct error *err);
/* Gives up without calling back. NULL accepted; returns NULL. */
struct transport_dial *transport_dial_cancel(struct transport_dial *d);

#endif
