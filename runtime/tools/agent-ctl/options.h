/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_AGENT_CTL_OPTIONS_H
#define TOOLS_AGENT_CTL_OPTIONS_H

#include <stdbool.h>
#include "base/options.h"

/* The options, apart from main.c so that a test can hold the manual to them. */
struct ctl_options {
	const char *log_level;
	bool help, version;
	/* of connect */
	const char *server_address, *bundle_dir, *hybrid_port, *timeout, *repeat;
	const char *commands[OPTION_LIST_MAX + 1]; /* NULL ended */
	bool hybrid, interactive, no_auto_values, ignore_errors, quiet;
};

#define CTL_GLOBAL_OPTIONS  3
#define CTL_CONNECT_OPTIONS 13

void ctl_global_options(struct ctl_options *o, struct option_def defs[CTL_GLOBAL_OPTIONS]);
void ctl_connect_options(struct ctl_options *o, struct option_def defs[CTL_CONNECT_OPTIONS]);

#endif
