/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>
#include "base/fd.h"
#include "base/options.h"
#include "runk/create.h"
#include "runk/end.h"
#include "runk/foreground.h"
#include "runk/runk.h"

static int run(const struct runk *rk, const struct create_request *q, bool keep, struct error *err)
{
	struct foreground f = FOREGROUND_INIT;
	_cleanup_state_ struct state s = STATE_INIT;
	struct error end = ERROR_INIT;
	int pty = -1, code = 0, r = 0;

	if (q->attached)
		r = foreground_begin(&f, err);
	if (r == 0)
		r = create_container(rk, q, &s, &pty, err);
	if (r < 0) {
		foreground_end(&f);
		return 1;
	}
	r = start_container(rk, &s, err);
	if (r == 0 && q->attached)
		r = foreground_wait(&f, s.pid, pty, &code, err);
	else
		fd_close(pty);
	foreground_end(&f);
	if ((r < 0 || q->attached) && !keep) {
		if (kill_container(&s, &end) < 0 || remove_container(rk, &s, &end) < 0)
			runk_warn("%s", error_text(&end));
	}
	return r < 0 ? 1 : code;
}

int cmd_run(const struct runk *rk, int argc, char **argv, struct error *err)
{
	struct create_request q = { .bundle = "." };
	bool detach = false, keep = false, no_subreaper = false;
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &q.bundle, "DIR", "directory of config.json (.)" },
		{ "console-socket", NULL, OPTION_STRING, &q.console_socket, "SOCKET",
		  "who gets the terminal's master" },
		{ "detach", "d", OPTION_FLAG, &detach, NULL, "do not wait for its end" },
		{ "keep", NULL, OPTION_FLAG, &keep, NULL, "do not delete it after its end" },
		{ "pid-file", NULL, OPTION_STRING, &q.pid_file, "FILE", "where to write the pid" },
		{ "no-subreaper", NULL, OPTION_FLAG, &no_subreaper, NULL,
		  "do not collect its orphans" },
		{ "no-pivot", NULL, OPTION_FLAG, &q.no_pivot, NULL, "move the root, for ramfs" },
		{ "no-new-keyring", NULL, OPTION_FLAG, &q.no_new_keyring, NULL,
		  "keep the session keyring" },
		{ "preserve-fds", NULL, OPTION_STRING, &q.preserve_fds, "N",
		  "pass descriptors 3 to 3+N-1 on" },
	};
	int next;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &q.id, err) < 0)
		return 1;
	q.attached = !detach;
	if (q.attached && !no_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return run(rk, &q, keep, err);
}
