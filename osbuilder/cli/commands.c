/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

const struct cli_command *const cli_commands[] = {
	&cli_new,     &cli_build, &cli_lock, &cli_inspect, &cli_verify,
	&cli_extract, &cli_diff,  &cli_seal, &cli_pack,	   NULL,
};
