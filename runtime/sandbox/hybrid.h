/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_HYBRID_H
#define SANDBOX_HYBRID_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * The guest's vsock for other programs of the host, as Cloud Hypervisor and Firecracker offer theirs ("hybrid" vsock): a Unix socket in
 * the sandbox's directory. A client writes "CONNECT PORT\n", is answered "OK N\n", and is then joined with the guest's port; when
 * nothing listens there, or the line is something else, it is hung up on.
 */
#define HYBRID_SOCKET	   "vsock.sock" /* in the instance's directory */
#define HYBRID_MAX_CLIENTS 64
#define HYBRID_LINE_MAX	   32 /* bytes of a CONNECT line */
#define HYBRID_CONNECT_MS  10000

/* As vm_ops.connect: fn is called once, never from inside. */
typedef void (*hybrid_done_fn)(int fd, const struct error *err, void *data);
typedef int (*hybrid_connect_fn)(void *data, uint32_t port, uint64_t timeout_ms, hybrid_done_fn fn,
				 void *fn_data);

struct hybrid;
int hybrid_new(struct loop *loop, const char *path, hybrid_connect_fn connect, void *data,
	       struct hybrid **ret, struct error *err);
/* Hangs up on all; connects that are under way may still call back. Removes the socket. NULL accepted; returns NULL. */
struct hybrid *hybrid_free(struct hybrid *h);

#endif
