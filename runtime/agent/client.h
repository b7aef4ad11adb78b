/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_CLIENT_H
#define AGENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"
#include "oci/spec.h"
#include "wire/agent.pb-c.h"

/*
 * The agent's services grpc.AgentService and grpc.Health as typed calls. Each call answers through its callback exactly once, never
 * from inside the call; when it cannot be sent at all, it returns -errno and the callback is not called. Errors carry the
 * agent's text; err->code is the errno that belongs to its status (-ENOSYS for UNIMPLEMENTED).
 */
#define AGENT_PORT 1024 /* of the guest's vsock */

/* The status of a process that was lost with its sandbox, as upstream. */
#define AGENT_EXIT_LOST 255

struct agent_client;

/* Takes a connected stream. */
int agent_client_new(struct loop *loop, int fd, struct agent_client **ret);
/* Calls still open are answered with -ECANCELED first. NULL accepted; returns NULL. */
struct agent_client *agent_client_free(struct agent_client *c);
/* Called once when the connection is lost, after the open calls failed. */
void agent_client_on_close(struct agent_client *c, void (*fn)(void *data), void *data);

/*
 * Whether calls of one stream keep their order when several are open (AGENT_FEATURE_ORDERED_STREAMS). False until the agent
 * said so.
 */
void agent_client_set_ordered(struct agent_client *c, bool ordered);
bool agent_client_ordered(const struct agent_client *c);
/* Bytes that the connection has not taken yet: for back-pressure. */
size_t agent_client_queued(const struct agent_client *c);

typedef void (*agent_done_fn)(const struct error *err /* NULL: success */, void *data);

/* ---- sandbox -------------------------------------------------------------------------------------------------- */

int agent_check(struct agent_client *c, uint64_t timeout_ms, agent_done_fn fn, void *data);

struct agent_sandbox_params {
	const char *sandbox_id;
	const char *hostname; /* NULL: the guest's own */
	Grpc__Storage **storages;
	size_t n_storages;
	char *const *kernel_modules; /* "name param=value ..." each; may be NULL */
	size_t n_kernel_modules;
};
int agent_create_sandbox(struct agent_client *c, const struct agent_sandbox_params *p,
			 uint64_t timeout_ms, agent_done_fn fn, void *data);
int agent_destroy_sandbox(struct agent_client *c, uint64_t timeout_ms, agent_done_fn fn,
			  void *data);
/* details is NULL on failure. */
typedef void (*agent_details_fn)(const Grpc__AgentDetails *details, const struct error *err,
				 void *data);
int agent_get_details(struct agent_client *c, uint64_t timeout_ms, agent_details_fn fn, void *data);
int agent_set_time(struct agent_client *c, uint64_t wall_nsec, agent_done_fn fn, void *data);

/* ---- containers and processes --------------------------------------------------------------------------------- */

struct agent_container_params {
	const char *container_id;
	const struct oci_spec *spec; /* as the guest shall see it */
	Grpc__Storage **storages;
	size_t n_storages;
};
int agent_create_container(struct agent_client *c, const struct agent_container_params *p,
			   uint64_t timeout_ms, agent_done_fn fn, void *data);
int agent_start_container(struct agent_client *c, const char *cid, uint64_t timeout_ms,
			  agent_done_fn fn, void *data);
int agent_remove_container(struct agent_client *c, const char *cid, uint64_t timeout_ms,
			   agent_done_fn fn, void *data);
int agent_exec_process(struct agent_client *c, const char *cid, const char *exec_id,
		       const struct oci_process *p, uint64_t timeout_ms, agent_done_fn fn,
		       void *data);
/* exec_id "": every process of the container. */
int agent_signal_process(struct agent_client *c, const char *cid, const char *exec_id, uint32_t sig,
			 agent_done_fn fn, void *data);
/* Waits for as long as the process lives. status: exit code, or 128 + signal; meaningless with err. */
typedef void (*agent_exit_fn)(int status, const struct error *err, void *data);
int agent_wait_process(struct agent_client *c, const char *cid, const char *exec_id,
		       agent_exit_fn fn, void *data);
int agent_tty_resize(struct agent_client *c, const char *cid, const char *exec_id, uint32_t rows,
		     uint32_t columns, agent_done_fn fn, void *data);

/* ---- resources ------------------------------------------------------------------------------------------------ */

/* Answered when every process stands, or runs again. */
int agent_pause_container(struct agent_client *c, const char *cid, agent_done_fn fn, void *data);
int agent_resume_container(struct agent_client *c, const char *cid, agent_done_fn fn, void *data);
int agent_update_container(struct agent_client *c, const char *cid,
			   const struct oci_resources *resources, agent_done_fn fn, void *data);
/* stats is NULL on failure, and valid during the callback. */
typedef void (*agent_stats_fn)(const Grpc__StatsContainerResponse *stats, const struct error *err,
			       void *data);
int agent_stats_container(struct agent_client *c, const char *cid, agent_stats_fn fn, void *data);
/* Waits for the next kill for lack of memory; cid is NULL on failure. */
typedef void (*agent_oom_fn)(const char *cid, const struct error *err, void *data);
int agent_get_oom_event(struct agent_client *c, agent_oom_fn fn, void *data);

/* ---- streams -------------------------------------------------------------------------------------------------- */

/* len: what the agent took. */
typedef void (*agent_write_fn)(uint32_t len, const struct error *err, void *data);
int agent_write_stdin(struct agent_client *c, const char *cid, const char *exec_id,
		      const void *data_buf, size_t len, agent_write_fn fn, void *data);
int agent_close_stdin(struct agent_client *c, const char *cid, const char *exec_id,
		      agent_done_fn fn, void *data);
enum agent_stream { AGENT_STDOUT, AGENT_STDERR };
/* Answers when there is something to read; len 0 is the end of the stream. buf is valid during the callback. */
typedef void (*agent_read_fn)(const void *buf, size_t len, const struct error *err, void *data);
int agent_read_stream(struct agent_client *c, enum agent_stream which, const char *cid,
		      const char *exec_id, uint32_t max, agent_read_fn fn, void *data);

#endif
