/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"

static int run_command(const struct cli_command *c, int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int r = c->run(c, argc, argv, &err);

	if (r >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = error_sys(&err, -errno, "cannot write to standard output");
	if (r < 0 && escape_text(&text, error_text(&err)) == 0)
		fprintf(stderr, "osbuilder: %s\n", text.buf);
	if (r < 0 && cli_hint(&err))
		fprintf(stderr, "hint: %s\n", cli_hint(&err));
	return cli_status(c, r);
}

static int unknown_command(const char *name)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (escape_text(&text, name) == 0)
		fprintf(stderr, "osbuilder: unknown command '%s' (see osbuilder --help)\n",
			text.buf);
	return 1;
}

/* Of one command, or of all. */
static int help(const struct cli_command *c, FILE *out)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if ((c ? cli_help(c, &text) : cli_help_all(&text)) < 0) {
		fputs("osbuilder: out of memory\n", stderr);
		return 1;
	}
	return fputs(text.buf, out) < 0 || fflush(out) != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	const struct cli_command *c;

	if (argc < 2) {
		help(NULL, stderr);
		return 1;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("osbuilder " KATA_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    (!strcmp(argv[1], "help") && argc == 2))
		return help(NULL, stdout);
	if (!strcmp(argv[1], "help")) {
		c = cli_find(argv[2]);
		return c ? help(c, stdout) : unknown_command(argv[2]);
	}
	c = cli_find(argv[1]);
	return c ? run_command(c, argc - 1, argv + 1) : unknown_command(argv[1]);
}
