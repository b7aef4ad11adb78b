/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"
#include "cli/cli.h"
#include "cli/known.h"
#include "base/options.h"
#include "cli/task_client.h"

static void free_loop(struct loop **l)
{
	loop_free(*l);
}

/* Through the engine: the container in the guest first, then the rest. */
static int delete_gracefully(struct known *k, struct error *err)
{
	_cleanup_(free_loop) struct loop *loop = NULL;
	_cleanup_task_client_ struct task_client client = TASK_CLIENT_INIT;
	int r = loop_new(&loop);

	if (r < 0)
		return error_sys(err, r, "event loop");
	r = task_client_open(&client, loop, &k->instance, err);
	if (r == 0)
		r = task_delete(&client, "", err);
	return r < 0 ? r : task_shutdown(&client, err);
}

static int delete_one(const struct cli *cli, const char *id, bool force, struct error *err)
{
	_cleanup_known_ struct known k = KNOWN_INIT;
	int r = known_open(&k, cli, id, err);

	if (r == -ENOENT && force) {
		error_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	if (k.alive && !force) {
		r = delete_gracefully(&k, err);
		if (r < 0)
			return r;
	}
	return instance_destroy(&k.instance, err);
}

int cmd_delete(const struct cli *cli, int argc, char **argv, struct error *err)
{
	bool force = false;
	const struct option_def defs[] = {
		{ "force", "f", OPTION_FLAG, &force, NULL, "" },
	};
	int next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return r;
	if (next == argc)
		return error_set(err, -EINVAL, "missing container ID");
	for (int i = next; i < argc; i++) {
		r = delete_one(cli, argv[i], force, err);
		if (r < 0)
			return r;
	}
	return 0;
}
