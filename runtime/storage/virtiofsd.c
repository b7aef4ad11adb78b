/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/virtiofsd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/strv.h"

struct virtiofsd {
	pid_t pid; /* 0: reaped */
	char *socket;
	struct loop_source *child;
	void (*on_exit)(int wait_status, void *data);
	void *data;
};

const char *virtiofsd_find(const char *option)
{
	static const char *const places[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd",
					      "/usr/lib/virtiofsd", "/opt/kata/libexec/virtiofsd" };

	if (option)
		return access(option, X_OK) == 0 ? option : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	return NULL;
}

static void on_child(struct loop_source *s, pid_t pid, int wait_status, void *data)
{
	struct virtiofsd *v = data;

	v->pid = 0;
	v->child = NULL;
	v->on_exit(wait_status, v->data);
}

/* Both the C daemon (QEMU up to 7) and the Rust one understand the -o spelling. */
static int make_args(struct strv *argv, const struct virtiofsd_params *p, const char *path,
		     int listen_fd)
{
	if (strv_add(argv, path) < 0 || strv_addf(argv, "--fd=%d", listen_fd) < 0 ||
	    strv_add(argv, "-o") < 0 || strv_addf(argv, "source=%s", p->shared_dir) < 0 ||
	    strv_add(argv, "-o") < 0 || strv_addf(argv, "cache=%s", p->cache) < 0)
		return -ENOMEM;
	for (size_t i = 0; p->extra_args && p->extra_args[i]; i++) {
		if (strv_add(argv, p->extra_args[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

int virtiofsd_start(struct loop *loop, const struct virtiofsd_params *p,
		    void (*on_exit)(int wait_status, void *data), void *data,
		    struct virtiofsd **ret, struct error *err)
{
	const char *path = virtiofsd_find(p->path);
	_cleanup_strv_ struct strv argv = STRV_INIT;
	struct process_params spawn;
	_cleanup_fd_ int listen_fd = -1;
	struct virtiofsd *v;
	int r;

	if (!path)
		return error_set(err, -ENOENT, "virtiofsd: %s%s",
				 p->path ? p->path : "not installed",
				 p->path ? ": missing or not executable" : "");
	r = fd_unix_listen(p->socket, 1, &listen_fd, err);
	if (r < 0)
		return r;
	r = fd_set_nonblock(listen_fd, false); /* the daemon waits in accept */
	if (r < 0)
		return error_sys(err, r, "%s", p->socket);
	v = new0(struct virtiofsd);
	if (!v)
		return error_oom(err);
	v->on_exit = on_exit;
	v->data = data;
	v->socket = strdup(p->socket);
	r = v->socket ? make_args(&argv, p, path, listen_fd) : -ENOMEM;
	if (r < 0) {
		virtiofsd_free(v);
		return error_oom(err);
	}
	process_params_preset(&spawn);
	spawn.path = path;
	spawn.argv = argv.v;
	spawn.stdout_fd = spawn.stderr_fd = p->log_fd;
	spawn.keep_fds = &listen_fd;
	spawn.n_keep_fds = 1;
	spawn.death_signal = SIGKILL;
	r = process_spawn(&spawn, &v->pid, err);
	if (r == 0)
		r = loop_add_child(loop, v->pid, on_child, v, &v->child);
	if (r < 0) {
		virtiofsd_free(v);
		return error_wrap(err, r, "virtiofsd");
	}
	*ret = v;
	return 0;
}

pid_t virtiofsd_pid(const struct virtiofsd *v)
{
	return v ? v->pid : 0;
}

struct virtiofsd *virtiofsd_free(struct virtiofsd *v)
{
	if (!v)
		return NULL;
	loop_source_free(v->child);
	if (v->pid > 0) {
		kill(v->pid, SIGKILL);
		waitpid(v->pid, NULL, 0);
	}
	if (v->socket)
		unlink(v->socket);
	free(v->socket);
	free(v);
	return NULL;
}
