/* SPDX-License-Identifier: Apache-2.0 */
/* GetMetrics, and calls that this agent answers with why it does not do them. */
#include "service/agent.h"

#include "service/metrics.h"
#include "wire/agent.pb-c.h"

void svc_get_metrics(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__Metrics resp = GRPC__METRICS__INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct agent *a = data;

	if (metrics_write(&text, "", ++a->scrapes) < 0) {
		error_oom(&err);
		ttrpc_call_error(call, &err);
		return;
	}
	resp.metrics = text.buf;
	ttrpc_call_reply(call, &resp.base);
}

/* UNIMPLEMENTED is what callers of every age take for "this agent cannot", and go on. */

void svc_start_tracing(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED, "this agent records no traces");
}

void svc_stop_tracing(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "tracing was not started");
}

void svc_mem_agent(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED,
			"this agent has no memory agent (agent.mem_agent_enable is not supported)");
}
