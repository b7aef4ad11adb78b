/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

static const struct cli_command {
	const char *name;
	int (*run)(int argc, char **argv, struct error *err); /* NULL: not built yet */
	const char *help;
	int failed; /* exit status of an error; 0: 1 */
} commands[] = {
	{ "build", cli_build, "make an image and an initrd from a recipe" },
	{ "inspect", cli_inspect, "show what an image or initrd is" },
	{ "verify", cli_verify, "check an image or initrd against its manifest and hash tree" },
	{ "extract", cli_extract, "take the files out of an image or initrd" },
	{ "diff", cli_diff, "compare the files of two images", 2 },
	{ "pack", cli_pack, "write a directory, archive or image as one file system or archive" },
	{ "lock", cli_lock, "pin a recipe's packages" },
	{ "seal", cli_seal, "put another agent into an image or initrd" },
};

static void usage(FILE *out)
{
	fputs("usage: osbuilder COMMAND [OPTION...]\n\nCommands (osbuilder COMMAND --help):\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].run)
			fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
}

static int run_command(const struct cli_command *c, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int r;

	if (!c->run) {
		fprintf(stderr, "osbuilder: '%s' is not built yet\n", c->name);
		return 1;
	}
	r = c->run(argc, argv, &err);
	if (r >= 0)
		return r;
	fprintf(stderr, "osbuilder: %s\n", error_text(&err));
	return c->failed ? c->failed : 1;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return 1;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("osbuilder " KATA_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	fprintf(stderr, "osbuilder: unknown command '%s' (see osbuilder --help)\n", argv[1]);
	return 1;
}
