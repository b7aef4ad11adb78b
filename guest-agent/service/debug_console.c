/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/time.h"
#include "service/agent.h"
#include "service/side_port.h"

#define BUF_SIZE     4096
#define RESPAWN_USEC (2 * USEC_PER_SEC) /* of the shell on /dev/console */
#define CONSOLE_PATH "/dev/console"

/* What was read from one side and not yet written to the other. */
struct flow {
	char buf[BUF_SIZE];
	size_t off, n;
};

struct session {
	struct debug_console *console;
	struct list link;
	int sock, pty;
	struct loop_source *sock_src, *pty_src;
	struct flow in, out; /* to the shell, from it */
	pid_t pid;	     /* 0: gone */
	bool pty_done;	     /* the shell's side is closed */
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
	if (tty < 0 || ioctl(tty, TIOCSCTTY, 1) < 0 || dup2(tty, 0) < 0 || dup2(tty, 1) < 0 ||
	    dup2(tty, 2) < 0)
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

	loop_source_free(s->sock_src);
	loop_source_free(s->pty_src);
	fd_close(s->sock);
	fd_close(s->pty); /* hangs up the terminal */
	if (s->pid) {
		reaper_forget(d->agent->env.reaper, s->pid);
		kill(-s->pid, SIGKILL);
	}
	list_del(&s->link);
	d->n_sessions--;
	free(s);
}

/* False when the source has ended. */
static bool fill(struct flow *f, int fd)
{
	ssize_t n = read(fd, f->buf, sizeof(f->buf));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	f->off = 0;
	f->n = (size_t)n;
	return n > 0;
}

static bool drain(struct flow *f, int fd)
{
	while (f->n) {
		ssize_t n = write(fd, f->buf + f->off, f->n);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		f->off += (size_t)n;
		f->n -= (size_t)n;
	}
	return true;
}

/* Each side is read only while there is room for it on the other. */
static void update(struct session *s)
{
	loop_io_set(s->sock_src, (s->in.n ? 0 : EPOLLIN) | (s->out.n ? EPOLLOUT : 0));
	if (s->pty_src)
		loop_io_set(s->pty_src, (s->out.n ? 0 : EPOLLIN) | (s->in.n ? EPOLLOUT : 0));
}

static void on_sock(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct session *s = data;
	bool ok = drain(&s->out, fd);

	if (ok && !s->in.n && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		ok = fill(&s->in, fd);
	if (ok && !s->pty_done)
		ok = drain(&s->in, s->pty);
	if (!ok || (s->pty_done && !s->out.n))
		session_free(s);
	else
		update(s);
}

static void on_pty(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct session *s = data;

	drain(&s->in, fd);
	if (!s->out.n && events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !fill(&s->out, fd)) {
		s->pty_done = true; /* EIO: nobody has the other side open */
		s->pty_src = loop_source_free(s->pty_src);
	}
	if (!drain(&s->out, s->sock) || (s->pty_done && !s->out.n))
		session_free(s);
	else
		update(s);
}

static void on_shell_exit(pid_t pid, int status, void *data)
{
	struct session *s = data;

	s->pid = 0; /* the terminal's end comes by itself */
}

static int open_pty(int *ret_master, int *ret_slave)
{
	_cleanup_fd_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int unlock = 0, slave;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	*ret_slave = slave;
	*ret_master = fd_steal(&master);
	return 0;
}

/* Takes conn on success. */
static int session_new(struct debug_console *d, int conn)
{
	struct session *s = new0(struct session);
	_cleanup_fd_ int slave = -1;
	int r;

	if (!s)
		return -ENOMEM;
	s->console = d;
	s->sock = s->pty = -1;
	list_add_tail(&d->sessions, &s->link);
	d->n_sessions++;
	r = open_pty(&s->pty, &slave);
	if (r == 0)
		r = loop_add_io(d->agent->loop, conn, EPOLLIN, on_sock, s, &s->sock_src);
	if (r == 0)
		r = loop_add_io(d->agent->loop, s->pty, EPOLLIN, on_pty, s, &s->pty_src);
	if (r == 0) {
		s->pid = fork();
		if (s->pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run_shell(d->shell, slave);
		}
		r = s->pid < 0 ? -errno
			       : reaper_watch(d->agent->env.reaper, s->pid, on_shell_exit, s);
	}
	if (r < 0) {
		s->pid = s->pid > 0 ? s->pid : 0;
		session_free(s);
		return r;
	}
	s->sock = conn;
	return 0;
}

static void on_accept(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct debug_console *d = data;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn >= 0 && (d->n_sessions >= DEBUG_CONSOLE_SESSIONS || session_new(d, conn) < 0))
		fd_close(conn);
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
