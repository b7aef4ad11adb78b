/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "sandbox/hybrid.h"
#include "sandbox/sandbox_internal.h"
#include "wire/agent_features.h"

/* Pause between two attempts to reach the agent. */
#define RETRY_USEC (3 * USEC_PER_MSEC)
/* One attempt of the driver, and of the agent's first answer. */
#define CONNECT_TIMEOUT_MS 1000
#define CHECK_TIMEOUT_MS   10000
/* How long a lost connection waits for the hypervisor to tell why. */
#define LOSS_GRACE_USEC (500 * USEC_PER_MSEC)

static void dial(struct launch_ctx *ctx);

static void stop_timers(struct launch_ctx *ctx)
{
	ctx->deadline = loop_source_free(ctx->deadline);
	ctx->retry = loop_source_free(ctx->retry);
}

static void on_retry(struct loop_source *s, void *data)
{
	dial(data);
}

static void on_deadline(struct loop_source *s, void *data)
{
	struct launch_ctx *ctx = data;
	struct error err = ERROR_INIT;

	sandbox_console_error(ctx->sb, &err, -ETIMEDOUT,
			      "no answer from the guest's agent within %u s (dial_timeout)",
			      ctx->sb->config->dial_timeout);
	stop_timers(ctx);
	launch_step_done(ctx->launch, &err);
}

static void on_grace_over(struct loop_source *s, void *data)
{
	struct sandbox *sb = data;

	loop_source_free(s);
	sandbox_lost(sb, "the connection to the guest's agent was lost");
}

/* The agent is gone. When the guest ended, the hypervisor tells in a moment, with a better reason. */
static void on_agent_close(void *data)
{
	struct sandbox *sb = data;
	struct loop_source *timer;

	if (sb->phase != SANDBOX_RUNNING)
		return;
	if (loop_add_timer(sb->loop, on_grace_over, sb, &timer) < 0) {
		sandbox_lost_later(sb, "the connection to the guest's agent was lost");
		return;
	}
	loop_timer_set(timer, LOSS_GRACE_USEC);
}

static void on_time_set(const struct error *err, void *data)
{
	if (err && err->code != -ENOSYS)
		log_warn("cannot set the guest's clock: %s", error_text(err));
}

static void take_features(struct sandbox *sb, const Grpc__AgentDetails *details)
{
	for (size_t i = 0; i < details->n_extra_features; i++) {
		const char *f = details->extra_features[i];
		const char *n = str_after(f, AGENT_FEATURE_BOOT_USEC);
		uint64_t usec;

		if (n && parse_u64(n, 10, &usec) == 0)
			sb->state.times.guest_boot_usec = usec;
		else if (str_eq(f, AGENT_FEATURE_ORDERED_STREAMS))
			agent_client_set_ordered(sb->agent, true);
	}
}

static void on_details(const Grpc__AgentDetails *details, const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;

	if (details) {
		take_features(sb, details);
		log_info("agent %s answers", details->version);
	}
	/* An agent without this call (-ENOSYS) is old, not wrong. */
	launch_step_done(ctx->launch, err && err->code != -ENOSYS ? err : NULL);
}

static void on_check(const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;
	int r;

	if (!ctx->deadline) /* given up meanwhile */
		return;
	if (err) {
		sb->agent = agent_client_free(sb->agent);
		loop_timer_set(ctx->retry, RETRY_USEC);
		return;
	}
	stop_timers(ctx);
	sb->state.times.agent_ready = time_mono_usec();
	agent_client_on_close(sb->agent, on_agent_close, sb);
	agent_set_time(sb->agent, time_wall_nsec(), on_time_set, NULL);
	r = agent_get_details(sb->agent, CHECK_TIMEOUT_MS, on_details, ctx);
	if (r < 0) {
		struct error e = ERROR_INIT;

		error_sys(&e, r, "GetGuestDetails");
		launch_step_done(ctx->launch, &e);
	}
}

static void on_connect(int fd, const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;

	ctx->dialing = false;
	if (ctx->orphan) {
		fd_close(fd);
		free(ctx);
		return;
	}
	if (!ctx->deadline) {
		fd_close(fd);
		return;
	}
	if (fd < 0 || agent_client_new(ctx->sb->loop, fd, &ctx->sb->agent) < 0) {
		loop_timer_set(ctx->retry, RETRY_USEC);
		return;
	}
	if (agent_check(ctx->sb->agent, CHECK_TIMEOUT_MS, on_check, ctx) < 0) {
		ctx->sb->agent = agent_client_free(ctx->sb->agent);
		loop_timer_set(ctx->retry, RETRY_USEC);
	}
}

static void dial(struct launch_ctx *ctx)
{
	struct sandbox *sb = ctx->sb;

	if (sb->vm_ops->connect(sb->vm, AGENT_PORT, CONNECT_TIMEOUT_MS, on_connect, ctx) < 0)
		loop_timer_set(ctx->retry, RETRY_USEC);
	else
		ctx->dialing = true;
}

int step_agent(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	struct loop *loop = ctx->sb->loop;
	int r = loop_add_timer(loop, on_deadline, ctx, &ctx->deadline);

	if (r == 0)
		r = loop_add_timer(loop, on_retry, ctx, &ctx->retry);
	if (r < 0)
		return error_sys(err, r, "timer");
	loop_timer_set(ctx->deadline, ctx->sb->config->dial_timeout * USEC_PER_SEC);
	dial(ctx);
	return LAUNCH_PENDING;
}

void undo_agent(void *data)
{
	struct launch_ctx *ctx = data;

	stop_timers(ctx);
	ctx->sb->agent = agent_client_free(ctx->sb->agent);
}

/* ---- the guest's other ports, for programs of the host ---- */

static int connect_guest(void *data, uint32_t port, uint64_t timeout_ms, hybrid_done_fn fn,
			 void *fn_data)
{
	struct sandbox *sb = data;

	return sb->vm_ops->connect(sb->vm, port, timeout_ms, fn, fn_data);
}

int step_vsock(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	_cleanup_free_ char *path = path_join(ctx->sb->instance->dir, HYBRID_SOCKET);

	if (!path)
		return error_oom(err);
	return hybrid_new(ctx->sb->loop, path, connect_guest, ctx->sb, &ctx->sb->hybrid, err);
}

void undo_vsock(void *data)
{
	struct launch_ctx *ctx = data;

	ctx->sb->hybrid = hybrid_free(ctx->sb->hybrid);
}
