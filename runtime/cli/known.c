/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/known.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "cli/standin.h"

void known_release(struct known *k)
{
	instance_release(&k->instance);
	state_release(&k->state);
}

int known_open(struct known *k, const struct cli *cli, const char *id, struct error *err)
{
	_cleanup_free_ char *root = NULL;
	int r;

	state_init(&k->state);
	r = instance_root(cli->root, &root, err);
	if (r == 0)
		r = instance_open(&k->instance, root, id, err);
	if (r < 0)
		return r;
	k->alive = instance_alive(&k->instance);
	if (state_read(k->instance.dirfd, &k->state, NULL) < 0)
		return 0;
	if (!k->alive && strcmp(k->state.status, "stopped") != 0) {
		free(k->state.status);
		k->state.status = strdup("stopped");
		if (!k->state.status)
			return error_oom(err);
	}
	return 0;
}

int known_need(struct known *k, const struct cli *cli, const char *id, struct error *err)
{
	int r = known_open(k, cli, id, err);

	if (r < 0)
		return r;
	if (!k->state.status)
		return error_set(err, -EIO,
				 "container \"%s\" is half-made; remove it with delete --force",
				 id);
	return 0;
}

pid_t known_pid(const struct known *k)
{
	pid_t pid;

	if (strcmp(k->state.status, "stopped") == 0)
		return 0;
	pid = standin_find(&k->instance).pid;
	return pid ? pid : k->state.hypervisor.pid;
}
