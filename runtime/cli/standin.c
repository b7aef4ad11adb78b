/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/standin.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"

#define PID_FILE "stand-in" /* in the instance's directory: pid and start time */
#define PID_MAX	 64

/* What a stand-in tells once, in one write. */
struct report {
	int status; /* 0: begun; else an exit status or -errno */
	int code;   /* of the error; 0: none */
	char msg[ERROR_MSG_MAX];
};

int standin_check(const struct standin *s, const char *what, struct error *err)
{
	if (s->terminal && !s->console_socket)
		return error_set(err, -EINVAL,
				 "a process with a terminal needs --console-socket to be %s", what);
	if (!s->terminal && s->console_socket)
		return error_set(
			err, -EINVAL,
			"--console-socket is for a process with a terminal, and this one has none");
	return 0;
}

/* ---- who stands for whom ---- */

int standin_record(const struct instance *i, struct error *err)
{
	char text[PID_MAX];

	(void)snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)getpid(),
		       process_start_time(getpid()));
	return file_write_atomic(i->dirfd, PID_FILE, 0600, text, strlen(text), err);
}

struct state_process standin_find(const struct instance *i)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct state_process p = { 0, 0 };
	uint64_t start = 0;
	uint32_t pid = 0;
	char *space;

	if (file_read(i->dirfd, PID_FILE, PID_MAX, &text, NULL) < 0)
		return p;
	strbuf_trim_end(&text);
	space = strchr(text.buf, ' ');
	if (!space)
		return p;
	*space = '\0';
	if (parse_u32(text.buf, 10, &pid) < 0 || parse_u64(space + 1, 10, &start) < 0 ||
	    pid > INT32_MAX || !start || process_start_time((pid_t)pid) != start)
		return p;
	p.pid = (pid_t)pid;
	p.start = start;
	return p;
}

/* ---- the pseudo-terminal ---- */

struct pty {
	int master, slave; /* -1: none */
};

static int pty_open(struct pty *p, struct error *err)
{
	_cleanup_fd_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return error_sys(err, -errno, "cannot make a pseudo-terminal");
	p->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave < 0)
		return error_sys(err, -errno, "cannot open a pseudo-terminal");
	p->master = fd_steal(&master);
	return 0;
}

static int pty_hand_over(const struct pty *p, const char *path, struct error *err)
{
	_cleanup_fd_ int sock = -1;
	int r = fd_unix_connect(path, &sock, err);

	if (r < 0)
		return error_prefix(err, "--console-socket");
	r = fd_send(sock, p->master);
	return r < 0 ? error_sys(err, r, "--console-socket %s", path) : 0;
}

/* In the stand-in: the slave is its controlling terminal and its three streams. */
static int pty_take(const struct pty *p, struct error *err)
{
	if (ioctl(p->slave, TIOCSCTTY, 0) < 0)
		return error_sys(err, -errno, "controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(p->slave, fd) < 0)
			return error_sys(err, -errno, "standard streams");
	return 0;
}

/* ---- the stand-in ---- */

/* What the caller's caller left open: all that is ours is close-on-exec, and nothing that came through an exec is. */
static void close_inherited(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	uint32_t fd;
	int flags;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (parse_u32(e->d_name, 10, &fd) < 0 || fd < 3)
			continue;
		flags = fcntl((int)fd, F_GETFD);
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			close((int)fd);
	}
	closedir(d);
}

static int begin(const struct standin *s, const struct pty *pty, struct error *err)
{
	int r = 0;

	if (setsid() < 0)
		return error_sys(err, -errno, "setsid");
	if (s->terminal)
		r = pty_take(pty, err);
	close_inherited();
	return r < 0 ? r : s->begin(s->data, err);
}

static _noreturn_ void stand_in(const struct standin *s, struct pty *pty, int wr)
{
	struct error err = ERROR_INIT;
	struct report rep = { 0 };
	int status;

	pty->master = fd_close(pty->master);
	rep.status = begin(s, pty, &err);
	pty->slave = fd_close(pty->slave);
	if (rep.status) {
		rep.code = err.code;
		(void)snprintf(rep.msg, sizeof(rep.msg), "%s", err.msg);
	}
	/* A caller that was killed meanwhile does not read it; the process is there all the same, for `state`, `kill` and `delete`. */
	(void)fd_write_full(wr, &rep, sizeof(rep));
	fd_close(wr);
	(void)!chdir("/"); /* hold nobody's directory */
	error_clear(&err);
	status = rep.status ? 1 : s->end(s->data, &err);
	_exit(status < 0 ? 255 : status);
}

static int wait_report(int rd, pid_t pid, struct error *err)
{
	struct report rep;
	int r = fd_read_full(rd, &rep, sizeof(rep));

	if (r < 0) {
		waitpid(pid, NULL, 0);
		return error_set(err, -EIO, "the process that was to stand for the container died");
	}
	if (!rep.status)
		return 0;
	waitpid(pid, NULL, 0);
	if (rep.code)
		error_set(err, rep.code, "%s", rep.msg);
	return rep.status;
}

/* The parent's part, which ends with the pid file. */
static int follow(const struct standin *s, int rd, pid_t pid, struct error *err)
{
	int r = wait_report(rd, pid, err);

	return r ? r : process_write_pid(s->pid_file, pid, err);
}

static int fork_it(const struct standin *s, struct pty *pty, struct error *err)
{
	_cleanup_fd_ int rd = -1, wr = -1;
	int fds[2], r = fd_pipe(fds, 0);
	pid_t pid;

	if (r < 0)
		return error_sys(err, r, "pipe");
	rd = fds[0];
	wr = fds[1];
	pid = fork();
	if (pid < 0)
		return error_sys(err, -errno, "fork");
	if (pid == 0) {
		rd = fd_close(rd);
		stand_in(s, pty, wr);
	}
	wr = fd_close(wr);
	return follow(s, rd, pid, err);
}

int standin_run(const struct standin *s, struct error *err)
{
	struct pty pty = { -1, -1 };
	int r = s->terminal ? pty_open(&pty, err) : 0;

	if (r == 0 && s->terminal)
		r = pty_hand_over(&pty, s->console_socket, err);
	if (r == 0)
		r = fork_it(s, &pty, err);
	fd_close(pty.master);
	fd_close(pty.slave);
	return r;
}
