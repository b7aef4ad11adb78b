/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"
#include "runk/end.h"
#include "runk/runk.h"

int cmd_delete(const struct runk *rk, int argc, char **argv, struct error *err)
{
	_cleanup_state_ struct state s = STATE_INIT;
	bool force = false;
	const struct option_def defs[] = {
		{ "force", "f", OPTION_FLAG, &force, NULL, "kill the container before" },
	};
	const char *id;
	enum status st;
	int next, r;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &id, err) < 0)
		return 1;
	r = state_load(rk->root, id, &s, err);
	if (r == -ENOENT && force) {
		error_clear(err);
		return 0;
	}
	if (r < 0)
		return 1;
	st = state_status(&s);
	/* One that was created and not started has nothing to lose; runc deletes it, too. */
	if (st != STATUS_STOPPED && st != STATUS_CREATED && !force) {
		error_set(err, -EBUSY, "cannot delete container \"%s\" that is not stopped: %s", id,
			  status_text(st));
		return 1;
	}
	if (kill_container(&s, err) == 0)
		remove_container(rk, &s, err);
	return 0;
}
