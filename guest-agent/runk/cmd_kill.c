/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include "base/options.h"
#include "base/parse.h"
#include "base/process.h"
#include "runk/cgroups.h"
#include "runk/end.h"
#include "runk/runk.h"

int cmd_kill(const struct runk *rk, int argc, char **argv, struct error *err)
{
	_cleanup_cgroups_ struct cgroups c = CGROUPS_INIT;
	_cleanup_state_ struct state s = STATE_INIT;
	bool all = false;
	const struct option_def defs[] = {
		{ "all", "a", OPTION_FLAG, &all, NULL, "to every process of the container" },
	};
	int next, sig = SIGTERM, r;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0)
		return 1;
	if (next >= argc || argc - next > 2) {
		error_set(err, -EINVAL, "kill: a container's id and perhaps a signal are expected");
		return 1;
	}
	if (next + 1 < argc)
		sig = parse_signal(argv[next + 1]);
	if (sig < 0) {
		error_set(err, -EINVAL, "unknown signal \"%s\"", argv[next + 1]);
		return 1;
	}
	if (state_load(rk->root, argv[next], &s, err) < 0)
		return 1;
	if (all) {
		if (cgroups_open(s.cgroup, &c, err) < 0)
			return 1;
		if (c.cg)
			cgroups_signal(&c, sig, err);
		/* Nobody left is what was wanted. */
		return 0;
	}
	r = state_alive(&s) ? process_kill_exact(s.pid, s.start_time, sig) : -ESRCH;
	if (r == -ESRCH)
		error_set(err, r, "container not running");
	else if (r < 0)
		error_sys(err, r, "container \"%s\": signal %d", s.id, sig);
	return 0;
}
