/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/task_client.h"
#include "cli/timings.h"
#include "config/config.h"
#include "oci/spec.h"
#include "sandbox/state.h"

#define USAGE "run [options] ID"

/* What upstream and other runtimes answer for a program that is missing, or cannot be executed. */
#define EXIT_NOT_FOUND	  127
#define EXIT_NOT_RUNNABLE 126

struct run_options {
	const char *bundle, *pid_file, *console_socket, *timings;
	bool detach, no_pivot;
};

struct run {
	const struct cli *cli;
	struct run_options o;
	uint64_t start; /* time_mono_usec() */
	char *bundle;
	struct config *config;
	struct oci_spec *spec;
	struct instance instance;
	bool reserved; /* the instance's directory is ours to remove */
	pid_t engine;
	struct loop *loop;
	struct task_client client;
	struct session session;
	struct state state; /* the engine's last word */
};

static int parse(struct run *r, int argc, char **argv, const char **id, struct error *err)
{
	struct run_options *o = &r->o;
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &o->bundle, "DIR", "the bundle (.)" },
		{ "pid-file", NULL, OPTION_STRING, &o->pid_file, "FILE",
		  "where to write the process id" },
		{ "console-socket", NULL, OPTION_STRING, &o->console_socket, "PATH", NULL },
		{ "console", NULL, OPTION_STRING, &o->console_socket, "PATH", NULL },
		{ "no-pivot", NULL, OPTION_FLAG, &o->no_pivot, NULL, NULL },
		{ "detach", "d", OPTION_FLAG, &o->detach, NULL, NULL },
		{ "timings", NULL, OPTION_STRING, &o->timings, "FILE",
		  "write where the time went, as JSON; - for a table on stderr" },
	};
	int next, res = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (res < 0)
		return res;
	if (argc - next != 1)
		return error_set(err, -EINVAL, "expected one container id: %s", USAGE);
	if (o->detach)
		return error_set(err, -EOPNOTSUPP, "run --detach is not supported yet");
	if (o->console_socket)
		return error_set(err, -EOPNOTSUPP, "run --console-socket is not supported yet");
	*id = argv[next];
	if (!path_valid_id(*id))
		return error_set(err, -EINVAL,
				 "invalid container id \"%.64s\": letters, digits and _.- are "
				 "allowed, the first a letter or digit",
				 *id);
	return 0;
}

/* Everything that can be found wrong without starting anything. */
static int check_input(struct run *r, struct error *err)
{
	_cleanup_free_ char *config = NULL;
	_cleanup_fd_ int dir = -1;
	int res;

	r->bundle = path_absolute(r->o.bundle ? r->o.bundle : ".");
	if (!r->bundle)
		return error_oom(err);
	res = config_find(r->cli->config, &config, err);
	if (res == 0)
		res = config_load(config, cli_warn, NULL, &r->config, err);
	if (res < 0)
		return res;
	log_info("configuration: %s", r->config->path);
	dir = open(r->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, -errno, "bundle %s", r->bundle);
	res = oci_spec_load(dir, r->bundle, &r->spec, err);
	if (res < 0)
		return res;
	res = oci_spec_validate(r->spec, err);
	if (res < 0)
		return error_prefix(err, "%s/config.json", r->bundle);
	if (r->spec->process->terminal && !isatty(STDIN_FILENO))
		return error_set(err, -ENOTTY,
				 "config.json asks for a terminal (process.terminal), but stdin is "
				 "none");
	return 0;
}

/* A signal that comes while the VM starts: nothing runs yet, so all of it is taken down. */
static void on_early_signal(int sig, void *data)
{
	struct run *r = data;

	if (r->engine > 0)
		kill(r->engine, SIGKILL);
}

static int create_task(struct run *r, struct error *err)
{
	Containerd__Task__V2__CreateTaskRequest req =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	req.id = r->instance.id;
	req.bundle = r->bundle;
	req.terminal = r->spec->process->terminal;
	req.stdin = r->session.fifo[SESSION_IN];
	req.stdout = r->session.fifo[SESSION_OUT];
	req.stderr = r->session.fifo[SESSION_ERR];
	return task_call(&r->client, "Create", &req.base, err);
}

static int write_pid_file(const struct run *r, struct error *err)
{
	char text[16];

	if (!r->o.pid_file)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)getpid());
	return file_write_atomic(AT_FDCWD, r->o.pid_file, 0644, text, strlen(text), err);
}

