/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "hypervisor/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(const struct json_value *ret, const struct error *err, void *data)
{
	++*(int *)data;
}

static void on_event(const char *name, const struct json_value *info, void *data)
{
	if (!name)
		abort();
}

static void on_end(const struct error *err, void *data)
{
	if (!err->code || !err->msg[0])
		abort();
}

/* The input is what QEMU says. Every command is answered once by the time the connection has ended. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *loop = NULL;
	struct qmp *q = NULL;
	int sv[2], answers = 0;

	if (loop_new(&loop) < 0 || fd_socketpair(sv, SOCK_NONBLOCK) < 0 ||
	    qmp_new(loop, sv[1], on_event, on_end, &answers, &q) < 0)
		abort();
	qmp_execute(q, "query-status", NULL, on_reply, &answers);
	qmp_execute(q, "cont", "{}", on_reply, &answers);
	while (size) {
		ssize_t n = send(sv[0], data, size < 4096 ? size : 4096, MSG_NOSIGNAL);

		loop_step(loop, 0);
		if (n <= 0)
			break;
		data += n;
		size -= (size_t)n;
	}
	fd_close(sv[0]);
	qmp_drain(q);
	if (answers != 2)
		abort();
	qmp_free(q);
	loop_free(loop);
	return 0;
}
