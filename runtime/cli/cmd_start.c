/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/loop.h"
#include "base/options.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "cli/task_client.h"

static void free_loop(struct loop **l)
{
	loop_free(*l);
}

static int start_one(const struct cli *cli, const char *id, struct error *err)
{
	_cleanup_(free_loop) struct loop *loop = NULL;
	_cleanup_task_client_ struct task_client client = TASK_CLIENT_INIT;
	_cleanup_known_ struct known k = KNOWN_INIT;
	int r = known_need(&k, cli, id, err);

	if (r < 0)
		return r;
	if (strcmp(k.state.status, "created") != 0)
		return error_set(err, -EBUSY, "cannot start container \"%s\": it is %s", id,
				 k.state.status);
	r = loop_new(&loop);
	if (r < 0)
		return error_sys(err, r, "event loop");
	r = task_client_open(&client, loop, &k.instance, err);
	return r < 0 ? r : task_start(&client, "", err);
}

int cmd_start(const struct cli *cli, int argc, char **argv, struct error *err)
{
	int next, r = options_parse(NULL, 0, argc, argv, &next, err);

	if (r < 0)
		return r;
	if (next == argc)
		return error_set(err, -EINVAL, "missing container ID");
	for (int i = next; i < argc && r == 0; i++)
		r = start_one(cli, argv[i], err);
	return r;
}
