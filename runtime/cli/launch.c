/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"

void launch_init(struct launch *l, const struct cli *cli)
{
	*l = (struct launch){ .cli = cli, .instance = INSTANCE_INIT, .client = TASK_CLIENT_INIT };
	state_init(&l->state);
	session_init(&l->session, NULL);
}

int launch_check_id(const char *id, struct error *err)
{
	if (path_valid_id(id))
		return 0;
	return error_set(err, -EINVAL,
			 "invalid container id \"%.64s\": letters, digits and _.- are allowed, the "
			 "first a letter or digit",
			 id);
}

int launch_check(struct launch *l, const char *id, const char *bundle, struct error *err)
{
	_cleanup_free_ char *config = NULL;
	_cleanup_fd_ int dir = -1;
	int r = launch_check_id(id, err);

	if (r < 0)
		return r;
	l->bundle = path_absolute(bundle ? bundle : ".");
	if (!l->bundle)
		return error_oom(err);
	r = config_find(l->cli->config, &config, err);
	if (r == 0)
		r = config_load(config, cli_warn, NULL, &l->config, err);
	if (r < 0)
		return r;
	log_info("configuration: %s", l->config->path);
	dir = open(l->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, -errno, "bundle %s", l->bundle);
	r = oci_spec_load(dir, l->bundle, &l->spec, err);
	if (r < 0)
		return r;
	r = oci_spec_validate(l->spec, err);
	return r < 0 ? error_prefix(err, "%s/config.json", l->bundle) : 0;
}

int launch_reserve(struct launch *l, const char *id, struct error *err)
{
	_cleanup_free_ char *root = NULL;
	int r = instance_root(l->cli->root, &root, err);

	if (r == 0)
		r = instance_create(&l->instance, root, id, err);
	l->reserved = r == 0;
	return r;
}

/* A signal that comes while the VM starts: nothing runs yet, so all of it is taken down. */
static void on_early_signal(int sig, void *data)
{
	struct launch *l = data;

	if (l->engine > 0)
		kill(l->engine, SIGKILL);
}

static int create_task(struct launch *l, struct error *err)
{
	Containerd__Task__V2__CreateTaskRequest req =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;

	req.id = l->instance.id;
	req.bundle = l->bundle;
	req.terminal = l->spec->process->terminal;
	req.stdin = l->session.fifo[SESSION_IN];
	req.stdout = l->session.fifo[SESSION_OUT];
	req.stderr = l->session.fifo[SESSION_ERR];
	return task_call(&l->client, "Create", &req.base, err);
}

void launch_read_state(struct launch *l)
{
	struct state s;

	if (state_read(l->instance.dirfd, &s, NULL) < 0)
		return;
	state_release(&l->state);
	l->state = s;
}

int launch_create(struct launch *l, struct error *err)
{
	int r = loop_new(&l->loop);

	if (r < 0)
		return error_sys(err, r, "event loop");
	session_init(&l->session, l->loop);
	l->session.on_early_signal = on_early_signal;
	l->session.data = l;
	if ((r = session_catch_signals(&l->session, err)) < 0 ||
	    (r = session_make_fifos(&l->session, &l->instance, "init", l->spec->process->terminal,
				    err)) < 0 ||
	    (r = engine_start(l->cli, &l->instance, l->bundle, l->config->path, &l->engine, err)) <
		    0)
		return r;
	/* From now on the engine alone holds the lock. */
	l->instance.lockfd = fd_close(l->instance.lockfd);
	if ((r = task_client_open(&l->client, l->loop, &l->instance, err)) < 0 ||
	    (r = create_task(l, err)) < 0)
		return r;
	launch_read_state(l);
	if (l->state.warning)
		cli_warn(l->state.warning, NULL);
	return session_attach(&l->session, &l->client, "", err);
}

int launch_attached(struct launch *l, struct error *err)
{
	return session_started(&l->session, err);
}

int launch_wait(struct launch *l, int *ret_status, struct error *err)
{
	int r = session_run(&l->session, ret_status, err);

	launch_read_state(l);
	if (r == 0 && l->state.reason)
		r = error_set(err, -EIO, "the sandbox was lost: %s", l->state.reason);
	return r;
}

/* The agent says `exec "NAME": ...` when the program is the cause. */
int launch_status(struct launch *l, const struct error *err)
{
	if (l->session.early_signal)
		return 128 + l->session.early_signal;
	launch_read_state(l);
	if (!strstr(error_text(err), "exec \""))
		return err->code;
	return err->code == -ENOENT ? LAUNCH_EXIT_NOT_FOUND : LAUNCH_EXIT_NOT_RUNNABLE;
}

void launch_release(struct launch *l, bool keep, bool graceful)
{
	struct error err = ERROR_INIT;

	task_client_close(&l->client);
	if (l->engine > 0 && !keep) {
		if (!graceful)
			kill(l->engine, SIGKILL);
		waitpid(l->engine, NULL, 0);
	}
	l->instance.lockfd = fd_close(l->instance.lockfd);
	if (l->reserved && !keep && instance_destroy(&l->instance, &err) < 0)
		cli_warn(error_text(&err), NULL);
	session_release(&l->session);
	loop_free(l->loop);
	instance_release(&l->instance);
	config_free(l->config);
	oci_spec_free(l->spec);
	state_release(&l->state);
	free(l->bundle);
}
