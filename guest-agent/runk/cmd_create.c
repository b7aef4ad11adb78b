/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/options.h"
#include "runk/create.h"
#include "runk/runk.h"

int cmd_create(const struct runk *rk, int argc, char **argv, struct error *err)
{
	struct create_request q = { .bundle = "." };
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &q.bundle, "DIR", "directory of config.json (.)" },
		{ "console-socket", NULL, OPTION_STRING, &q.console_socket, "SOCKET",
		  "who gets the terminal's master" },
		{ "pid-file", NULL, OPTION_STRING, &q.pid_file, "FILE", "where to write the pid" },
		{ "no-pivot", NULL, OPTION_FLAG, &q.no_pivot, NULL, "move the root, for ramfs" },
		{ "no-new-keyring", NULL, OPTION_FLAG, &q.no_new_keyring, NULL,
		  "keep the session keyring" },
		{ "preserve-fds", NULL, OPTION_STRING, &q.preserve_fds, "N",
		  "pass descriptors 3 to 3+N-1 on" },
	};
	_cleanup_state_ struct state s = STATE_INIT;
	int next, pty = -1;

	if (options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err) < 0 ||
	    runk_one_id(argc, argv, next, &q.id, err) < 0)
		return 1;
	create_container(rk, &q, &s, &pty, err);
	fd_close(pty);
	return 0;
}
