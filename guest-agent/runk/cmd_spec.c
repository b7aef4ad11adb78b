/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"
#include "oci/spec.h"
#include "runk/runk.h"

#define SPEC_HOSTNAME "runk"

int cmd_spec(const struct runk *rk, int argc, char **argv, struct error *err)
{
	const char *bundle = ".";
	bool rootless = false;
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &bundle, "DIR", "where to write config.json (.)" },
		{ "rootless", NULL, OPTION_FLAG, &rootless, NULL, "for a user without rights" },
	};
	int next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return 1;
	return oci_spec_write_default(bundle, SPEC_HOSTNAME, rootless,
				      next < argc ? (const char *const *)argv + next : NULL, err);
}
