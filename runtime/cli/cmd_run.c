/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/options.h"
#include "base/process.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/standin.h"
#include "cli/timings.h"

#define USAGE "run [options] ID"

struct run_options {
	const char *bundle, *pid_file, *console_socket, *timings;
	bool detach, no_pivot;
};

struct run {
	struct launch launch;
	struct run_options o;
	const char *id;
};

static int parse(struct run *r, int argc, char **argv, struct error *err)
{
	struct run_options *o = &r->o;
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &o->bundle, "DIR", "the bundle (.)" },
		{ "pid-file", NULL, OPTION_STRING, &o->pid_file, "FILE",
		  "where to write the process id" },
		{ "console-socket", NULL, OPTION_STRING, &o->console_socket, "PATH",
		  "who gets the terminal's master" },
		{ "console", NULL, OPTION_STRING, &o->console_socket, "PATH", NULL },
		{ "no-pivot", NULL, OPTION_FLAG, &o->no_pivot, NULL, NULL },
		{ "detach", "d", OPTION_FLAG, &o->detach, NULL, "do not wait for its end" },
		{ "timings", NULL, OPTION_STRING, &o->timings, "FILE",
		  "write where the time went, as JSON; - for a table on stderr" },
	};
	int next, res = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (res < 0)
		return res;
	if (argc - next != 1)
		return error_set(err, -EINVAL, "expected one container id: %s", USAGE);
	if (o->detach && o->timings)
		return error_set(err, -EINVAL, "--timings is for a container in the foreground");
	if (!o->detach && o->console_socket)
		return error_set(err, -EINVAL, "--console-socket is for run --detach and create");
	r->id = argv[next];
	return 0;
}

static int start(struct run *r, struct error *err)
{
	struct launch *l = &r->launch;
	int res = launch_reserve(l, r->id, err);

	if (res == 0)
		res = launch_create(l, err);
	if (res == 0)
		res = task_start(&l->client, "", err);
	if (res == 0)
		res = launch_attached(l, err);
	if (res == 0)
		res = standin_record(&l->instance, err);
	return res;
}

/* ---- in the foreground ---- */

static int run_here(struct run *r, struct error *err)
{
	struct launch *l = &r->launch;
	int status = 0, res = start(r, err);

	if (res == 0)
		res = process_write_pid(r->o.pid_file, getpid(), err);
	if (res < 0)
		return launch_status(l, err);
	res = launch_wait(l, &status, err);
	if (res == 0)
		res = task_delete(&l->client, "", err);
	if (res == 0)
		res = task_shutdown(&l->client, err);
	return res < 0 ? res : status;
}

static int foreground(struct run *r, uint64_t begun, struct error *err)
{
	struct launch *l = &r->launch;
	struct timings t;
	int status;

	if (l->spec->process->terminal && !isatty(STDIN_FILENO)) {
		error_set(err, -ENOTTY,
			  "config.json asks for a terminal (process.terminal), but stdin is none");
		launch_release(l, false, true);
		return err->code;
	}
	status = run_here(r, err);
	t = (struct timings){ .run_start = begun, .engine = l->state.times, .exit_status = status };
	t.rootfs_mode = l->state.rootfs_mode ? strdup(l->state.rootfs_mode) : NULL;
	t.accel = l->state.accel ? strdup(l->state.accel) : NULL;
	t.output_done = time_mono_usec();
	launch_release(l, false, !err->code);
	t.run_end = time_mono_usec();
	if (r->o.timings && !err->code && timings_write(&t, r->o.timings, err) < 0)
		status = err->code;
	free(t.rootfs_mode);
	free(t.accel);
	return status;
}

/* ---- detached: both in the stand-in ---- */

static int begin(void *data, struct error *err)
{
	struct run *r = data;

	if (start(r, err) == 0)
		return 0;
	/* Before it is released: the state tells what the exit status is. */
	{
		int status = launch_status(&r->launch, err);

		launch_release(&r->launch, false, false);
		return status;
	}
}

static int end(void *data, struct error *err)
{
	struct run *r = data;
	int status = 0, res = launch_wait(&r->launch, &status, err);

	launch_release(&r->launch, true, true);
	return res < 0 ? res : status;
}

int cmd_run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	uint64_t begun = time_mono_usec();
	struct run r = { .id = NULL };
	struct standin s = { .begin = begin, .end = end, .data = &r };
	int res;

	launch_init(&r.launch, cli);
	res = parse(&r, argc, argv, err);
	if (res == 0)
		res = launch_check(&r.launch, r.id, r.o.bundle, err);
	if (res == 0 && !r.o.detach)
		return foreground(&r, begun, err);
	if (res == 0) {
		s.terminal = r.launch.spec->process->terminal;
		s.console_socket = r.o.console_socket;
		s.pid_file = r.o.pid_file;
		res = standin_check(&s, "run detached", err);
	}
	if (res == 0)
		res = standin_run(&s, err);
	launch_release(&r.launch, true, true);
	return res;
}
