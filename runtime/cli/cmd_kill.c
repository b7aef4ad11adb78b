/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include "base/loop.h"
#include "base/options.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/task_client.h"

static void free_loop(struct loop **l)
{
	loop_free(*l);
}

int cmd_kill(const struct cli *cli, int argc, char **argv, struct error *err)
{
	_cleanup_(free_loop) struct loop *loop = NULL;
	_cleanup_task_client_ struct task_client client = TASK_CLIENT_INIT;
	_cleanup_known_ struct known k = KNOWN_INIT;
	bool all = false;
	const struct option_def defs[] = {
		{ "all", "a", OPTION_FLAG, &all, NULL, "" },
	};
	int sig = SIGTERM, next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return r;
	if (argc - next < 1 || argc - next > 2)
		return error_set(err, -EINVAL,
				 "expected a container id and a signal: kill ID [SIGNAL]");
	if (argc - next == 2)
		sig = parse_signal(argv[next + 1]);
	if (sig < 0)
		return error_set(err, -EINVAL, "unknown signal \"%s\"", argv[next + 1]);
	r = known_need(&k, cli, argv[next], err);
	if (r < 0)
		return r;
	if (!k.alive)
		return error_set(err, -ESRCH, "container \"%s\" is stopped: container not running",
				 argv[next]);
	r = loop_new(&loop);
	if (r < 0)
		return error_sys(err, r, "event loop");
	r = task_client_open(&client, loop, &k.instance, err);
	return r < 0 ? r : task_kill(&client, "", (uint32_t)sig, all, err);
}
