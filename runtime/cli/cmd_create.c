/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/standin.h"

#define USAGE "create [options] ID"

struct create {
	struct launch launch;
	const char *id;
};

static int begin(void *data, struct error *err)
{
	struct create *c = data;
	struct launch *l = &c->launch;
	int status, r = launch_reserve(l, c->id, err);

	if (r == 0)
		r = launch_create(l, err);
	/* `start` is another process: signals are passed on, and the terminal is ready, from now. */
	if (r == 0)
		r = launch_attached(l, err);
	if (r == 0)
		r = standin_record(&l->instance, err);
	if (r == 0)
		return 0;
	status = launch_status(l, err);
	launch_release(l, false, false);
	return status;
}

static int end(void *data, struct error *err)
{
	struct create *c = data;
	int status = 0, r = launch_wait(&c->launch, &status, err);

	launch_release(&c->launch, true, true);
	return r < 0 ? r : status;
}

int cmd_create(const struct cli *cli, int argc, char **argv, struct error *err)
{
	const char *bundle = NULL;
	bool no_pivot = false;
	struct create c = { .id = NULL };
	struct standin s = { .begin = begin, .end = end, .data = &c };
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &bundle, "DIR", "the bundle (.)" },
		{ "pid-file", NULL, OPTION_STRING, &s.pid_file, "FILE",
		  "where to write the process id" },
		{ "console-socket", NULL, OPTION_STRING, &s.console_socket, "PATH",
		  "who gets the terminal's master" },
		{ "console", NULL, OPTION_STRING, &s.console_socket, "PATH", NULL },
		{ "no-pivot", NULL, OPTION_FLAG, &no_pivot, NULL, NULL },
	};
	int next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return r;
	if (argc - next != 1)
		return error_set(err, -EINVAL, "expected one container id: %s", USAGE);
	c.id = argv[next];
	launch_init(&c.launch, cli);
	r = launch_check(&c.launch, c.id, bundle, err);
	if (r == 0) {
		s.terminal = c.launch.spec->process->terminal;
		r = standin_check(&s, "created", err);
	}
	if (r == 0)
		r = standin_run(&s, err);
	launch_release(&c.launch, true, true);
	return r;
}
