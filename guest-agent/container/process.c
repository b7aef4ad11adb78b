/* SPDX-License-Identifier: Apache-2.0 */
#include "container/container.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "container/hooks.h"
#include "container/launch.h"
#include "container/sync.h"

int process_new(struct container *c, const char *exec_id, bool init, bool terminal,
		struct process **ret, struct error *err)
{
	struct process *p = new0(struct process);

	if (!p || !(p->exec_id = strdup(exec_id))) {
		free(p);
		return error_oom(err);
	}
	p->container = c;
	p->init = init;
	p->terminal = terminal;
	p->sync_fd = p->pty = -1;
	list_init(&p->waiters);
	list_add_tail(&c->processes, &p->link);
	c->n_processes++;
	*ret = p;
	return 0;
}

struct process *process_free(struct process *p)
{
	struct error err = ERROR_INIT;
	process_done_fn done;
	void *done_data;

	if (!p)
		return NULL;
	done = p->done;
	done_data = p->done_data;
	error_set(&err, -ECANCELED, "container \"%s\" was removed", p->container->id);
	if (p->pid > 0 && p->state != PROCESS_EXITED)
		reaper_forget(p->container->env->reaper, p->pid);
	while (!list_empty(&p->waiters)) {
		struct process_waiter *w = list_entry(p->waiters.next, struct process_waiter, link);

		list_del(&w->link);
		w->fn(w, p->exit_code);
	}
	loop_source_free(p->sync_src);
	loop_source_free(p->drain);
	fd_close(p->sync_fd);
	fd_close(p->pty);
	stream_in_free(p->in);
	stream_out_free(p->out);
	stream_out_free(p->err);
	list_del(&p->link);
	p->container->n_processes--;
	if (p->container->init == p)
		p->container->init = NULL;
	free(p->exec_id);
	free(p);
	if (done)
		done(NULL, &err, done_data);
	return NULL;
}

/* Tells whoever waits for the set-up or the start. The process may be freed by what it calls. */
static void tell_done(struct process *p, const struct error *err)
{
	process_done_fn fn = p->done;

	p->done = NULL;
	if (fn)
		fn(p, err, p->done_data);
}

/* The errors of the environment shall not look like "program not found", which callers turn into exit codes. */
static int setup_code(int code)
{
	switch (code) {
	case -EINVAL:
	case -ENOMEM:
	case -ENOSPC:
	case -EOPNOTSUPP:
	case -ENOSYS:
		return code;
	default:
		return -EIO;
	}
}

static void on_error_msg(struct process *p, const struct sync_msg *m)
{
	int code = m->stage == SYNC_STAGE_EXEC ? m->code : setup_code(m->code);

	error_set(&p->fail, code < 0 ? code : -EIO, "container \"%s\": %s", p->container->id,
		  m->text);
}

static void take_terminal(struct process *p, int fd)
{
	struct loop *l = p->container->env->loop;
	int in = fcntl(fd, F_DUPFD_CLOEXEC, 3), size = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (in < 0 || size < 0 || stream_in_new(l, fd_steal(&in), &p->in) < 0 ||
	    stream_out_new(l, fd_steal(&fd), &p->out) < 0) {
		error_set(&p->fail, -ENOMEM, "container \"%s\": cannot take the terminal",
			  p->container->id);
		kill(p->pid, SIGKILL);
	}
	p->pty = fd_steal(&size);
	fd_close(in);
	fd_close(fd);
}

/*
 * Hooks take their time, and this is an event loop: a process of their own runs them and answers the child itself. The reaper
 * collects it.
 */
static void run_hooks_aside(struct process *p)
{
	struct error err = ERROR_INIT;
	pid_t pid = fork();

	if (pid == 0) {
		_cleanup_free_ char *bundle = container_bundle(p->container);
		struct launch_hooks h = { p->container->spec, p->container->id,
					  bundle ? bundle : "/", p->pid };

		process_reset_signals();
		_exit(launch_run_hooks(&h, p->sync_fd, &err) < 0);
	}
	if (pid > 0)
		return;
	error_sys(&err, -errno, "cannot make a process for hooks");
	sync_send_error(p->sync_fd, SYNC_STAGE_SETUP, &err);
}

