/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>

#include "base/alloc.h"
#include "recipe/scaffold.h"

static const struct cli_option options[] = {
	{ "from", "deb|rpm|apk|dir|oci", "what it starts from (default: deb)",
	  CLI_STRING(struct scaffold_params, from) },
	{ "recipes", "DIR", "where it is made (default: recipes)",
	  CLI_STRING(struct scaffold_params, recipes_dir) },
	{ NULL },
};

static int new (const struct cli_command *c, int argc, char **argv, struct error *err)
{
	struct scaffold_params p = { .recipes_dir = "recipes" };
	_cleanup_free_ char *file = NULL;
	int r = cli_read(c, argc, argv, &p, err);

	if (r)
		return r < 0 ? r : 0;
	p.name = argv[1];
	r = scaffold_recipe(&p, &file, err);
	if (r < 0)
		return r;
	return puts(file) < 0 || fflush(stdout) != 0
		       ? error_sys(err, -errno, "cannot write the recipe's name")
		       : 0;
}

const struct cli_command cli_new = {
	.name = "new",
	.brief = "start a recipe",
	.synopsis = "[OPTION...] NAME",
	.about =
		"Makes the directory NAME with a commented recipe.toml that can be built as it is, and prints the\n"
		"file's path. deb, rpm and apk packages want the distribution's public keys, oci an image: the comments\n"
		"say where.",
	.options = { options },
	.n_operands = 1,
	.operands = "exactly one name is needed",
	.run = new,
};
