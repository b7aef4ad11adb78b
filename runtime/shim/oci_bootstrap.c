/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/oci_bootstrap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/time.h"
#include "config/config.h"
#include "sandbox/sandbox.h"
#include "shim/events.h"
#include "shim/task_service.h"

/* Without a container for so long, nobody is going to make one. */
#define IDLE_USEC (10 * USEC_PER_SEC)

struct engine_args {
	const char *root, *id, *bundle, *config, *lock_fd, *ready_fd, *log, *log_format;
	bool debug;
};

struct engine {
	struct engine_args args;
	int ready_fd, log_fd;
	struct instance instance;
	struct config *config;
	struct loop *loop;
	struct sandbox *sandbox;
	struct ttrpc_server *server;
	struct task_service service;
	struct loop_source *idle;
	bool had_container;
};

static int parse_args(struct engine_args *a, int argc, char **argv, struct error *err)
{
	const struct option_def defs[] = {
		{ "root", NULL, OPTION_STRING, &a->root, NULL, NULL },
		{ "id", NULL, OPTION_STRING, &a->id, NULL, NULL },
		{ "bundle", NULL, OPTION_STRING, &a->bundle, NULL, NULL },
		{ "config", NULL, OPTION_STRING, &a->config, NULL, NULL },
		{ "lock-fd", NULL, OPTION_STRING, &a->lock_fd, NULL, NULL },
		{ "ready-fd", NULL, OPTION_STRING, &a->ready_fd, NULL, NULL },
		{ "log", NULL, OPTION_STRING, &a->log, NULL, NULL },
		{ "log-format", NULL, OPTION_STRING, &a->log_format, NULL, NULL },
		{ "debug", NULL, OPTION_FLAG, &a->debug, NULL, NULL },
	};
	int next = 0, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return r;
	if (!a->root || !a->id || !a->bundle || !a->config || !a->lock_fd || !a->ready_fd ||
	    next != argc)
		return error_set(err, -EINVAL, "the action \"oci\" is for kata-runtime only");
	return 0;
}

static int parse_fd(const char *text, int *ret, struct error *err)
{
	uint32_t n;

	if (parse_u32(text, 10, &n) < 0 || n > INT32_MAX || fcntl((int)n, F_GETFD) < 0)
		return error_set(err, -EBADF, "\"%s\" is no open descriptor", text);
	*ret = (int)n;
	return 0;
}

static void warn_to_log(const char *line, void *data)
{
	log_warn("%s", line);
}

/* The log: ROOT/ID/log, or the file that the caller named; the system log always. */
static int open_log(struct engine *e, struct error *err)
{
	_cleanup_free_ char *own = path_join(e->instance.dir, INSTANCE_LOG);
	const char *path = e->args.log ? e->args.log : own;
	struct log_config lc = { .name = "kata-runtime",
				 .source = "engine",
				 .level = e->args.debug ? LOG_L_DEBUG : LOG_L_INFO,
				 .format = LOG_F_TEXT,
				 .syslog = 1 };

	if (!own)
		return error_oom(err);
	e->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (e->log_fd < 0)
		return error_sys(err, -errno, "log %s", path);
	if (e->args.log_format && strcmp(e->args.log_format, "json") == 0)
		lc.format = LOG_F_JSON;
	lc.fd = e->log_fd;
	log_init(&lc);
	log_set_field("sandbox", e->args.id);
	return 0;
}

static void end(struct engine *e)
{
	loop_exit(e->loop, 0);
}

static void on_idle(struct loop_source *s, void *data)
{
	struct engine *e = data;

	if (sandbox_is_empty(e->sandbox))
		end(e);
}

static void on_shutdown(void *data)
{
	end(data);
}

/* Nobody is connected: without a container there is nothing to live for. */
static void on_connections(bool idle, void *data)
{
	struct engine *e = data;

	if (idle && sandbox_is_empty(e->sandbox))
		end(e);
}

static void on_terminate(struct loop_source *s, const siginfo_t *si, void *data)
{
	log_info("ended by signal %d", (int)si->si_signo);
	end(data);
}