/* poststart and poststop: what they come to changes nothing any more. */
void process_hooks_after(const struct container *c, const struct oci_hook_list *list,
			 const char *name, const char *status, pid_t pid)
{
	_cleanup_free_ char *bundle = NULL, *state = NULL;
	pid_t helper;

	if (!list->n)
		return;
	helper = fork();
	if (helper != 0)
		return;
	process_reset_signals();
	bundle = container_bundle(c);
	state = bundle ? hooks_state(c->spec, c->id, status, pid, bundle) : NULL;
	_exit(state && hooks_run(list, name, state, NULL) == 0 ? 0 : 1);
}

/* Reads all that the child has said. Returns false when the socket is at its end. */
static bool read_sync(struct process *p)
{
	struct sync_msg m = { 0 };
	int fd = -1, r;

	while ((r = sync_recv(p->sync_fd, &m, &fd)) > 0) {
		if (m.type == SYNC_PTY && fd >= 0 && p->pty < 0)
			take_terminal(p, fd_steal(&fd));
		else if (m.type == SYNC_HOOKS)
			run_hooks_aside(p);
		else if (m.type == SYNC_READY && p->state == PROCESS_SETUP)
			p->state = PROCESS_CREATED;
		else if (m.type == SYNC_EXEC)
			p->exec_seen = true;
		else if (m.type == SYNC_ERROR)
			on_error_msg(p, &m);
		fd_close(fd);
	}
	return r == -EAGAIN;
}

static void close_sync(struct process *p)
{
	p->sync_src = loop_source_free(p->sync_src);
	p->sync_fd = fd_close(p->sync_fd);
}

static void on_sync(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct process *p = data;
	enum process_state before = p->state;

	if (read_sync(p)) {
		if (before == PROCESS_SETUP && p->state == PROCESS_CREATED)
			tell_done(p, NULL);
		return;
	}
	close_sync(p);
	/* Without word of execve the child is dying; its death, which is on the way, says the rest. */
	if (p->exec_seen && !p->fail.code) {
		p->state = PROCESS_RUNNING;
		if (p->init)
			process_hooks_after(p->container, &p->container->spec->hooks.poststart,
					    "poststart", "running", p->pid);
		tell_done(p, NULL);
	}
}

static void on_drained(struct loop_source *s, void *data)
{
	struct process *p = data;

	if (p->out)
		stream_out_end(p->out);
	if (p->err)
		stream_out_end(p->err);
}

static void start_drain(struct process *p)
{
	if (loop_add_timer(p->container->env->loop, on_drained, p, &p->drain) < 0)
		on_drained(NULL, p);
	else
		loop_timer_set(p->drain, PROCESS_DRAIN_USEC);
}

static void on_child_exit(pid_t pid, int status, void *data)
{
	struct process *p = data;
	struct error err;
	bool was_started;

	if (p->sync_fd >= 0) {
		read_sync(p);
		close_sync(p);
	}
	was_started = p->state == PROCESS_RUNNING || (p->exec_seen && !p->fail.code);
	p->state = PROCESS_EXITED;
	p->exit_code = process_exit_code(status);
	if (p->in)
		stream_in_close(p->in);
	start_drain(p);
	/* A start is answered before the exit; a failure last, because its receiver frees the process. */
	if (was_started)
		tell_done(p, NULL);
	while (!list_empty(&p->waiters)) {
		struct process_waiter *w = list_entry(p->waiters.next, struct process_waiter, link);

		list_del(&w->link);
		p->waited = true;
		w->fn(w, p->exit_code);
	}
	if (was_started || !p->done)
		return;
	err = p->fail;
	if (!err.code)
		error_set(&err, -EIO, "container \"%s\": the process ended during its set-up (%d)",
			  p->container->id, p->exit_code);
	tell_done(p, &err);
}

static int make_pipe(struct process *p, bool towards, int *ret_child, struct error *err)
{
	struct container_env *env = p->container->env;
	int fds[2];
	int r = fd_pipe(fds, 0);

	if (r < 0)
		return error_sys(err, r, "cannot make a pipe");
	if (env->pipe_size)
		fcntl(fds[1], F_SETPIPE_SZ, (int)env->pipe_size); /* a wish: limits may forbid it */
	if (towards) {
		*ret_child = fds[0];
		r = stream_in_new(env->loop, fds[1], &p->in);
	} else {
		*ret_child = fds[1];
		r = stream_out_new(env->loop, fds[0], p->out ? &p->err : &p->out);
	}
	return r < 0 ? error_sys(err, r, "cannot make a stream") : 0;
}

