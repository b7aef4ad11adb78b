/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/client.h"

#include <stdlib.h>
#include <string.h>
#include "agent/client_internal.h"
#include "base/alloc.h"
#include "wire/google.pb-c.h"
#include "wire/health.pb-c.h"

int agent_client_new(struct loop *loop, int fd, struct agent_client **ret)
{
	struct agent_client *c = new0(struct agent_client);
	int r;

	if (!c)
		return -ENOMEM;
	r = ttrpc_client_new(loop, fd, &c->rpc);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct agent_client *agent_client_free(struct agent_client *c)
{
	if (!c)
		return NULL;
	c->on_close = NULL;
	ttrpc_client_free(c->rpc);
	free(c);
	return NULL;
}

static void rpc_closed(struct ttrpc_client *rpc, void *data)
{
	struct agent_client *c = data;

	if (c->on_close)
		c->on_close(c->on_close_data);
}

void agent_client_on_close(struct agent_client *c, void (*fn)(void *data), void *data)
{
	c->on_close = fn;
	c->on_close_data = data;
	ttrpc_client_on_close(c->rpc, rpc_closed, c);
}

void agent_client_set_ordered(struct agent_client *c, bool ordered)
{
	c->ordered = ordered;
}

bool agent_client_ordered(const struct agent_client *c)
{
	return c->ordered;
}

size_t agent_client_queued(const struct agent_client *c)
{
	return ttrpc_client_queued(c->rpc);
}

int agent_send(struct agent_client *c, const char *service, const char *method,
	       const ProtobufCMessage *req, const ProtobufCMessageDescriptor *resp,
	       uint64_t timeout_ms, ttrpc_reply_fn reply, const struct agent_call *call)
{
	struct agent_call *copy = new0(struct agent_call);
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = *call;
	r = ttrpc_client_call(c->rpc, service, method, req, resp, timeout_ms, reply, copy, NULL);
	if (r < 0)
		free(copy);
	return r;
}

static void done_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		       void *data)
{
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	call.fn.done(err, call.data);
}

int agent_send_empty(struct agent_client *c, const char *method, const ProtobufCMessage *req,
		     uint64_t timeout_ms, agent_done_fn fn, void *data)
{
	struct agent_call call = { .fn.done = fn, .data = data };

	return agent_send(c, AGENT_SERVICE, method, req, &google__protobuf__empty__descriptor,
			  timeout_ms, done_reply, &call);
}

int agent_check(struct agent_client *c, uint64_t timeout_ms, agent_done_fn fn, void *data)
{
	struct agent_call call = { .fn.done = fn, .data = data };
	Grpc__CheckRequest req = GRPC__CHECK_REQUEST__INIT;

	return agent_send(c, HEALTH_SERVICE, "Check", &req.base,
			  &grpc__health_check_response__descriptor, timeout_ms, done_reply, &call);
}

/* "name a=1 b=2" into a KernelModule inside the arena. */
static Grpc__KernelModule *module_message(struct arena *a, const char *line)
{
	Grpc__KernelModule *m = arena_new(a, Grpc__KernelModule);
	char *copy = arena_strdup(a, line), *save = NULL, *word;

	if (!m || !copy)
		return NULL;
	grpc__kernel_module__init(m);
	m->parameters = arena_new_array(a, char *, strlen(line) / 2 + 1);
	if (!m->parameters)
		return NULL;
	for (word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (!*m->name)
			m->name = word;
		else
			m->parameters[m->n_parameters++] = word;
	}
	return m;
}

int agent_create_sandbox(struct agent_client *c, const struct agent_sandbox_params *p,
			 uint64_t timeout_ms, agent_done_fn fn, void *data)
{
	Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;

	req.sandbox_id = (char *)p->sandbox_id;
	if (p->hostname)
		req.hostname = (char *)p->hostname;
	req.storages = p->storages;
	req.n_storages = p->n_storages;
	req.kernel_modules = arena_new_array(&a, Grpc__KernelModule *, p->n_kernel_modules + 1);
	if (!req.kernel_modules)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_kernel_modules; i++) {
		req.kernel_modules[i] = module_message(&a, p->kernel_modules[i]);
		if (!req.kernel_modules[i])
			return -ENOMEM;
	}
	req.n_kernel_modules = p->n_kernel_modules;
	return agent_send_empty(c, "CreateSandbox", &req.base, timeout_ms, fn, data);
}

int agent_destroy_sandbox(struct agent_client *c, uint64_t timeout_ms, agent_done_fn fn, void *data)
{
	Grpc__DestroySandboxRequest req = GRPC__DESTROY_SANDBOX_REQUEST__INIT;

	return agent_send_empty(c, "DestroySandbox", &req.base, timeout_ms, fn, data);
}

static void details_reply(const ProtobufCMessage *resp, enum ttrpc_code code,
			  const struct error *err, void *data)
{
	static const Grpc__AgentDetails none = GRPC__AGENT_DETAILS__INIT;
	const Grpc__GuestDetailsResponse *msg = (const Grpc__GuestDetailsResponse *)resp;
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	if (err)
		call.fn.details(NULL, err, call.data);
	else
		call.fn.details(msg->agent_details ? msg->agent_details : &none, NULL, call.data);
}

int agent_get_details(struct agent_client *c, uint64_t timeout_ms, agent_details_fn fn, void *data)
{
	struct agent_call call = { .fn.details = fn, .data = data };
	Grpc__GuestDetailsRequest req = GRPC__GUEST_DETAILS_REQUEST__INIT;

	return agent_send(c, AGENT_SERVICE, "GetGuestDetails", &req.base,
			  &grpc__guest_details_response__descriptor, timeout_ms, details_reply,
			  &call);
}

int agent_set_time(struct agent_client *c, uint64_t wall_nsec, agent_done_fn fn, void *data)
{
	Grpc__SetGuestDateTimeRequest req = GRPC__SET_GUEST_DATE_TIME_REQUEST__INIT;

	req.sec = (int64_t)(wall_nsec / 1000000000ULL);
	req.usec = (int64_t)(wall_nsec % 1000000000ULL / 1000);
	return agent_send_empty(c, "SetGuestDateTime", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}
