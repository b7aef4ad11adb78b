/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/task_client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "wire/google.pb-c.h"

#define ENGINE_NAME	 "containerd-shim-kata-v2"
#define READY_MAX	 4096
#define TASK_SERVICE	 "containerd.task.v2.Task"
#define SHORT_TIMEOUT_MS 90000

/* The engine's program: beside this one, else in PATH. */
static char *engine_path(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		_cleanup_free_ char *dir = strndup(self, (size_t)n);
		char *beside;

		if (!dir)
			return NULL;
		dir[path_base(dir) - dir] = '\0';
		beside = path_join(dir, ENGINE_NAME);
		if (!beside || access(beside, X_OK) == 0)
			return beside;
		free(beside);
	}
	return strdup(ENGINE_NAME);
}

static int engine_args(const struct cli *cli, const struct instance *i, const char *bundle,
		       const char *config, int ready_fd, struct strv *argv)
{
	if (strv_adds(argv, ENGINE_NAME, "oci", "--root", i->root, "--id", i->id, "--bundle",
		      bundle, "--config", config, NULL) < 0 ||
	    strv_addf(argv, "--lock-fd=%d", i->lockfd) < 0 ||
	    strv_addf(argv, "--ready-fd=%d", ready_fd) < 0)
		return -ENOMEM;
	if (cli->log && strv_adds(argv, "--log", cli->log, NULL) < 0)
		return -ENOMEM;
	if (cli->log_format && strv_adds(argv, "--log-format", cli->log_format, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int engine_start(const struct cli *cli, const struct instance *i, const char *bundle,
		 const char *config, pid_t *ret_pid, struct error *err)
{
	_cleanup_strbuf_ struct strbuf ready = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT;
	_cleanup_free_ char *path = engine_path();
	_cleanup_fd_ int rd = -1, wr = -1;
	struct process_params p;
	int pipefd[2], keep[2], r;
	pid_t pid;

	if (!path)
		return error_oom(err);
	r = fd_pipe(pipefd, 0);
	if (r < 0)
		return error_sys(err, r, "pipe");
	rd = pipefd[0];
	wr = pipefd[1];
	if (engine_args(cli, i, bundle, config, wr, &argv) < 0)
		return error_oom(err);
	process_params_preset(&p);
	keep[0] = i->lockfd;
	keep[1] = wr;
	p.path = path;
	p.argv = argv.v;
	p.keep_fds = keep;
	p.n_keep_fds = 2;
	p.new_session = true;
	r = process_spawn(&p, &pid, err);
	if (r < 0)
		return error_prefix(err, "cannot start the engine");
	wr = fd_close(wr);
	r = strbuf_read_fd(&ready, rd, READY_MAX);
	if (r == 0 && str_eq(ready.buf, "ok\n")) {
		*ret_pid = pid;
		return 0;
	}
	waitpid(pid, NULL, 0);
	if (r < 0)
		return error_sys(err, r, "engine");
	return error_set(err, -EIO, "%s", ready.len ? ready.buf : "the engine died at its start");
}

int task_client_open(struct task_client *c, struct loop *loop, const struct instance *i,
		     struct error *err)
{
	_cleanup_free_ char *path = path_join(i->dir, INSTANCE_TASK_SOCK);
	_cleanup_fd_ int fd = -1;
	int r;

	if (!path)
		return error_oom(err);
	r = fd_unix_connect(path, &fd, err);
	if (r < 0)
		return r;
	r = fd_set_nonblock(fd, true);
	if (r == 0)
		r = ttrpc_client_new(loop, fd_steal(&fd), &c->rpc);
	if (r < 0)
		return error_sys(err, r, "%s", path);
	c->loop = loop;
	c->id = i->id;
	return 0;
}

void task_client_close(struct task_client *c)
{
	c->rpc = ttrpc_client_free(c->rpc);
}

int task_call(struct task_client *c, const char *method, const ProtobufCMessage *req,
	      struct error *err)
{
	const ProtobufCMessageDescriptor *resp = &google__protobuf__empty__descriptor;

	/* Answers whose content nobody reads: unknown fields of an Empty are passed over. */
	return ttrpc_client_call_sync(c->rpc, TASK_SERVICE, method, req, resp, 0, NULL, err);
}

int task_start(struct task_client *c, const char *exec_id, struct error *err)
{
	Containerd__Task__V2__StartRequest req = CONTAINERD__TASK__V2__START_REQUEST__INIT;

	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	return task_call(c, "Start", &req.base, err);
}

int task_kill(struct task_client *c, const char *exec_id, uint32_t sig, bool all, struct error *err)
{
	Containerd__Task__V2__KillRequest req = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	req.signal = sig;
	req.all = all;
	return task_call(c, "Kill", &req.base, err);
}

int task_delete(struct task_client *c, const char *exec_id, struct error *err)
{
	Containerd__Task__V2__DeleteRequest req = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	return task_call(c, "Delete", &req.base, err);
}

int task_shutdown(struct task_client *c, struct error *err)
{
	Containerd__Task__V2__ShutdownRequest req = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;

	req.id = (char *)c->id;
	return task_call(c, "Shutdown", &req.base, err);
}

/* ---- without waiting ------------------------------------------------------------------------------------------ */

static void ignore_reply(const ProtobufCMessage *resp, enum ttrpc_code code,
			 const struct error *err, void *data)
{
}

static void task_send(struct task_client *c, const char *method, const ProtobufCMessage *req,
		      uint64_t timeout_ms)
{
	if (c->rpc)
		(void)ttrpc_client_call(c->rpc, TASK_SERVICE, method, req,
					&google__protobuf__empty__descriptor, timeout_ms,
					ignore_reply, NULL, NULL);
}

void task_send_kill(struct task_client *c, const char *exec_id, uint32_t sig)
{
	Containerd__Task__V2__KillRequest req = CONTAINERD__TASK__V2__KILL_REQUEST__INIT;

	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	req.signal = sig;
	task_send(c, "Kill", &req.base, SHORT_TIMEOUT_MS);
}

void task_send_resize(struct task_client *c, const char *exec_id, uint32_t rows, uint32_t columns)
{
	Containerd__Task__V2__ResizePtyRequest req = CONTAINERD__TASK__V2__RESIZE_PTY_REQUEST__INIT;

	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	req.height = rows;
	req.width = columns;
	task_send(c, "ResizePty", &req.base, SHORT_TIMEOUT_MS);
}

void task_send_close_stdin(struct task_client *c, const char *exec_id)
{
	Containerd__Task__V2__CloseIORequest req = CONTAINERD__TASK__V2__CLOSE_IOREQUEST__INIT;

	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	req.stdin = true;
	task_send(c, "CloseIO", &req.base, 0);
}

struct wait_reply {
	task_wait_fn fn;
	void *data;
};

static void on_wait(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		    void *data)
{
	const Containerd__Task__V2__WaitResponse *msg =
		(const Containerd__Task__V2__WaitResponse *)resp;
	struct wait_reply w = *(struct wait_reply *)data;

	free(data);
	w.fn(err ? 0 : msg->exit_status, err, w.data);
}

int task_send_wait(struct task_client *c, const char *exec_id, task_wait_fn fn, void *data)
{
	Containerd__Task__V2__WaitRequest req = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	struct wait_reply *w = new0(struct wait_reply);
	int r;

	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->data = data;
	req.id = (char *)c->id;
	req.exec_id = (char *)exec_id;
	r = ttrpc_client_call(c->rpc, TASK_SERVICE, "Wait", &req.base,
			      &containerd__task__v2__wait_response__descriptor, 0, on_wait, w,
			      NULL);
	if (r < 0)
		free(w);
	return r;
}
