/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"

static const int passed_on[] = { SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
				 SIGUSR2, SIGALRM, SIGCONT, SIGTSTP, SIGWINCH };

void session_init(struct session *s, struct loop *loop)
{
	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->tty.fd = -1;
	for (int i = 0; i < SESSION_STREAMS; i++)
		s->fd[i] = -1;
}

void session_release(struct session *s)
{
	terminal_restore(&s->tty);
	for (int i = 0; i < SESSION_STREAMS; i++) {
		relay_free(s->relay[i]);
		s->fd[i] = fd_close(s->fd[i]);
		free(s->fifo[i]);
	}
	for (size_t i = 0; i < s->n_signals; i++)
		loop_source_free(s->signals[i]);
	free(s->signals);
	session_init(s, s->loop);
}

static void send_size(struct session *s)
{
	uint32_t rows, columns;

	if (terminal_size(STDIN_FILENO, &rows, &columns) == 0)
		task_send_resize(s->client, s->exec_id, rows, columns);
}

static void on_signal(struct loop_source *src, const siginfo_t *si, void *data)
{
	struct session *s = data;
	int sig = (int)si->si_signo;

	if (sig == SIGWINCH) {
		if (s->attached && s->is_terminal)
			send_size(s);
	} else if (s->attached) {
		task_send_kill(s->client, s->exec_id, (uint32_t)sig);
	} else if (sig != SIGCONT && sig != SIGTSTP && !s->early_signal) {
		s->early_signal = sig;
		if (s->on_early_signal)
			s->on_early_signal(sig, s->data);
	}
}

int session_catch_signals(struct session *s, struct error *err)
{
	s->signals = new0_array(struct loop_source *, ARRAY_SIZE(passed_on));
	if (!s->signals)
		return error_oom(err);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		int r = loop_add_signal(s->loop, passed_on[i], on_signal, s,
					&s->signals[s->n_signals]);

		if (r < 0)
			return error_sys(err, r, "signals");
		s->n_signals++;
	}
	return 0;
}

int session_make_fifos(struct session *s, const struct instance *i, const char *name,
		       bool is_terminal, struct error *err)
{
	static const char *const ends[] = { "in", "out", "err" };
	_cleanup_free_ char *dir = str_printf("%s/io", i->dir);
	int r;

	if (!dir)
		return error_oom(err);
	s->is_terminal = is_terminal;
	r = file_mkdir_p(AT_FDCWD, dir, 0700, err);
	for (int k = 0; r == 0 && k < SESSION_STREAMS; k++) {
		bool none = k == SESSION_ERR && is_terminal;

		s->fifo[k] = none ? strdup("") : str_printf("%s/%s-%s", dir, name, ends[k]);
		if (!s->fifo[k])
			r = error_oom(err);
		else if (!none && mkfifo(s->fifo[k], 0600) < 0)
			r = error_sys(err, -errno, "%s", s->fifo[k]);
	}
	return r;
}

static void check_over(struct session *s)
{
	if (s->exited && s->ended[SESSION_OUT] && s->ended[SESSION_ERR])
		loop_exit(s->loop, 0);
}

static void on_input_end(struct relay *r, enum relay_end how, void *data)
{
	struct session *s = data;

	s->fd[SESSION_IN] = fd_close(s->fd[SESSION_IN]);
	if (how == RELAY_EOF)
		task_send_close_stdin(s->client, s->exec_id);
}

static void on_output_end(struct relay *r, enum relay_end how, void *data)
{
	struct session *s = data;
	enum session_stream which = r == s->relay[SESSION_ERR] ? SESSION_ERR : SESSION_OUT;

	s->ended[which] = true;
	if (how == RELAY_BROKEN && !s->exited) {
		fprintf(stderr, "kata-runtime: nobody reads %s any more: the process is killed\n",
			which == SESSION_ERR ? "stderr" : "stdout");
		task_send_kill(s->client, s->exec_id, SIGKILL);
	}
	check_over(s);
}

/* Everything the process wrote is in the FIFOs when the engine answers this. */
static void on_wait(uint32_t status, const struct error *err, void *data)
{
	struct session *s = data;

	s->exited = true;
	s->status = status;
	if (err) {
		s->lost = true;
		s->error = *err;
	}
	for (int k = SESSION_OUT; k <= SESSION_ERR; k++) {
		if (s->relay[k] && !s->ended[k])
			relay_drain(s->relay[k]);
	}
	check_over(s);
}

static int join(struct session *s, enum session_stream k, struct error *err)
{
	struct relay_params p = { .loop = s->loop, .data = s };
	int flags = (k == SESSION_IN ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC;

	if (!*s->fifo[k]) {
		s->ended[k] = true;
		return 0;
	}
	s->fd[k] = open(s->fifo[k], flags);
	if (s->fd[k] < 0)
		return error_sys(err, -errno, "%s", s->fifo[k]);
	p.in = k == SESSION_IN ? STDIN_FILENO : s->fd[k];
	p.out = k == SESSION_IN ? s->fd[k] : k == SESSION_OUT ? STDOUT_FILENO : STDERR_FILENO;
	p.own_in = k != SESSION_IN;
	p.own_out = k == SESSION_IN;
	p.fn = k == SESSION_IN ? on_input_end : on_output_end;
	return relay_new(&p, &s->relay[k], err);
}

int session_attach(struct session *s, struct task_client *client, const char *exec_id,
		   struct error *err)
{
	int r = 0;

	s->client = client;
	s->exec_id = exec_id;
	for (int k = 0; r == 0 && k < SESSION_STREAMS; k++)
		r = join(s, (enum session_stream)k, err);
	if (r < 0)
		return r;
	r = task_send_wait(client, exec_id, on_wait, s);
	return r < 0 ? error_sys(err, r, "cannot reach the engine") : 0;
}

int session_started(struct session *s, struct error *err)
{
	s->attached = true;
	if (!s->is_terminal)
		return 0;
	send_size(s);
	return terminal_raw(&s->tty, STDIN_FILENO, err);
}

int session_run(struct session *s, int *ret_status, struct error *err)
{
	int r = s->exited && s->ended[SESSION_OUT] && s->ended[SESSION_ERR] ? 0 : loop_run(s->loop);

	terminal_restore(&s->tty);
	if (r < 0)
		return error_sys(err, r, "event loop");
	if (s->lost)
		return error_set(err, -EIO, "the engine is gone: %s", error_text(&s->error));
	*ret_status = (int)(s->status & 0xff);
	return 0;
}
