/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "sandbox/sandbox_internal.h"

#define REMOVE_TIMEOUT_MS 60000

/* One answer that the agent owes, and through fn (unless NULL) we owe to a front door. */
struct pending {
	struct list link;	 /* process.pending */
	struct process *process; /* NULL: freed meanwhile */
	sandbox_done_fn fn;
	void *data;
};

static struct pending *pending_new(struct process *p, sandbox_done_fn fn, void *data)
{
	struct pending *w = new0(struct pending);

	if (!w)
		return NULL;
	*w = (struct pending){ .process = p, .fn = fn, .data = data };
	list_add_tail(&p->pending, &w->link);
	return w;
}

/* The answer is here, or will never come: what it was for, as a copy. */
static struct pending pending_take(struct pending *w)
{
	struct pending copy = *w;

	list_del(&w->link);
	free(w);
	return copy;
}

static bool is_init(const struct process *p)
{
	return !*p->exec_id;
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

static void maybe_finish(struct process *p)
{
	if (p->status == PROCESS_RUNNING && p->exit_known && (!p->io || stdio_drained(p->io)))
		process_finish(p, p->exit_code);
}

static void on_drained(void *data)
{
	maybe_finish(data);
}

int process_new(struct container *c, const char *exec_id, const struct container_params *io,
		struct process **ret, struct error *err)
{
	struct process *p = new0(struct process);
	struct stdio_params sp = { .loop = c->sandbox->loop, .on_drained = on_drained };
	int r;

	if (!p)
		return error_oom(err);
	p->container = c;
	p->status = PROCESS_CREATED;
	p->terminal = io->terminal;
	list_init(&p->waiters);
	list_init(&p->pending);
	list_add_tail(&c->processes, &p->link);
	p->exec_id = strdup(exec_id);
	p->agent_id = strdup(*exec_id ? exec_id : c->id);
	p->in = strdup(io->in ? io->in : "");
	p->out = strdup(io->out ? io->out : "");
	p->err = strdup(io->err ? io->err : "");
	if (!p->exec_id || !p->agent_id || !p->in || !p->out || !p->err) {
		process_free(p);
		return error_oom(err);
	}
	sp.container_id = c->id;
	sp.exec_id = p->agent_id;
	sp.in = p->in;
	sp.out = p->out;
	sp.err = p->err;
	sp.terminal = p->terminal;
	sp.data = p;
	r = stdio_new(&sp, &p->io, err);
	if (r < 0) {
		process_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	if (p->status != PROCESS_STOPPED)
		process_finish(p, AGENT_EXIT_LOST);
	while (!list_empty(&p->pending)) {
		struct pending *w = list_entry(p->pending.next, struct pending, link);

		list_del(&w->link);
		w->process = NULL;
	}
	stdio_free(p->io);
	list_del(&p->link);
	oci_process_free(p->spec);
	free(p->exec_id);
	free(p->agent_id);
	free(p->in);
	free(p->out);
	free(p->err);
	free(p);
	return NULL;
}

void process_finish(struct process *p, int exit_code)
{
	struct sandbox *sb = p->container->sandbox;

	if (p->status == PROCESS_STOPPED)
		return;
	p->status = PROCESS_STOPPED;
	p->exit_code = exit_code;
	p->exited_at = time_wall_nsec();
	log_info("process %s%s%s exited with status %d", p->container->id, *p->exec_id ? "/" : "",
		 p->exec_id, exit_code);
	if (is_init(p) && str_eq(p->container->id, sb->id)) {
		sb->state.exit_status = exit_code;
		sb->state.times.container_exited = time_mono_usec();
		sandbox_save(sb);
	}
	while (!list_empty(&p->waiters)) {
		struct process_waiter *w = list_entry(p->waiters.next, struct process_waiter, link);

		list_del(&w->link);
		w->fn(p, w);
	}
}

void process_wait(struct process *p, struct process_waiter *w)
{
	list_init(&w->link);
	if (p->status == PROCESS_STOPPED)
		w->fn(p, w);
	else
		list_add_tail(&p->waiters, &w->link);
}

/* ---- start ---------------------------------------------------------------------------------------------------- */

static void on_exit_status(int status, const struct error *err, void *data)
{
	struct process *p = pending_take(data).process;
	struct sandbox *sb;

	if (!p)
		return;
	sb = p->container->sandbox;
	/* A lost connection is the sandbox's business: sandbox_lost() knows the reason and ends all processes. */
	if (err &&
	    (err->code == -ENOTCONN || err->code == -ECONNRESET || err->code == -EPIPE ||
	     err->code == -ECANCELED) &&
	    sb->phase == SANDBOX_RUNNING)
		return;
	if (err)
		log_warn("waiting for %s: %s", p->agent_id, error_text(err));
	p->exit_known = true;
	p->exit_code = status;
	if (err && p->io)
		stdio_abandon(p->io);
	maybe_finish(p);
}

/* Asks for the exit; without an answer to come, the process counts as gone. */
static void watch_exit(struct process *p)
{
	struct pending *w = pending_new(p, NULL, NULL);

	if (w && agent_wait_process(p->container->sandbox->agent, p->container->id, p->agent_id,
				    on_exit_status, w) == 0)
		return;
	if (w)
		pending_take(w);
	process_finish(p, AGENT_EXIT_LOST);
}

static void on_started(const struct error *err, void *data)
{
	struct pending w = pending_take(data);
	struct process *p = w.process;
	struct error gone = ERROR_INIT;
	struct sandbox *sb;

	if (!p) {
		error_set(&gone, -ENOENT, "the process was deleted while it started");
		w.fn(&gone, w.data);
		return;
	}
	sb = p->container->sandbox;
	p->busy = false;
	if (err) {
		process_finish(p, AGENT_EXIT_LOST);
		w.fn(err, w.data);
		return;
	}
	p->status = PROCESS_RUNNING;
	if (is_init(p) && str_eq(p->container->id, sb->id))
		sb->state.times.container_started = time_mono_usec();
	stdio_start(p->io, sb->agent);
	watch_exit(p);
	sandbox_save(sb);
	w.fn(NULL, w.data);
}

static int require_agent(struct process *p, struct error *err)
{
	struct sandbox *sb = p->container->sandbox;

	if (sb->phase == SANDBOX_RUNNING && sb->agent)
		return 0;
	return error_set(err, -ENOTCONN, "sandbox \"%s\" is not running%s%s", sb->id,
			 sb->state.reason ? ": " : "", sb->state.reason ? sb->state.reason : "");
}

int process_start(struct process *p, sandbox_done_fn fn, void *data, struct error *err)
{
	struct sandbox *sb = p->container->sandbox;
	uint64_t timeout = sb->config->create_container_timeout * 1000ULL;
	struct pending *w;
	int r = require_agent(p, err);

	if (r < 0)
		return r;
	if (p->status != PROCESS_CREATED || p->busy)
		return error_set(err, -EBUSY, "process is not in the created state");
	w = pending_new(p, fn, data);
	if (!w)
		return error_oom(err);
	if (is_init(p))
		r = agent_start_container(sb->agent, p->container->id, timeout, on_started, w);
	else
		r = agent_exec_process(sb->agent, p->container->id, p->agent_id, &p->spec->process,
				       timeout, on_started, w);
	if (r < 0) {
		pending_take(w);
		return error_sys(err, r, "cannot reach the agent");
	}
	p->busy = true;
	return 0;
}

/* ---- signals, terminal, input --------------------------------------------------------------------------------- */

static void pass_on(const struct error *err, void *data)
{
	struct pending w = pending_take(data);

	w.fn(err, w.data);
}

int process_kill(struct process *p, uint32_t sig, sandbox_done_fn fn, void *data, struct error *err)
{
	struct sandbox *sb = p->container->sandbox;
	bool deadly = sig == SIGKILL || sig == SIGTERM;
	struct pending *w;
	int r;

	if (sig == 0 || sig > 64)
		return error_set(err, -EINVAL, "invalid signal %u", sig);
	if (p->status == PROCESS_CREATED && !p->busy && deadly)
		process_finish(p, 128 + (int)sig);
	/* Exited, but nobody reads its output: whoever kills it does not want it any more. */
	if (p->status == PROCESS_RUNNING && p->exit_known && sig == SIGKILL)
		stdio_abandon(p->io);
	if (p->status == PROCESS_STOPPED && deadly) {
		fn(NULL, data);
		return 0;
	}
	if (p->status != PROCESS_RUNNING)
		return error_set(err, -ESRCH, "container not running");
	r = require_agent(p, err);
	if (r < 0)
		return r;
	w = pending_new(p, fn, data);
	if (!w)
		return error_oom(err);
	r = agent_signal_process(sb->agent, p->container->id, p->exec_id, sig, pass_on, w);
	if (r < 0) {
		pending_take(w);
		return error_sys(err, r, "cannot reach the agent");
	}
	return 0;
}

int process_resize(struct process *p, uint32_t rows, uint32_t columns, sandbox_done_fn fn,
		   void *data, struct error *err)
{
	struct pending *w;
	int r = require_agent(p, err);

	if (r < 0)
		return r;
	if (!p->terminal)
		return error_set(err, -EINVAL, "process has no terminal");
	w = pending_new(p, fn, data);
	if (!w)
		return error_oom(err);
	r = agent_tty_resize(p->container->sandbox->agent, p->container->id, p->agent_id, rows,
			     columns, pass_on, w);
	if (r < 0) {
		pending_take(w);
		return error_sys(err, r, "cannot reach the agent");
	}
	return 0;
}

int process_close_stdin(struct process *p, sandbox_done_fn fn, void *data, struct error *err)
{
	int r;

	if (p->status == PROCESS_STOPPED) {
		fn(NULL, data);
		return 0;
	}
	r = stdio_close_stdin(p->io, fn, data);
	return r < 0 ? error_set(err, r, "stdin is being closed already") : 0;
}

/* ---- delete --------------------------------------------------------------------------------------------------- */

static void on_removed(const struct error *err, void *data)
{
	struct pending w = pending_take(data);
	struct container *c;
	struct sandbox *sb;

	if (!w.process) {
		w.fn(NULL, w.data);
		return;
	}
	c = w.process->container;
	sb = c->sandbox;
	w.process->busy = false;
	if (err && sb->phase == SANDBOX_RUNNING && err->code != -ENOENT) {
		w.fn(err, w.data);
		return;
	}
	container_free(c);
	w.fn(NULL, w.data);
	if (sandbox_is_empty(sb) && sb->on_empty)
		sb->on_empty(sb->on_empty_data);
}

int process_delete(struct process *p, sandbox_done_fn fn, void *data, struct error *err)
{
	struct sandbox *sb = p->container->sandbox;
	struct pending *w;
	int r;

	if (sb->launching && sb->launching->container == p->container)
		return error_set(err, -EBUSY, "container \"%s\" is being created",
				 p->container->id);
	if (p->busy)
		return error_set(err, -EBUSY, "process is being started or deleted");
	if (p->status == PROCESS_RUNNING)
		return error_set(err, -EBUSY, "Container still running, should be stopped");
	if (!is_init(p)) {
		process_free(p);
		fn(NULL, data);
		return 0;
	}
	w = pending_new(p, fn, data);
	if (!w)
		return error_oom(err);
	p->busy = true;
	if (sb->phase == SANDBOX_RUNNING && sb->agent) {
		r = agent_remove_container(sb->agent, p->container->id, REMOVE_TIMEOUT_MS,
					   on_removed, w);
		if (r == 0)
			return 0;
	}
	on_removed(NULL, w);
	return 0;
}
