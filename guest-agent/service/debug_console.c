/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/relay.h"
#include "base/time.h"
#include "container/console.h"
#include "service/agent.h"
#include "service/side_port.h"

#define RESPAWN_USEC (2 * USEC_PER_SEC) /* of the shell on /dev/console */
#define CONSOLE_PATH "/dev/console"

struct session {
	struct debug_console *console;
	struct list link;
	int sock[2],
		pty[2]; /* read there, written there: each relay watches descriptors of its own */
	struct relay *in, *out; /* to the shell, from it */
	pid_t pid;		/* 0: gone */
};

struct debug_console {
	struct agent *agent;
	char *shell;
	int listen_fd;
	struct loop_source *accept_src, *timer;
	struct list sessions;
	size_t n_sessions;
	pid_t console_pid; /* of the shell on /dev/console; 0: none */
};

static int find_shell(char **ret, struct error *err)
{
	static const char *const shells[] = { "/bin/bash", "/usr/bin/bash", "/bin/sh",
					      "/usr/bin/sh" };

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (access(shells[i], X_OK) < 0)
			continue;
		*ret = strdup(shells[i]);
		return *ret ? 0 : error_oom(err);
	}
	return error_set(err, -ENOENT, "debug console: the guest has no shell");
}

static _noreturn_ void run_shell(const char *shell, int tty)
{
	char *argv[] = { (char *)shell, (char *)"-i", NULL };

	setsid();
	if (tty < 0 || console_attach(tty, NULL) < 0)
		_exit(126);
	fd_close_from(3);
	process_reset_signals();
	setenv("TERM", "linux", 0);
	execv(shell, argv);
	_exit(127);
}

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

static void session_free(struct session *s)
{
	struct debug_console *d = s->console;

	relay_free(s->in);
	relay_free(s->out);
	for (int i = 0; i < 2; i++) {
		fd_close(s->sock[i]);
		fd_close(s->pty[i]); /* hangs up the terminal */
	}
	if (s->pid) {
		reaper_forget(d->agent->env.reaper, s->pid);
		kill(-s->pid, SIGKILL);
	}
	list_del(&s->link);
	d->n_sessions--;
	free(s);
}

/* The client's end is the session's; the shell's is seen by what comes from it, once that is written. */
static void on_end(struct relay *r, enum relay_end how, void *data)
{
	struct session *s = data;

	if (r == s->out || how == RELAY_EOF)
		session_free(s);
}

static void on_shell_exit(pid_t pid, int status, void *data)
{
	struct session *s = data;

	s->pid = 0; /* the terminal's end comes by itself */
}

static int join(struct session *s)
{
	struct relay_params p = { .loop = s->console->agent->loop,
				  .own_in = true,
				  .own_out = true,
				  .fn = on_end,
				  .data = s };
	int r;

	s->sock[1] = fcntl(s->sock[0], F_DUPFD_CLOEXEC, 3);
	s->pty[1] = fcntl(s->pty[0], F_DUPFD_CLOEXEC, 3);
	if (s->sock[1] < 0 || s->pty[1] < 0)
		return -errno;
	p.in = s->sock[0];
	p.out = s->pty[1];
	r = relay_new(&p, &s->in, NULL);
	p.in = s->pty[0];
	p.out = s->sock[1];
	return r < 0 ? r : relay_new(&p, &s->out, NULL);
}

/* Takes conn. */
static void session_new(struct debug_console *d, int conn)
{
	struct session *s = new0(struct session);
	struct console tty = CONSOLE_INIT;
	int r;

	if (!s) {
		fd_close(conn);
		return;
	}
	s->console = d;
	s->sock[0] = conn;
	s->sock[1] = s->pty[1] = -1;
	list_add_tail(&d->sessions, &s->link);
	d->n_sessions++;
	r = console_open(AT_FDCWD, 0, 0, geteuid(), &tty, NULL);
	s->pty[0] = tty.master;
	if (r == 0)
		r = join(s);
	if (r == 0) {
		s->pid = fork();
		if (s->pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run_shell(d->shell, tty.slave);
		}
		r = s->pid < 0 ? -errno
			       : reaper_watch(d->agent->env.reaper, s->pid, on_shell_exit, s);
	}
	fd_close(tty.slave);
	if (r < 0) {
		s->pid = s->pid > 0 ? s->pid : 0;
		session_free(s);
	}
}

static void on_accept(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct debug_console *d = data;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn >= 0 && d->n_sessions >= DEBUG_CONSOLE_SESSIONS)
		fd_close(conn);
	else if (conn >= 0)
		session_new(d, conn);
}

/* ---- the shell on /dev/console -------------------------------------------------------------------------------------- */

static void on_console_exit(pid_t pid, int status, void *data)
{
	struct debug_console *d = data;

	d->console_pid = 0;
	loop_timer_set(d->timer, RESPAWN_USEC);
}

static void start_on_console(struct loop_source *src, void *data)
{
	struct debug_console *d = data;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid();
		run_shell(d->shell, open(CONSOLE_PATH, O_RDWR | O_CLOEXEC));
	}
	if (pid > 0 && reaper_watch(d->agent->env.reaper, pid, on_console_exit, d) == 0)
		d->console_pid = pid;
}

/* --------------------------------------------------------------------------------------------------------------------- */

int debug_console_new(struct agent *a, uint32_t port, struct debug_console **ret, struct error *err)
{
	struct debug_console *d = new0(struct debug_console);
	int r;

	if (!d)
		return error_oom(err);
	d->agent = a;
	d->listen_fd = -1;
	list_init(&d->sessions);
	r = find_shell(&d->shell, err);
	if (r == 0 && port) {
		r = side_port_listen(a->config->server_addr, port, &d->listen_fd, err);
		if (r == 0)
			r = loop_add_io(a->loop, d->listen_fd, EPOLLIN, on_accept, d,
					&d->accept_src);
	} else if (r == 0) {
		r = loop_add_timer(a->loop, start_on_console, d, &d->timer);
		if (r == 0)
			loop_timer_set(d->timer, 1);
	}
	if (r < 0) {
		debug_console_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

struct debug_console *debug_console_free(struct debug_console *d)
{
	if (!d)
		return NULL;
	while (!list_empty(&d->sessions))
		session_free(list_entry(d->sessions.next, struct session, link));
	if (d->console_pid) {
		reaper_forget(d->agent->env.reaper, d->console_pid);
		kill(-d->console_pid, SIGKILL);
	}
	loop_source_free(d->accept_src);
	loop_source_free(d->timer);
	fd_close(d->listen_fd);
	free(d->shell);
	free(d);
	return NULL;
}