static void read_state(struct run *r)
{
	struct state s;

	if (state_read(r->instance.dirfd, &s, NULL) < 0)
		return;
	state_release(&r->state);
	r->state = s;
}

static int launch(struct run *r, struct error *err)
{
	int res;

	res = loop_new(&r->loop);
	if (res < 0)
		return error_sys(err, res, "event loop");
	session_init(&r->session, r->loop);
	r->session.on_early_signal = on_early_signal;
	r->session.data = r;
	if ((res = session_catch_signals(&r->session, err)) < 0 ||
	    (res = session_make_fifos(&r->session, &r->instance, "init", r->spec->process->terminal,
				      err)) < 0 ||
	    (res = engine_start(r->cli, &r->instance, r->bundle, r->config->path, &r->engine,
				err)) < 0)
		return res;
	/* From now on the engine alone holds the lock. */
	r->instance.lockfd = fd_close(r->instance.lockfd);
	if ((res = task_client_open(&r->client, r->loop, &r->instance, err)) < 0 ||
	    (res = create_task(r, err)) < 0)
		return res;
	read_state(r);
	if (r->state.warning)
		cli_warn(r->state.warning, NULL);
	if ((res = session_attach(&r->session, &r->client, "", err)) < 0 ||
	    (res = task_start(&r->client, "", err)) < 0 ||
	    (res = session_started(&r->session, err)) < 0)
		return res;
	return write_pid_file(r, err);
}

static int wait_and_delete(struct run *r, int *status, struct error *err)
{
	int res = session_run(&r->session, status, err);

	read_state(r);
	if (res == 0 && r->state.reason)
		res = error_set(err, -EIO, "the sandbox was lost: %s", r->state.reason);
	if (res < 0)
		return res;
	res = task_delete(&r->client, "", err);
	return res < 0 ? res : task_shutdown(&r->client, err);
}

/* Nothing stays behind, whatever happened. */
static void clean_up(struct run *r, bool graceful)
{
	struct error err = ERROR_INIT;

	task_client_close(&r->client);
	if (r->engine > 0) {
		if (!graceful)
			kill(r->engine, SIGKILL);
		waitpid(r->engine, NULL, 0);
	}
	r->instance.lockfd = fd_close(r->instance.lockfd);
	if (r->reserved && instance_destroy(&r->instance, &err) < 0)
		cli_warn(error_text(&err), NULL);
	session_release(&r->session);
	loop_free(r->loop);
	instance_release(&r->instance);
	config_free(r->config);
	oci_spec_free(r->spec);
	state_release(&r->state);
	free(r->bundle);
}

/* The agent says `exec "NAME": ...` when the program is the cause. */
static int failure_status(const struct error *err)
{
	if (!strstr(error_text(err), "exec \""))
		return err->code;
	return err->code == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE;
}

static int run_container(struct run *r, const char *id, struct error *err)
{
	_cleanup_free_ char *root = NULL;
	int status = 0, res;

	res = check_input(r, err);
	if (res == 0)
		res = instance_root(r->cli->root, &root, err);
	if (res == 0)
		res = instance_create(&r->instance, root, id, err);
	if (res < 0)
		return res;
	r->reserved = true;
	res = launch(r, err);
	if (res < 0 && r->session.early_signal)
		return 128 + r->session.early_signal;
	if (res < 0) {
		read_state(r);
		return failure_status(err);
	}
	res = wait_and_delete(r, &status, err);
	return res < 0 ? res : status;
}

int cmd_run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct run r = { .cli = cli,
			 .start = time_mono_usec(),
			 .instance = INSTANCE_INIT,
			 .client = TASK_CLIENT_INIT };
	struct timings t;
	const char *id = NULL;
	int status;

	state_init(&r.state);
	session_init(&r.session, NULL);
	status = parse(&r, argc, argv, &id, err);
	if (status < 0)
		return status;
	status = run_container(&r, id, err);
	t = (struct timings){ .run_start = r.start,
			      .engine = r.state.times,
			      .exit_status = status };
	t.rootfs_mode = r.state.rootfs_mode ? strdup(r.state.rootfs_mode) : NULL;
	t.accel = r.state.accel ? strdup(r.state.accel) : NULL;
	t.output_done = time_mono_usec();
	clean_up(&r, !err->code);
	t.run_end = time_mono_usec();
	if (r.o.timings && !err->code && timings_write(&t, r.o.timings, err) < 0)
		status = err->code;
	free(t.rootfs_mode);
	free(t.accel);
	return status;
}
