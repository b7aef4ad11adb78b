/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/foreground.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "base/compiler.h"
#include "base/fd.h"
#include "base/process.h"

int foreground_begin(struct foreground *f, struct error *err)
{
	sigset_t set;

	sigfillset(&set);
	/* Not sent by anybody who means the container. */
	sigdelset(&set, SIGCHLD);
	sigdelset(&set, SIGPIPE);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGABRT);
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (f->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, -errno, "cannot watch signals");
	return 0;
}

void foreground_end(struct foreground *f)
{
	f->signals = fd_close(f->signals);
}

struct channel {
	char buf[4096];
	size_t len, done;
	bool closed; /* the source is at its end */
};

struct relay {
	struct foreground *f;
	int pty;
	struct channel in, out; /* towards the container, and from it */
	bool raw;
	struct termios saved;
};

static bool full(const struct channel *c)
{
	return c->len > 0;
}

/* Reads when the channel is empty. */
static void fill(struct channel *c, int fd)
{
	ssize_t n = read(fd, c->buf, sizeof(c->buf));

	if (n > 0) {
		c->len = (size_t)n;
		c->done = 0;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		c->closed = true; /* of a terminal's master: EIO, nobody has the other end open */
	}
}

static void drain(struct channel *c, int fd)
{
	ssize_t n = write(fd, c->buf + c->done, c->len - c->done);

	if (n > 0)
		c->done += (size_t)n;
	/* Who reads no more shall not stop the container. */
	if (c->done == c->len || (n < 0 && errno != EAGAIN && errno != EINTR))
		c->len = c->done = 0;
}

static void copy_size(const struct relay *r)
{
	struct winsize ws;

	if (ioctl(r->f->in, TIOCGWINSZ, &ws) == 0)
		ioctl(r->pty, TIOCSWINSZ, &ws);
}

static void begin_relay(struct relay *r)
{
	struct termios t;

	fd_set_nonblock(r->pty, true);
	if (tcgetattr(r->f->in, &r->saved) < 0)
		return;
	t = r->saved;
	cfmakeraw(&t);
	r->raw = tcsetattr(r->f->in, TCSANOW, &t) == 0;
	copy_size(r);
}

/* What the process wrote before it ended is still in the terminal. */
static void end_relay(struct relay *r)
{
	if (r->pty >= 0) {
		while (full(&r->out))
			drain(&r->out, r->f->out);
		for (;;) {
			fill(&r->out, r->pty);
			if (!full(&r->out))
				break;
			while (full(&r->out))
				drain(&r->out, r->f->out);
		}
	}
	if (r->raw)
		tcsetattr(r->f->in, TCSANOW, &r->saved);
	fd_close(r->pty);
}

static void pass_signals(struct relay *r, pid_t pid)
{
	struct signalfd_siginfo si;

	while (read(r->f->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGWINCH && r->pty >= 0)
			copy_size(r);
		else
			kill(pid, (int)si.ssi_signo);
	}
}

static void step(struct relay *r, pid_t pid, int pidfd)
{
	bool tty = r->pty >= 0;
	struct pollfd p[] = {
		{ .fd = r->f->signals, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = tty && !full(&r->in) && !r->in.closed ? r->f->in : -1, .events = POLLIN },
		{ .fd = tty && !r->out.closed ? r->pty : -1,
		  .events = (short)((full(&r->in) ? POLLOUT : 0) | (full(&r->out) ? 0 : POLLIN)) },
		{ .fd = tty && full(&r->out) ? r->f->out : -1, .events = POLLOUT },
	};

	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return;
	if (p[0].revents)
		pass_signals(r, pid);
	if (p[2].revents)
		fill(&r->in, r->f->in);
	if ((p[3].revents & POLLOUT) && full(&r->in))
		drain(&r->in, r->pty);
	if ((p[3].revents & (POLLIN | POLLHUP | POLLERR)) && !full(&r->out))
		fill(&r->out, r->pty);
	if (p[4].revents)
		drain(&r->out, r->f->out);
}

int foreground_wait(struct foreground *f, pid_t pid, int pty, int *ret_code, struct error *err)
{
	struct relay r = { .f = f, .pty = pty };
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int status = 0, done = 0, e = pidfd < 0 ? -errno : 0;

	if (pty >= 0)
		begin_relay(&r);
	while (pidfd >= 0 && done == 0) {
		done = waitpid(pid, &status, WNOHANG);
		e = done < 0 ? -errno : 0;
		if (done == 0)
			step(&r, pid, pidfd);
	}
	end_relay(&r);
	if (e < 0)
		return error_sys(err, e, "cannot wait for process %d", (int)pid);
	*ret_code = process_exit_code(status);
	return 0;
}
