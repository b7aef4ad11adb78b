/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

/* File systems hold times as 34 bits from 1901 on (ext4 with extra bits); upstream tools take 32 bits. Take those. */
#define EPOCH_MAX INT64_C(0xffffffff)

int cli_epoch(const char *option, int64_t *ret, struct error *err)
{
	const char *text = option ? option : getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	if (!text)
		return 0;
	if (parse_u64(text, 10, &v) < 0 || v > (uint64_t)EPOCH_MAX)
		return error_set(err, -EINVAL, "%s: '%s' is not a number of seconds from 0 to %lld",
				 option ? "--source-date-epoch" : "SOURCE_DATE_EPOCH", text,
				 (long long)EPOCH_MAX);
	*ret = (int64_t)v;
	return 1;
}

static int set_agent_init(const struct cli_option *o, const char *value, void *args,
			  struct error *err)
{
	struct recipe_args *a = args;
	bool yes;

	if (parse_bool(value, &yes) < 0)
		return error_set(err, -EINVAL, "--%s '%s' is neither yes nor no", o->name, value);
	a->p.choices.init = yes ? RECIPE_INIT_CHOICE_AGENT : RECIPE_INIT_CHOICE_SYSTEMD;
	return 0;
}

const struct cli_option cli_recipe_options[] = {
	{ "recipe", "NAME|PATH", "a directory below --recipes, or a path with a slash",
	  CLI_STRING(struct recipe_args, p.recipe) },
	{ "recipes", "DIR", "where names are looked up (default: recipes)",
	  CLI_STRING(struct recipe_args, p.recipes_dir) },
	{ "arch", "ARCH", "x86_64, aarch64, ppc64le, s390x (default: this machine's)",
	  CLI_STRING(struct recipe_args, p.arch) },
	{ "agent-init", "yes|no",
	  "the agent is the guest's PID 1, or a service of systemd (default: the recipe's)",
	  set_agent_init },
	{ "cache", "DIR", "packages and lists (default: $OSBUILDER_CACHE, else build/cache)",
	  CLI_STRING(struct recipe_args, p.cache_dir) },
	{ "offline", NULL, "use only what the cache holds",
	  CLI_FLAG(struct recipe_args, p.offline) },
	{ NULL },
};

void recipe_args_preset(struct recipe_args *a)
{
	const char *cache = getenv("OSBUILDER_CACHE");

	memset(a, 0, sizeof(*a));
	image_build_params_preset(&a->p);
	if (cache && *cache)
		a->p.cache_dir = cache;
}

int recipe_args_finish(struct recipe_args *a, const struct cli_command *c, struct error *err)
{
	if (!a->p.recipe)
		return error_set(err, -EINVAL, "%s: --recipe is missing", c->name);
	if (a->p.arch)
		return 0;
	if (uname(&a->machine) < 0)
		return error_sys(err, -errno, "cannot learn this machine's architecture");
	a->p.arch = a->machine.machine;
	return 0;
}
