/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/options.h"

#include <string.h>

void ctl_global_options(struct ctl_options *o, struct option_def defs[CTL_GLOBAL_OPTIONS])
{
	const struct option_def table[CTL_GLOBAL_OPTIONS] = {
		{ "log-level", "l", OPTION_STRING, &o->log_level, "LEVEL",
		  "trace debug info warning error critical (warning)" },
		{ "help", "h", OPTION_FLAG, &o->help, NULL, "show this" },
		{ "version", "V", OPTION_FLAG, &o->version, NULL, "print the version" },
	};

	memcpy(defs, table, sizeof(table));
}

void ctl_connect_options(struct ctl_options *o, struct option_def defs[CTL_CONNECT_OPTIONS])
{
	const struct option_def table[CTL_CONNECT_OPTIONS] = {
		{ "server-address", NULL, OPTION_STRING, &o->server_address, "URI",
		  "vsock://CID:PORT, unix://PATH, unix://@NAME or hvsock://PATH:PORT" },
		{ "cmd", "c", OPTION_LIST, o->commands, "COMMAND",
		  "what to do; may be given again and again" },
		{ "bundle-dir", NULL, OPTION_STRING, &o->bundle_dir, "DIR",
		  "OCI bundle of CreateContainer and ExecProcess" },
		{ "hybrid-vsock", NULL, OPTION_FLAG, &o->hybrid, NULL,
		  "a unix:// address is that of a hybrid vsock" },
		{ "hybrid-vsock-port", NULL, OPTION_STRING, &o->hybrid_port, "PORT",
		  "the agent's port behind it (1024)" },
		{ "interactive", "i", OPTION_FLAG, &o->interactive, NULL,
		  "read commands from standard input" },
		{ "no-auto-values", "n", OPTION_FLAG, &o->no_auto_values, NULL,
		  "make up no ids and no other values" },
		{ "ignore-errors", NULL, OPTION_FLAG, &o->ignore_errors, NULL,
		  "go on after an error" },
		{ "repeat", "r", OPTION_STRING, &o->repeat, "N",
		  "run all commands N times; -1: for ever (1)" },
		{ "timeout", "t", OPTION_STRING, &o->timeout, "TIME",
		  "of each call: 5s, 300ms, nanoseconds; 0: none (0)" },
		{ "quiet", "q", OPTION_FLAG, &o->quiet, NULL, "print no answers" },
		{ "log-level", "l", OPTION_STRING, &o->log_level, "LEVEL",
		  "as before the command" },
		{ "help", "h", OPTION_FLAG, &o->help, NULL, "show this" },
	};

	memcpy(defs, table, sizeof(table));
}
