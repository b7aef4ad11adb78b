/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"
#include "runk/create.h"
#include "runk/runk.h"

int cmd_start(const struct runk *rk, int argc, char **argv, struct error *err)
{
	_cleanup_state_ struct state s = STATE_INIT;
	const char *id;
	int next;

	if (options_parse(NULL, 0, argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &id, err) < 0 || state_load(rk->root, id, &s, err) < 0)
		return 1;
	switch (state_status(&s)) {
	case STATUS_CREATED:
		break;
	case STATUS_STOPPED:
		error_set(err, -ESRCH, "cannot start a container that has stopped");
		return 1;
	case STATUS_CREATING:
		error_set(err, -EBUSY, "cannot start a container that is being created");
		return 1;
	default:
		error_set(err, -EBUSY, "cannot start an already running container");
		return 1;
	}
	start_container(rk, &s, err);
	return 0;
}