static int serve(struct engine *e, struct error *err)
{
	_cleanup_free_ char *path = path_join(e->instance.dir, INSTANCE_TASK_SOCK);
	_cleanup_fd_ int fd = -1;
	int r;

	if (!path)
		return error_oom(err);
	r = fd_unix_listen(path, 16, &fd, err);
	if (r < 0)
		return r;
	r = ttrpc_server_new(e->loop, &e->server);
	if (r == 0)
		r = task_service_init(&e->service, e->sandbox, e->server);
	if (r == 0)
		r = ttrpc_server_listen(e->server, fd_steal(&fd));
	if (r == 0)
		r = loop_add_timer(e->loop, on_idle, e, &e->idle);
	if (r < 0)
		return error_sys(err, r, "Task service");
	ttrpc_server_on_idle(e->server, on_connections, e);
	/* No containerd: events are logged only. */
	r = events_new(e->loop, NULL, "", &e->service.events, err);
	if (r < 0)
		return r;
	e->service.on_shutdown = on_shutdown;
	e->service.data = e;
	loop_timer_set(e->idle, IDLE_USEC);
	return 0;
}

/*
 * A mount namespace of our own, for the shared root file system. Where root may not have one (a container without CAP_SYS_ADMIN) or
 * cannot seal it off (a chroot, whose "/" is no mount), roots are packed as for an ordinary user, and the user is told.
 */
static int own_mounts(struct engine *e, struct error *why, struct error *err)
{
	int r;

	if (geteuid() != 0 || e->config->shared_fs != CONFIG_FS_VIRTIO)
		return 0;
	r = share_unshare(why);
	if (r == -EINVAL || r == -EPERM) {
		e->config->shared_fs = CONFIG_FS_NONE;
		return 0;
	}
	return r < 0 ? error_set(err, r, "%s", why->msg) : 0;
}

static int set_up(struct engine *e, uint64_t start, struct error *err)
{
	struct error no_share = ERROR_INIT;
	int lock_fd = -1, r;

	r = parse_fd(e->args.lock_fd, &lock_fd, err);
	if (r == 0)
		r = instance_adopt(&e->instance, e->args.root, e->args.id, lock_fd, err);
	if (r == 0)
		r = open_log(e, err);
	if (r == 0)
		r = config_load(e->args.config, warn_to_log, NULL, &e->config, err);
	if (r < 0)
		return r;
	log_info("configuration: %s", e->config->path);
	r = own_mounts(e, &no_share, err);
	if (r < 0)
		return r;
	r = loop_new(&e->loop);
	if (r == 0)
		r = loop_add_signal(e->loop, SIGTERM, on_terminate, e, NULL);
	if (r < 0)
		return error_sys(err, r, "event loop");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	r = sandbox_new(e->loop, e->config, &e->instance, e->args.bundle, e->log_fd, &e->sandbox,
			err);
	if (r < 0)
		return r;
	e->sandbox->state.times.engine_start = start;
	if (no_share.code) {
		error_prefix(&no_share, "the root file system is packed instead of shared");
		sandbox_warn(e->sandbox, no_share.msg);
	}
	sandbox_save(e->sandbox);
	return serve(e, err);
}

/* Tells the caller; without one (it was killed) there is no reason to go on. */
static int report(struct engine *e, const char *text)
{
	int r;

	if (e->ready_fd < 0)
		return 0;
	r = fd_write_full(e->ready_fd, text, strlen(text));
	e->ready_fd = fd_close(e->ready_fd);
	return r;
}

static void tear_down(struct engine *e)
{
	ttrpc_server_free(e->server);
	sandbox_free(e->sandbox);
	events_free(e->service.events);
	loop_source_free(e->idle);
	loop_free(e->loop);
	config_free(e->config);
	/* Without a lock of our own the directory is somebody else's business. */
	if (e->instance.lockfd >= 0)
		instance_remove(&e->instance, NULL);
	instance_release(&e->instance);
	fd_close(e->log_fd);
}

int oci_bootstrap(int argc, char **argv)
{
	struct engine e = { .ready_fd = -1, .log_fd = -1, .instance = INSTANCE_INIT };
	uint64_t start = time_mono_usec();
	struct error err = ERROR_INIT;
	int r;

	r = parse_args(&e.args, argc, argv, &err);
	if (r == 0)
		r = parse_fd(e.args.ready_fd, &e.ready_fd, &err);
	if (r == 0) {
		fd_set_cloexec(e.ready_fd, true);
		umask(022);
		if (chdir("/") < 0)
			r = error_sys(&err, -errno, "/");
	}
	if (r == 0)
		r = set_up(&e, start, &err);
	if (r < 0) {
		log_error("%s", error_text(&err));
		report(&e, error_text(&err));
	} else if (report(&e, "ok\n") == 0) {
		r = loop_run(e.loop);
	}
	tear_down(&e);
	return r < 0 ? 1 : 0;
}
