/* SPDX-License-Identifier: Apache-2.0 */
#include "service/work.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/process.h"
#include "service/agent.h"

#define SAID_MAX 4096 /* of standard error; the last line of it goes into the error */

struct stream {
	struct work *work;
	int fd;
	struct loop_source *src;
	struct strbuf text;
	size_t max;
	bool over; /* more than max came */
};

struct work {
	struct agent *agent;
	pid_t pid;
	char *name;
	bool is_fn, timed_out;
	struct stream out, said;
	struct loop_source *timer;
	work_fn done;
	void *data;
	struct work **slot;
};

static void stream_release(struct stream *s)
{
	s->src = loop_source_free(s->src);
	s->fd = fd_close(s->fd);
	strbuf_release(&s->text);
}

static void work_free(struct work *w)
{
	*w->slot = NULL;
	stream_release(&w->out);
	stream_release(&w->said);
	loop_source_free(w->timer);
	free(w->name);
	free(w);
}

/* Takes what is there. What is too much is read and dropped, so that the child does not hang on a full pipe. */
static void drain(struct stream *s)
{
	char buf[4096];
	ssize_t n;

	while (s->fd >= 0 &&
	       ((n = read(s->fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))) {
		size_t take = n > 0 ? MIN((size_t)n, s->max - s->text.len) : 0;

		if (n > 0 && (take < (size_t)n || strbuf_add(&s->text, buf, take) < 0))
			s->over = true;
	}
}

static void on_stream(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct stream *s = data;

	drain(s);
	if (events & (EPOLLHUP | EPOLLERR))
		s->src = loop_source_free(s->src);
}

static void on_timeout(struct loop_source *src, void *data)
{
	struct work *w = data;

	w->timed_out = true;
	kill(-w->pid, SIGKILL); /* its end is then seen by the reaper */
}

/* The last line that is not empty: programs' usage hints come before. */
static const char *last_line(struct strbuf *text)
{
	char *nl;

	strbuf_trim_end(text);
	nl = strrchr(text->buf, '\n');
	return nl ? nl + 1 : text->buf;
}

static int result(struct work *w, int status, struct error *err)
{
	const char *said = last_line(&w->said.text);

	if (w->timed_out)
		return error_set(err, -ETIMEDOUT, "%s: did not end in time", w->name);
	if (WIFSIGNALED(status))
		return error_set(err, -EIO, "%s: ended by signal %d", w->name, WTERMSIG(status));
	/* A function's exit code is its errno. */
	if (WEXITSTATUS(status) && w->is_fn)
		return error_set(err, -WEXITSTATUS(status), "%s", said);
	if (WEXITSTATUS(status))
		return error_set(err, -EIO, "%s: exit code %d%s%s", w->name, WEXITSTATUS(status),
				 *said ? ": " : "", said);
	if (w->out.over)
		return error_set(err, -EFBIG, "%s: more than %zu bytes of output", w->name,
				 w->out.max);
	return 0;
}

static void on_child_exit(pid_t pid, int status, void *data)
{
	struct work *w = data;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	work_fn done = w->done;
	int r;

	/* A grandchild may hold the pipes for longer: what was written until now counts. */
	drain(&w->out);
	drain(&w->said);
	r = result(w, status, &err);
	data = w->data;
	out = w->out.text;
	strbuf_init(&w->out.text);
	work_free(w);
	done(r < 0 ? &err : NULL, &out, data);
	strbuf_release(&out);
}

struct child {
	const struct work_params *p;
	int in, out, said; /* -1: /dev/null */
};

static _noreturn_ void child_run(const struct child *c)
{
	struct error err = ERROR_INIT;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	process_reset_signals();
	if (dup2(c->in >= 0 ? c->in : null, 0) < 0 || dup2(c->out >= 0 ? c->out : null, 1) < 0 ||
	    dup2(c->said, 2) < 0)
		_exit(EBADF);
	fd_close_from(3);
	if (!c->p->fn) {
		execve(c->p->argv[0], c->p->argv, c->p->envp ? c->p->envp : environ);
		error_sys(&err, -errno, "cannot execute %s", c->p->argv[0]);
		(void)!write(2, err.msg, strlen(err.msg));
		_exit(127);
	}
	r = c->p->fn(c->p->data, &err);
	if (r < 0)
		(void)!write(2, error_text(&err), strlen(error_text(&err)));
	_exit(r < 0 ? -r & 0xff : 0);
}

static int open_stream(struct work *w, struct stream *s, size_t max, int *ret_child,
		       struct error *err)
{
	int ends[2];
	int r = fd_pipe(ends, 0);

	if (r < 0)
		return error_sys(err, r, "cannot make a pipe");
	s->work = w;
	s->fd = ends[0];
	s->max = max;
	*ret_child = ends[1];
	r = fd_set_nonblock(s->fd, true);
	if (r == 0)
		r = loop_add_io(w->agent->loop, s->fd, EPOLLIN, on_stream, s, &s->src);
	return r < 0 ? error_sys(err, r, "cannot watch a pipe") : 0;
}

static int open_input(const struct work_params *p, int *ret, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r = 0;

	if (!p->input)
		return 0;
	r = fd_memfd("input", &fd);
	if (r == 0)
		r = fd_pwrite_full(fd, p->input, p->input_len, 0);
	if (r < 0)
		return error_sys(err, r, "cannot keep the input");
	*ret = fd_steal(&fd);
	return 0;
}

static int spawn(struct work *w, const struct work_params *p, struct error *err)
{
	_cleanup_fd_ int in = -1, out = -1, said = -1;
	struct child c = { .p = p };
	int r = open_stream(w, &w->said, SAID_MAX, &said, err);

	if (r == 0 && p->max_output)
		r = open_stream(w, &w->out, p->max_output, &out, err);
	if (r == 0)
		r = open_input(p, &in, err);
	if (r == 0) {
		r = loop_add_timer(w->agent->loop, on_timeout, w, &w->timer);
		if (r < 0)
			error_sys(err, r, "cannot make a timer");
	}
	if (r < 0)
		return r;
	c.in = in;
	c.out = out;
	c.said = said;
	w->pid = fork();
	if (w->pid == 0)
		child_run(&c);
	if (w->pid < 0)
		return error_sys(err, -errno, "cannot make a process");
	setpgid(w->pid, w->pid); /* both do, so that it holds whoever comes first */
	r = reaper_watch(w->agent->env.reaper, w->pid, on_child_exit, w);
	if (r < 0) {
		kill(w->pid, SIGKILL);
		return error_oom(err);
	}
	loop_timer_set(w->timer, p->timeout_usec);
	return 0;
}

int work_start(struct agent *a, const struct work_params *p, work_fn done, void *data,
	       struct work **slot, struct error *err)
{
	struct work *w = new0(struct work);
	int r;

	if (!w)
		return error_oom(err);
	w->agent = a;
	w->out.fd = w->said.fd = -1;
	strbuf_init(&w->out.text);
	strbuf_init(&w->said.text);
	w->is_fn = p->fn != NULL;
	w->done = done;
	w->data = data;
	w->slot = slot;
	*slot = w;
	w->name = strdup(p->name);
	r = w->name ? spawn(w, p, err) : error_oom(err);
	if (r < 0)
		work_free(w);
	return r;
}

void work_cancel(struct work *w)
{
	if (!w)
		return;
	reaper_forget(w->agent->env.reaper, w->pid);
	kill(-w->pid, SIGKILL);
	work_free(w);
}

int work_find_program(const char *name, char **ret, struct error *err)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char *path = path_join(dirs[i], name);

		if (!path)
			return error_oom(err);
		if (access(path, X_OK) == 0) {
			*ret = path;
			return 0;
		}
		free(path);
	}
	return error_set(err, -ENOENT, "the guest has no program \"%s\"", name);
}
