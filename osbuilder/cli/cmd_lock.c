/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>

#include "base/alloc.h"

struct lock_args {
	struct recipe_args recipe; /* first: the tables of others know only it */
	bool check;
};

static const struct cli_option options[] = {
	{ "check", NULL,
	  "write nothing; an error when the packages are not those of the lock file any more",
	  CLI_FLAG(struct lock_args, check) },
	{ NULL },
};

static int lock(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_report_ struct report report = REPORT_INIT;
	_cleanup_strbuf_ struct strbuf moved = STRBUF_INIT;
	_cleanup_free_ char *path = NULL;
	struct lock_args args = { .check = false };
	struct recipe_args *a = &args.recipe;
	int r;

	recipe_args_preset(a);
	r = cli_read(c, argc, argv, &args, err);
	if (r)
		return r < 0 ? r : 0;
	r = recipe_args_finish(a, c, err);
	if (r == 0)
		r = report_open(&report, &a->report, c, err);
	if (r < 0)
		return r;
	a->p.progress = &report.progress;
	r = image_lock(&a->p, args.check, &path, &moved, err);
	r = report_finish(&report, c, r, err);
	if (!a->report.json && ((moved.len && fputs(moved.buf, stdout) < 0) ||
				(r == 0 && puts(path) < 0) || fflush(stdout) != 0))
		return r < 0 ? r : error_sys(err, -errno, "cannot write what moved");
	return r;
}

const struct cli_command cli_lock = {
	.name = "lock",
	.brief = "pin a recipe's packages",
	.synopsis = "--recipe NAME|PATH [OPTION...]",
	.about =
		"Resolves the recipe's packages and writes the exact set (name, version, size, SHA-256) to\n"
		"lock-ARCH.toml beside the recipe, lock-ARCH-systemd.toml with systemd as init. osbuilder build uses\n"
		"the file when it is there. What is not as in the file before is printed, a line each ('- bash 5.1\n"
		"amd64', '+ bash 5.2 amd64'), and then the file's path.",
	.options = { options, cli_recipe_options, cli_report_options },
	.run = lock,
};
