/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CLIENT_INTERNAL_H
#define AGENT_CLIENT_INTERNAL_H

#include "agent/client.h"
#include "wire/ttrpc.h"

/* Only for runtime/agent: sending, and what each kind of answer needs. */

struct agent_client {
	struct ttrpc_client *rpc;
	void (*on_close)(void *data);
	void *on_close_data;
	bool ordered;
};

/* The callback of one open call; which member holds is known by the function that reads the answer. */
struct agent_call {
	union {
		agent_done_fn done;
		agent_details_fn details;
		agent_exit_fn exited;
		agent_write_fn write;
		agent_read_fn read;
		agent_stats_fn stats;
		agent_oom_fn oom;
	} fn;
	void *data;
};

/* Sends `req`; `reply` gets a copy of *call and frees it. */
int agent_send(struct agent_client *c, const char *service, const char *method,
	       const ProtobufCMessage *req, const ProtobufCMessageDescriptor *resp,
	       uint64_t timeout_ms, ttrpc_reply_fn reply, const struct agent_call *call);
/* A call of grpc.AgentService whose answer is google.protobuf.Empty. */
int agent_send_empty(struct agent_client *c, const char *method, const ProtobufCMessage *req,
		     uint64_t timeout_ms, agent_done_fn fn, void *data);

#define AGENT_SERVICE  "grpc.AgentService"
#define HEALTH_SERVICE "grpc.Health"

/* Calls that only pass something on: the agent answers at once. */
#define AGENT_CALL_TIMEOUT_MS 60000

#endif
