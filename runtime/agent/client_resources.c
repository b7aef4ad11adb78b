/* SPDX-License-Identifier: Apache-2.0 */
/* What containers may use, and what they have used. */
#include <stdlib.h>
#include "agent/client_internal.h"
#include "oci/spec_pb.h"

int agent_pause_container(struct agent_client *c, const char *cid, agent_done_fn fn, void *data)
{
	Grpc__PauseContainerRequest req = GRPC__PAUSE_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_send_empty(c, "PauseContainer", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}

int agent_resume_container(struct agent_client *c, const char *cid, agent_done_fn fn, void *data)
{
	Grpc__ResumeContainerRequest req = GRPC__RESUME_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_send_empty(c, "ResumeContainer", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}

int agent_update_container(struct agent_client *c, const char *cid,
			   const struct oci_resources *resources, agent_done_fn fn, void *data)
{
	Grpc__UpdateContainerRequest req = GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	struct oci_spec spec = { .linux_.resources = (struct oci_resources *)resources };
	_cleanup_arena_ struct arena a = ARENA_INIT;
	Grpc__Spec *msg = oci_spec_to_pb(&a, &spec);

	if (!msg)
		return -ENOMEM;
	req.container_id = (char *)cid;
	req.resources = msg->linux_ ? msg->linux_->resources : NULL;
	return agent_send_empty(c, "UpdateContainer", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}

static void stats_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
			void *data)
{
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	call.fn.stats((const Grpc__StatsContainerResponse *)resp, err, call.data);
}

int agent_stats_container(struct agent_client *c, const char *cid, agent_stats_fn fn, void *data)
{
	struct agent_call call = { .fn.stats = fn, .data = data };
	Grpc__StatsContainerRequest req = GRPC__STATS_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_send(c, AGENT_SERVICE, "StatsContainer", &req.base,
			  &grpc__stats_container_response__descriptor, AGENT_CALL_TIMEOUT_MS,
			  stats_reply, &call);
}

static void oom_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		      void *data)
{
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	call.fn.oom(err ? NULL : ((const Grpc__OOMEvent *)resp)->container_id, err, call.data);
}

int agent_get_oom_event(struct agent_client *c, agent_oom_fn fn, void *data)
{
	struct agent_call call = { .fn.oom = fn, .data = data };
	Grpc__GetOOMEventRequest req = GRPC__GET_OOMEVENT_REQUEST__INIT;

	return agent_send(c, AGENT_SERVICE, "GetOOMEvent", &req.base, &grpc__oomevent__descriptor,
			  0, oom_reply, &call);
}
