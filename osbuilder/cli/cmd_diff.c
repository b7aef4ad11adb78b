/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>

#include "diff.h"
#include "image_read.h"

static const struct cli_option options[] = {
	{ "times", NULL, "compare modification times, too", CLI_FLAG(struct diff_params, times) },
	{ NULL },
};

static int print_line(void *data, const char *line)
{
	return puts(line) < 0 ? -EIO : 0;
}

static int diff(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_tree_ struct tree *a = NULL, *b = NULL;
	struct diff_params p = { 0 };
	int r = cli_read(c, argc, argv, &p, err);

	if (r)
		return r < 0 ? r : 0;
	r = image_read(argv[1], &a, NULL, err);
	if (r == 0)
		r = image_read(argv[2], &b, NULL, err);
	if (r == 0)
		r = diff_trees(a, b, &p, print_line, NULL, err);
	if (r >= 0 && fflush(stdout) != 0)
		return error_sys(err, -errno, "cannot write the differences");
	return r;
}

const struct cli_command cli_diff = {
	.name = "diff",
	.brief = "compare the files of two images",
	.synopsis = "[OPTION...] A B",
	.about =
		"Compares the file trees of two disk images, file systems, initrds, tar files or directories, in any\n"
		"combination: type, mode, owner, size, content, links, devices and extended attributes. One line a\n"
		"difference: '- PATH' is only in A, '+ PATH' only in B, '! PATH: WHAT' differs.\n"
		"\n"
		"Exit status: 0 equal, 1 different, 2 error.",
	.options = { options },
	.n_operands = 2,
	.operands = "exactly two files are needed",
	.run = diff,
	.failed = 2,
};
