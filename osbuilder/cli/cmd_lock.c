/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>

#include "base/alloc.h"

static int lock(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_report_ struct report report = REPORT_INIT;
	_cleanup_free_ char *path = NULL;
	struct recipe_args a;
	int r;

	recipe_args_preset(&a);
	r = cli_read(c, argc, argv, &a, err);
	if (r)
		return r < 0 ? r : 0;
	r = recipe_args_finish(&a, c, err);
	if (r == 0)
		r = report_open(&report, &a.report, c, err);
	if (r < 0)
		return r;
	a.p.progress = &report.progress;
	r = image_lock(&a.p, &path, err);
	r = report_finish(&report, c, r, err);
	if (r == 0 && !a.report.json)
		puts(path);
	return r;
}

const struct cli_command cli_lock = {
	.name = "lock",
	.brief = "pin a recipe's packages",
	.synopsis = "--recipe NAME|PATH [OPTION...]",
	.about =
		"Resolves the recipe's packages and writes the exact set (name, version, size, SHA-256) to\n"
		"lock-ARCH.toml beside the recipe, lock-ARCH-systemd.toml with systemd as init. osbuilder build uses\n"
		"the file when it is there.",
	.options = { cli_recipe_options, cli_report_options },
	.run = lock,
};
