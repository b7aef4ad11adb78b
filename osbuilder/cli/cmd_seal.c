/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/report.h"
#include "seal.h"

static const char help[] =
	"usage: osbuilder seal --agent FILE [OPTION...] IMAGE\n"
	"\n"
	"Puts another agent into an image or initrd that osbuilder made, and makes the image, its manifest and,\n"
	"when it is measured, its hash tree and root_hash_NAME.txt again.\n"
	"\n"
	"  --agent FILE             the static kata-agent\n"
	"  --output FILE            write another file (default: replace IMAGE when all is complete)\n"
	"  --variant NAME           of root_hash_NAME.txt (default: the recipe's name)\n"
	"  --verity-salt HEX|-      default: derived from the content\n";

enum { OPT_AGENT = 256, OPT_OUTPUT, OPT_VARIANT, OPT_SALT, OPT_HELP };

static const struct option options[] = {
	{ "agent", required_argument, NULL, OPT_AGENT },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "variant", required_argument, NULL, OPT_VARIANT },
	{ "verity-salt", required_argument, NULL, OPT_SALT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

int cli_seal(int argc, char **argv, struct error *err)
{
	_cleanup_report_ struct report report;
	struct image_seal_params p = { .progress = &report.progress };
	int c;

	report_open(&report);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_AGENT:
			p.agent = optarg;
			break;
		case OPT_OUTPUT:
			p.out = optarg;
			break;
		case OPT_VARIANT:
			p.variant = optarg;
			break;
		case OPT_SALT:
			p.salt = optarg;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 0;
		case ':':
			return error_set(err, -EINVAL, "seal: option '%s' needs a value",
					 argv[optind - 1]);
		default:
			return error_set(err, -EINVAL, "seal: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (!p.agent)
		return error_set(err, -EINVAL, "seal: --agent is missing");
	if (argc - optind != 1)
		return error_set(err, -EINVAL, "seal: exactly one image is needed");
	p.path = argv[optind];
	return image_seal(&p, err);
}
