/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>
#include "base/options.h"
#include "base/time.h"
#include "runk/cgroups.h"
#include "runk/runk.h"
#include "runk/state.h"

#define FREEZE_USEC (5 * USEC_PER_SEC)
#define POLL_USEC   2000

/* Asks, and waits until all processes stand, or run again. */
static int freeze(struct cgroup *cg, bool frozen, struct error *err)
{
	uint64_t end = time_mono_usec() + FREEZE_USEC;
	int r = cgroup_freeze(cg, frozen, err);

	if (r < 0)
		return r;
	while ((r = cgroup_frozen(cg)) != (frozen ? 1 : 0)) {
		if (r < 0 && r != -EINPROGRESS)
			return error_sys(err, r, "cannot see whether it is paused");
		if (time_mono_usec() > end) {
			cgroup_freeze(cg, false, NULL);
			return error_set(err, -ETIMEDOUT, "its processes did not stop");
		}
		usleep(POLL_USEC);
	}
	return 0;
}

static int change(const struct runk *rk, int argc, char **argv, bool frozen, struct error *err)
{
	_cleanup_cgroups_ struct cgroups c = CGROUPS_INIT;
	_cleanup_state_ struct state s = STATE_INIT;
	enum status st;
	const char *id;
	int next;

	if (options_parse(NULL, 0, argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &id, err) < 0 || state_load(rk->root, id, &s, err) < 0)
		return 1;
	st = state_status(&s);
	if (frozen ? (st != STATUS_RUNNING && st != STATUS_CREATED) : st != STATUS_PAUSED) {
		error_set(err, -EBUSY, "container \"%s\" is not %s: %s", id,
			  frozen ? "running" : "paused", status_text(st));
		return 1;
	}
	if (cgroups_open(s.cgroup, &c, err) < 0)
		return 1;
	if (!c.cg)
		error_set(err, -EOPNOTSUPP, "container \"%s\" has no cgroup", id);
	else if (freeze(c.cg, frozen, err) < 0)
		error_prefix(err, "container \"%s\"", id);
	return 0;
}

int cmd_pause(const struct runk *rk, int argc, char **argv, struct error *err)
{
	return change(rk, argc, argv, true, err);
}

int cmd_resume(const struct runk *rk, int argc, char **argv, struct error *err)
{
	return change(rk, argc, argv, false, err);
}
