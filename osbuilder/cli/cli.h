/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdint.h>
#include <sys/utsname.h>
#include "cli/command.h"
#include "cli/report.h"
#include "image.h"

/* The commands, in the order of the list. Each is the end of cmd_NAME.c. */
extern const struct cli_command cli_new, cli_build, cli_lock, cli_inspect, cli_verify, cli_extract,
	cli_diff, cli_seal, cli_pack;

/*
 * What build and lock take alike: the recipe, the architecture, the cache. First in the args of both.
 */
struct recipe_args {
	struct report_args report;
	struct image_build_params p;
	struct utsname machine; /* what p.arch may point to */
};
extern const struct cli_option cli_recipe_options[];
/* Before and after cli_read(): defaults, $OSBUILDER_CACHE; this machine's architecture, and that there is a recipe. */
void recipe_args_preset(struct recipe_args *a);
int recipe_args_finish(struct recipe_args *a, const struct cli_command *c, struct error *err);

/*
 * The time of the build: the value of --source-date-epoch when it was given, else $SOURCE_DATE_EPOCH. 1: *ret is set; 0: neither is
 * there; -EINVAL.
 */
int cli_epoch(const char *option, int64_t *ret, struct error *err);

#endif
