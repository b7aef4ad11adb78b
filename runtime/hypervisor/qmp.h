/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HYPERVISOR_QMP_H
#define HYPERVISOR_QMP_H

#include "base/error.h"
#include "base/loop.h"
#include "codec/json.h"

/*
 * A client of QEMU's machine protocol (QEMU, docs/interop/qmp-spec.txt) on a stream socket: greeting, negotiation, commands
 * with numbered answers, events. One JSON document a line.
 */
#define QMP_MAX_LINE	(1u << 20) /* bytes */
#define QMP_MAX_PENDING 64	   /* commands without an answer */

struct qmp;

/* The answer to a command: the value of "return", or err with QEMU's text. Not called after qmp_free(). */
typedef void (*qmp_reply_fn)(const struct json_value *ret, const struct error *err, void *data);
/* info: the event's "data", whatever it is; NULL when it has none. */
typedef void (*qmp_event_fn)(const char *name, const struct json_value *info, void *data);
/* The connection ended (-ENOTCONN) or broke the protocol (-EPROTO). Commands without an answer have failed before this. */
typedef void (*qmp_end_fn)(const struct error *err, void *data);

/* Takes over fd on success. Every callback may free the client. */
int qmp_new(struct loop *loop, int fd, qmp_event_fn event, qmp_end_fn end, void *data,
	    struct qmp **ret);
struct qmp *qmp_free(struct qmp *q); /* NULL accepted; returns NULL */
/*
 * Sends a command, at once or after the negotiation. args: the text of a JSON object, or NULL. -EBUSY: too many without an answer;
 * -ENOTCONN: the connection has ended.
 */
int qmp_execute(struct qmp *q, const char *command, const char *args, qmp_reply_fn fn, void *data);
/* Reads and handles what has arrived, without waiting: before judging why QEMU ended. */
void qmp_drain(struct qmp *q);

#endif
