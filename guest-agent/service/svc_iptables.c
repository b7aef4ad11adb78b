/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "base/alloc.h"
#include "base/time.h"
#include "service/agent.h"
#include "service/work.h"
#include "wire/agent.pb-c.h"

/* The guest's own programs know the kernel's tables best; a guest without them has none to speak of. */

#define RULES_MAX    (3u << 20) /* bytes; an answer must fit into one frame */
#define TIMEOUT_USEC (30 * USEC_PER_SEC)

struct iptables_call {
	struct ttrpc_call *call;
	bool set;
	struct work *work;
};

static void on_cancel(struct ttrpc_call *call, void *data)
{
	struct iptables_call *c = data;

	work_cancel(c->work);
	free(c);
}

static void on_done(const struct error *err, const struct strbuf *out, void *data)
{
	Grpc__GetIPTablesResponse get = GRPC__GET_IPTABLES_RESPONSE__INIT;
	Grpc__SetIPTablesResponse set = GRPC__SET_IPTABLES_RESPONSE__INIT;
	struct iptables_call *c = data;

	get.data.data = set.data.data = (uint8_t *)out->buf;
	get.data.len = set.data.len = out->len;
	if (err)
		ttrpc_call_error(c->call, err);
	else
		ttrpc_call_reply(c->call, c->set ? &set.base : &get.base);
	free(c);
}

/* rules NULL: get them. */
static void run(struct ttrpc_call *call, struct agent *a, const char *program,
		const ProtobufCBinaryData *rules)
{
	static char wait_option[] = "--wait", wait_secs[] = "10";
	_cleanup_free_ char *path = NULL;
	struct iptables_call *c = new0(struct iptables_call);
	char *argv[] = { NULL, rules ? wait_option : NULL, wait_secs, NULL };
	struct work_params p = {
		.name = program, .argv = argv, .max_output = RULES_MAX, .timeout_usec = TIMEOUT_USEC
	};
	struct error err = ERROR_INIT;
	int r = c ? 0 : error_oom(&err);

	if (r == 0)
		r = work_find_program(program, &path, &err);
	if (r == 0) {
		argv[0] = path;
		if (rules) {
			p.input = rules->len ? rules->data : (const uint8_t *)"";
			p.input_len = rules->len;
		}
		c->call = call;
		c->set = rules != NULL;
		r = work_start(a, &p, on_done, c, &c->work, &err);
	}
	if (r < 0) {
		free(c);
		ttrpc_call_error(call, &err);
		return;
	}
	ttrpc_call_on_cancel(call, on_cancel, c);
}

void svc_get_iptables(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__GetIPTablesRequest *req = (const Grpc__GetIPTablesRequest *)msg;

	run(call, data, req->is_ipv6 ? "ip6tables-save" : "iptables-save", NULL);
}

void svc_set_iptables(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__SetIPTablesRequest *req = (const Grpc__SetIPTablesRequest *)msg;

	run(call, data, req->is_ipv6 ? "ip6tables-restore" : "iptables-restore", &req->data);
}
