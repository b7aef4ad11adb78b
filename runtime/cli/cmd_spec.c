/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"
#include "cli/cli.h"
#include "oci/spec.h"

#define SPEC_HOSTNAME "kata"

int cmd_spec(const struct cli *cli, int argc, char **argv, struct error *err)
{
	const char *bundle = ".";
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &bundle, "DIR", "where to write config.json (.)" },
	};
	int next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return r;
	return oci_spec_write_default(bundle, SPEC_HOSTNAME, false,
				      next < argc ? (const char *const *)argv + next : NULL, err);
}
