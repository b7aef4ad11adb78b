/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "seal.h"

struct seal_args {
	struct report_args report;
	struct image_seal_params p;
};

static const struct cli_option options[] = {
	{ "agent", "FILE", "the static kata-agent", CLI_STRING(struct seal_args, p.agent) },
	{ "output", "FILE", "write another file (default: replace IMAGE when all is complete)",
	  CLI_STRING(struct seal_args, p.out) },
	{ "variant", "NAME", "of root_hash_NAME.txt (default: the recipe's name)",
	  CLI_STRING(struct seal_args, p.variant) },
	{ "verity-salt", "HEX",
	  "salt of the hash tree, - for none (default: derived from the content)",
	  CLI_STRING(struct seal_args, p.salt) },
	{ NULL },
};

static int seal(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_report_ struct report report = REPORT_INIT;
	struct seal_args a = { 0 };
	int r = cli_read(c, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	if (!a.p.agent)
		return error_set(err, -EINVAL, "seal: --agent is missing");
	r = report_open(&report, &a.report, c, err);
	if (r < 0)
		return r;
	a.p.path = argv[1];
	a.p.progress = &report.progress;
	return report_finish(&report, c, image_seal(&a.p, err), err);
}

const struct cli_command cli_seal = {
	.name = "seal",
	.brief = "put another agent into an image or initrd",
	.synopsis = "--agent FILE [OPTION...] IMAGE",
	.about =
		"Puts another agent into an image or initrd that osbuilder made, and makes the image, its manifest and,\n"
		"when it is measured, its hash tree and root_hash_NAME.txt again.",
	.options = { options, cli_report_options },
	.n_operands = 1,
	.operands = "exactly one image is needed",
	.run = seal,
};