static int launch(struct process *p, struct launch *l, int sync[2], struct error *err)
{
	struct child_plan *plan = &l->plan;
	int r;

	if (!p->terminal &&
	    (make_pipe(p, true, &plan->in, err) < 0 || make_pipe(p, false, &plan->out, err) < 0 ||
	     make_pipe(p, false, &plan->err, err) < 0))
		return err->code;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) < 0)
		return error_sys(err, -errno, "cannot make a socket pair");
	p->sync_fd = fd_steal(&sync[0]);
	plan->sync = sync[1];
	r = fd_set_nonblock(p->sync_fd, true);
	if (r == 0)
		r = loop_add_io(p->container->env->loop, p->sync_fd, EPOLLIN, on_sync, p,
				&p->sync_src);
	if (r < 0)
		return error_sys(err, r, "cannot watch the new process");
	if (launch_spawn(l, &p->pid, err) < 0)
		return err->code;
	r = reaper_watch(p->container->env->reaper, p->pid, on_child_exit, p);
	if (r < 0)
		error_sys(err, r, "cannot watch the new process");
	else
		r = launch_go(l, p->pid, p->sync_fd, err);
	if (r < 0)
		kill(p->pid, SIGKILL);
	return r;
}

int process_launch(struct process *p, struct launch *l, process_done_fn done, void *data,
		   struct error *err)
{
	struct child_plan *plan = &l->plan;
	int sync[2] = { -1, -1 };
	int r;

	p->state = PROCESS_SETUP;
	r = launch(p, l, sync, err);
	fd_close(sync[0]);
	fd_close(sync[1]);
	fd_close(plan->in);
	fd_close(plan->out);
	fd_close(plan->err);
	if (r < 0)
		return error_prefix(err, "container \"%s\"", p->container->id);
	p->done = done;
	p->done_data = data;
	return 0;
}

int process_start(struct process *p, process_done_fn done, void *data, struct error *err)
{
	int r;

	if (p->state != PROCESS_CREATED)
		return error_set(err, -EBUSY, "container \"%s\" was started already",
				 p->container->id);
	r = sync_send(p->sync_fd, SYNC_START, -1);
	if (r < 0)
		return error_sys(err, r, "container \"%s\": cannot start", p->container->id);
	p->state = PROCESS_STARTING;
	p->done = done;
	p->done_data = data;
	return 0;
}

/* Whether the process has a handler for it: "SigCgt" in /proc/PID/status (proc(5)), bit sig - 1. True when in doubt. */
static bool handles_signal(pid_t pid, int sig)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[32];
	const char *line;
	char hex[17];
	uint64_t mask;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(AT_FDCWD, path, 65536, &text, NULL) < 0)
		return true;
	line = strstr(text.buf, "\nSigCgt:\t");
	if (!line)
		return true;
	snprintf(hex, sizeof(hex), "%.16s", line + strlen("\nSigCgt:\t"));
	if (parse_u64(hex, 16, &mask) < 0)
		return true;
	return (mask >> (sig - 1)) & 1;
}

int process_signal(struct process *p, int sig, struct error *err)
{
	if (sig < 0 || sig > 64)
		return error_set(err, -EINVAL, "signal %d is not one", sig);
	if (p->state == PROCESS_EXITED)
		return error_set(err, -ESRCH, "container \"%s\": process \"%s\" has exited",
				 p->container->id, p->exec_id);
	if (p->init && sig == SIGTERM && !handles_signal(p->pid, sig))
		sig = SIGKILL;
	if (kill(p->pid, sig) < 0)
		return error_sys(err, -errno, "container \"%s\": signal %d", p->container->id, sig);
	return 0;
}

int process_resize(struct process *p, uint32_t rows, uint32_t columns, struct error *err)
{
	uint32_t most = UINT16_MAX;
	struct winsize ws = { .ws_row = (uint16_t)(rows < most ? rows : most),
			      .ws_col = (uint16_t)(columns < most ? columns : most) };

	if (p->pty < 0)
		return error_set(err, -EINVAL, "container \"%s\": process \"%s\" has no terminal",
				 p->container->id, p->exec_id);
	if (ioctl(p->pty, TIOCSWINSZ, &ws) < 0)
		return error_sys(err, -errno, "cannot set the terminal's size");
	return 0;
}

void process_wait(struct process *p, struct process_waiter *w)
{
	list_init(&w->link);
	if (p->state != PROCESS_EXITED) {
		list_add_tail(&p->waiters, &w->link);
		return;
	}
	p->waited = true;
	w->fn(w, p->exit_code);
}
