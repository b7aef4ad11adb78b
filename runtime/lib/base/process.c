/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"

#define RUN_MAX_OUTPUT (16u << 20)
#define RUN_CHUNK      16384

/* What a failing child tells its parent: plain bytes over the status pipe. */
struct child_failure {
	int code;
	char what[64];
};

void process_params_preset(struct process_params *p)
{
	*p = (struct process_params){ .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
}

_noreturn_ static void child_fail(int status_fd, int code, const char *what)
{
	struct child_failure f = { .code = code };

	snprintf(f.what, sizeof(f.what), "%s", what);
	fd_write_full(status_fd, &f, sizeof(f));
	_exit(127);
}

/* Puts `fd` (or /dev/null) at number `target`. */
static int child_stdio(int fd, int target)
{
	_cleanup_fd_ int null = -1;

	if (fd == PROCESS_INHERIT)
		return 0;
	if (fd < 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			return -errno;
		fd = null;
	}
	if (fd == target)
		return fd_set_cloexec(fd, false);
	return dup2(fd, target) < 0 ? -errno : 0;
}

static bool is_kept(const struct process_params *p, int fd)
{
	for (size_t i = 0; i < p->n_keep_fds; i++)
		if (p->keep_fds[i] == fd)
			return true;
	return false;
}

/* Closes all from 3 on but the kept ones and the status pipe, in ranges between them. */
static int child_fds(const struct process_params *p, int status_fd)
{
	int from = 3;

	for (size_t i = 0; i < p->n_keep_fds; i++) {
		int r = fd_set_cloexec(p->keep_fds[i], false);

		if (r < 0)
			return r;
	}
	for (;;) {
		int next = -1;

		for (size_t i = 0; i < p->n_keep_fds; i++)
			if (p->keep_fds[i] >= from && (next < 0 || p->keep_fds[i] < next))
				next = p->keep_fds[i];
		if (status_fd >= from && (next < 0 || status_fd < next))
			next = status_fd;
		if (next < 0)
			break;
		if (next > from)
			syscall(SYS_close_range, from, next - 1, 0);
		from = next + 1;
	}
	fd_close_from(from);
	return 0;
}

/* Duplicates of stdio sources below 3 or among targets would be overwritten while moving: lift them first. */
static int child_lift(int fd)
{
	return fd < 0 || fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* struct sigaction as rt_sigaction(2) takes it; all zero is SIG_DFL. Large enough for every architecture. */
#define KERNEL_SIGACTION_WORDS 8

void process_reset_signals(void)
{
	static const unsigned long dfl[KERNEL_SIGACTION_WORDS];
	sigset_t none;

	/* By the system call: the C library's function refuses the two real-time signals that it uses itself. */
	for (int s = 1; s <= 64; s++)
		if (s != SIGKILL && s != SIGSTOP)
			syscall(SYS_rt_sigaction, s, dfl, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_noreturn_ static void child_main(const struct process_params *p, int status_fd, pid_t parent)
{
	int in = child_lift(p->stdin_fd), out = child_lift(p->stdout_fd),
	    errfd = child_lift(p->stderr_fd), r;

	process_reset_signals();
	if (p->death_signal) {
		if (prctl(PR_SET_PDEATHSIG, p->death_signal) < 0)
			child_fail(status_fd, -errno, "prctl");
		if (getppid() != parent)
			_exit(127);
	}
	if (p->new_session)
		setsid();
	r = child_stdio(in, 0);
	if (r == 0)
		r = child_stdio(out, 1);
	if (r == 0)
		r = child_stdio(errfd, 2);
	if (r < 0)
		child_fail(status_fd, r, "stdio");
	r = child_fds(p, status_fd);
	if (r < 0)
		child_fail(status_fd, r, "pass descriptors");
	if (p->cwd && chdir(p->cwd) < 0)
		child_fail(status_fd, -errno, p->cwd);
	if (p->child_fn) {
		r = p->child_fn(p->child_data);
		if (r < 0)
			child_fail(status_fd, r, "prepare");
	}
	if (p->envp)
		execvpe(p->path, p->argv, p->envp);
	else
		execvp(p->path, p->argv);
	child_fail(status_fd, -errno, p->path);
}

/* EOF means that exec closed the pipe. */
static int wait_for_exec(int fd, pid_t pid, struct error *err)
{
	struct child_failure f;
	int r = fd_read_full(fd, &f, sizeof(f));

	if (r == -ENODATA)
		return 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return error_sys(err, r, "start a process");
	f.what[sizeof(f.what) - 1] = '\0';
	return error_sys(err, f.code < 0 ? f.code : -EPROTO, "%s", f.what);
}

int process_spawn(const struct process_params *p, pid_t *ret_pid, struct error *err)
{
	_cleanup_fd_ int rd = -1, wr = -1;
	pid_t parent = getpid(), pid;
	int status[2], r;

	r = fd_pipe(status, 0);
	if (r < 0)
		return error_sys(err, r, "pipe");
	rd = status[0];
	/* Away from stdio numbers and from descriptors that the child passes on. */
	wr = fcntl(status[1], F_DUPFD_CLOEXEC, 64);
	fd_close(status[1]);
	while (wr >= 0 && is_kept(p, wr)) {
		int higher = fcntl(wr, F_DUPFD_CLOEXEC, wr + 1);

		fd_close(wr);
		wr = higher;
	}
	if (wr < 0)
		return error_sys(err, -errno, "dup");
	pid = fork();
	if (pid < 0)
		return error_sys(err, -errno, "fork");
	if (pid == 0)
		child_main(p, wr, parent);
	wr = fd_close(wr);
	r = wait_for_exec(rd, pid, err);
	if (r < 0)
		return r;
	*ret_pid = pid;
	return 0;
}

/* Reads from both pipes until both ended. */
static int collect(int fds[2], struct strbuf *bufs[2])
{
	struct pollfd pfd[2] = { { .fd = fds[0], .events = POLLIN },
				 { .fd = fds[1], .events = POLLIN } };
	char chunk[RUN_CHUNK];

	while (pfd[0].fd >= 0 || pfd[1].fd >= 0) {
		if (poll(pfd, 2, -1) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (pfd[i].fd < 0 || !pfd[i].revents)
				continue;
			n = read(pfd[i].fd, chunk, sizeof(chunk));
			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0) {
				pfd[i].fd = -1;
				continue;
			}
			if (!bufs[i] || bufs[i]->len + (size_t)n > RUN_MAX_OUTPUT)
				continue;
			if (strbuf_add(bufs[i], chunk, (size_t)n) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int process_run(const struct process_params *params, struct strbuf *out, struct strbuf *errout,
		int *ret_status, struct error *err)
{
	_cleanup_fd_ int out_rd = -1, out_wr = -1, err_rd = -1, err_wr = -1;
	struct process_params p = *params;
	struct strbuf *bufs[2] = { out, errout };
	int pair[2], r, status = 0;
	pid_t pid;

	r = fd_pipe(pair, 0);
	if (r < 0)
		return error_sys(err, r, "pipe");
	out_rd = pair[0];
	out_wr = pair[1];
	r = fd_pipe(pair, 0);
	if (r < 0)
		return error_sys(err, r, "pipe");
	err_rd = pair[0];
	err_wr = pair[1];
	p.stdout_fd = out_wr;
	p.stderr_fd = err_wr;
	r = process_spawn(&p, &pid, err);
	if (r < 0)
		return r;
	out_wr = fd_close(out_wr);
	err_wr = fd_close(err_wr);
	r = collect((int[2]){ out_rd, err_rd }, bufs);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return error_sys(err, r, "read from %s", p.path);
	*ret_status = status;
	return 0;
}

int process_exit_code(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : 255;
}

uint64_t process_start_time(pid_t pid)
{
	char path[32], buf[1024], *p;
	_cleanup_fd_ int fd = -1;
	uint64_t v = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	/* The command name may hold anything; the last ')' ends it. Field 3 follows. */
	p = strrchr(buf, ')');
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p)
		return 0;
	p[strcspn(p, " \n")] = '\0';
	return parse_u64(p, 10, &v) == 0 ? v : 0;
}

int process_kill_exact(pid_t pid, uint64_t start_time, int sig)
{
	_cleanup_fd_ int fd = -1;

	if (pid <= 0)
		return -ESRCH;
	/* The pidfd pins whoever has the pid now; only then is the start time compared. */
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	if (process_start_time(pid) != start_time)
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 ? -errno : 0;
}

int process_write_pid(const char *path, pid_t pid, struct error *err)
{
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	char text[16];
	int r, n = snprintf(text, sizeof(text), "%d", (int)pid);

	if (!path)
		return 0;
	r = file_out_open(&out, AT_FDCWD, path, 0644, err);
	if (r < 0)
		return r;
	r = fd_write_full(out.fd, text, (size_t)n);
	/* Not kept over a crash of the machine, which no process outlives either. */
	return r < 0 ? error_sys(err, r, "%s", path) : file_out_publish(&out, NULL, err);
}
