/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "agent/client_internal.h"
#include "oci/spec_pb.h"
#include "wire/google.pb-c.h"

int agent_create_container(struct agent_client *c, const struct agent_container_params *p,
			   uint64_t timeout_ms, agent_done_fn fn, void *data)
{
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;

	req.container_id = (char *)p->container_id;
	req.exec_id = (char *)p->container_id;
	req.oci = oci_spec_to_pb(&a, p->spec);
	if (!req.oci)
		return -ENOMEM;
	req.storages = p->storages;
	req.n_storages = p->n_storages;
	return agent_send_empty(c, "CreateContainer", &req.base, timeout_ms, fn, data);
}

int agent_start_container(struct agent_client *c, const char *cid, uint64_t timeout_ms,
			  agent_done_fn fn, void *data)
{
	Grpc__StartContainerRequest req = GRPC__START_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_send_empty(c, "StartContainer", &req.base, timeout_ms, fn, data);
}

int agent_remove_container(struct agent_client *c, const char *cid, uint64_t timeout_ms,
			   agent_done_fn fn, void *data)
{
	Grpc__RemoveContainerRequest req = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_send_empty(c, "RemoveContainer", &req.base, timeout_ms, fn, data);
}

int agent_exec_process(struct agent_client *c, const char *cid, const char *exec_id,
		       const struct oci_process *p, uint64_t timeout_ms, agent_done_fn fn,
		       void *data)
{
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.process = oci_process_to_pb(&a, p);
	if (!req.process)
		return -ENOMEM;
	return agent_send_empty(c, "ExecProcess", &req.base, timeout_ms, fn, data);
}

int agent_signal_process(struct agent_client *c, const char *cid, const char *exec_id, uint32_t sig,
			 agent_done_fn fn, void *data)
{
	Grpc__SignalProcessRequest req = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.signal = sig;
	return agent_send_empty(c, "SignalProcess", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}

static void exit_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		       void *data)
{
	const Grpc__WaitProcessResponse *msg = (const Grpc__WaitProcessResponse *)resp;
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	call.fn.exited(err ? AGENT_EXIT_LOST : msg->status, err, call.data);
}

int agent_wait_process(struct agent_client *c, const char *cid, const char *exec_id,
		       agent_exit_fn fn, void *data)
{
	struct agent_call call = { .fn.exited = fn, .data = data };
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	return agent_send(c, AGENT_SERVICE, "WaitProcess", &req.base,
			  &grpc__wait_process_response__descriptor, 0, exit_reply, &call);
}

int agent_tty_resize(struct agent_client *c, const char *cid, const char *exec_id, uint32_t rows,
		     uint32_t columns, agent_done_fn fn, void *data)
{
	Grpc__TtyWinResizeRequest req = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.row = rows;
	req.column = columns;
	return agent_send_empty(c, "TtyWinResize", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}

static void write_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
			void *data)
{
	const Grpc__WriteStreamResponse *msg = (const Grpc__WriteStreamResponse *)resp;
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	call.fn.write(err ? 0 : msg->len, err, call.data);
}

int agent_write_stdin(struct agent_client *c, const char *cid, const char *exec_id,
		      const void *data_buf, size_t len, agent_write_fn fn, void *data)
{
	struct agent_call call = { .fn.write = fn, .data = data };
	Grpc__WriteStreamRequest req = GRPC__WRITE_STREAM_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.data.data = (uint8_t *)data_buf;
	req.data.len = len;
	return agent_send(c, AGENT_SERVICE, "WriteStdin", &req.base,
			  &grpc__write_stream_response__descriptor, 0, write_reply, &call);
}

int agent_close_stdin(struct agent_client *c, const char *cid, const char *exec_id,
		      agent_done_fn fn, void *data)
{
	Grpc__CloseStdinRequest req = GRPC__CLOSE_STDIN_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	return agent_send_empty(c, "CloseStdin", &req.base, AGENT_CALL_TIMEOUT_MS, fn, data);
}

static void read_reply(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		       void *data)
{
	const Grpc__ReadStreamResponse *msg = (const Grpc__ReadStreamResponse *)resp;
	struct agent_call call = *(struct agent_call *)data;

	free(data);
	if (err)
		call.fn.read(NULL, 0, err, call.data);
	else
		call.fn.read(msg->data.data, msg->data.len, NULL, call.data);
}

int agent_read_stream(struct agent_client *c, enum agent_stream which, const char *cid,
		      const char *exec_id, uint32_t max, agent_read_fn fn, void *data)
{
	struct agent_call call = { .fn.read = fn, .data = data };
	Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.exec_id = (char *)exec_id;
	req.len = max;
	return agent_send(c, AGENT_SERVICE, which == AGENT_STDOUT ? "ReadStdout" : "ReadStderr",
			  &req.base, &grpc__read_stream_response__descriptor, 0, read_reply, &call);
}
