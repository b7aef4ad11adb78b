/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>

#include "diff.h"
#include "image_read.h"

static const char help[] =
	"usage: osbuilder diff [OPTION...] A B\n"
	"\n"
	"Compares the file trees of two disk images, file systems, initrds, tar files or directories, in any\n"
	"combination: type, mode, owner, size, content, links, devices and extended attributes. One line a\n"
	"difference: '- PATH' is only in A, '+ PATH' only in B, '! PATH: WHAT' differs.\n"
	"\n"
	"  --times                  compare modification times, too\n"
	"\n"
	"Exit status: 0 equal, 1 different, 2 error.\n";

enum { OPT_TIMES = 256, OPT_HELP };

static const struct option options[] = {
	{ "times", no_argument, NULL, OPT_TIMES },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int print_line(void *data, const char *line)
{
	return puts(line) < 0 ? -EIO : 0;
}

int cli_diff(int argc, char **argv, struct error *err)
{
	_cleanup_tree_ struct tree *a = NULL, *b = NULL;
	struct diff_params p = { 0 };
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_TIMES:
			p.times = true;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 0;
		default:
			return error_set(err, -EINVAL, "diff: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		return error_set(err, -EINVAL, "diff: exactly two files are needed");
	r = image_read(argv[optind], &a, NULL, err);
	if (r == 0)
		r = image_read(argv[optind + 1], &b, NULL, err);
	if (r == 0)
		r = diff_trees(a, b, &p, print_line, NULL, err);
	if (r >= 0 && fflush(stdout) != 0)
		return error_sys(err, -errno, "cannot write the differences");
	return r;
}
