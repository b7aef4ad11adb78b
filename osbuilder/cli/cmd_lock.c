/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "cli/report.h"
#include "image.h"

static const char help[] =
	"usage: osbuilder lock --recipe NAME|PATH [OPTION...]\n"
	"\n"
	"Resolves the recipe's packages and writes the exact set (name, version, size, SHA-256) to lock-ARCH.toml beside the\n"
	"recipe. osbuilder build uses the file when it is there.\n"
	"\n"
	"  --recipe NAME|PATH       a directory below --recipes, or a path with a slash\n"
	"  --recipes DIR            where names are looked up (default: recipes)\n"
	"  --arch ARCH              x86_64, aarch64, ppc64le, s390x (default: this machine's)\n"
	"  --cache DIR              packages and lists (default: $OSBUILDER_CACHE, else build/cache)\n"
	"  --offline                use the package lists that the cache holds\n";

enum { OPT_RECIPE = 256, OPT_RECIPES, OPT_ARCH, OPT_CACHE, OPT_OFFLINE, OPT_HELP };

static const struct option options[] = {
	{ "recipe", required_argument, NULL, OPT_RECIPE },
	{ "recipes", required_argument, NULL, OPT_RECIPES },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "cache", required_argument, NULL, OPT_CACHE },
	{ "offline", no_argument, NULL, OPT_OFFLINE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* 1: help was printed. */
static int read_options(int argc, char **argv, struct image_build_params *p, struct error *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_RECIPE:
			p->recipe = optarg;
			break;
		case OPT_RECIPES:
			p->recipes_dir = optarg;
			break;
		case OPT_ARCH:
			p->arch = optarg;
			break;
		case OPT_CACHE:
			p->cache_dir = optarg;
			break;
		case OPT_OFFLINE:
			p->offline = true;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 1;
		case ':':
			return error_set(err, -EINVAL, "lock: option '%s' needs a value",
					 argv[optind - 1]);
		default:
			return error_set(err, -EINVAL, "lock: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (optind < argc)
		return error_set(err, -EINVAL, "lock: unexpected argument '%s'", argv[optind]);
	return p->recipe ? 0 : error_set(err, -EINVAL, "lock: --recipe is missing");
}

int cli_lock(int argc, char **argv, struct error *err)
{
	const char *cache = getenv("OSBUILDER_CACHE");
	_cleanup_free_ char *path = NULL;
	_cleanup_report_ struct report report;
	struct image_build_params p;
	struct utsname un;
	int r;

	image_build_params_preset(&p);
	report_open(&report);
	p.progress = &report.progress;
	if (cache && *cache)
		p.cache_dir = cache;
	r = read_options(argc, argv, &p, err);
	if (r)
		return r < 0 ? r : 0;
	if (!p.arch) {
		if (uname(&un) < 0)
			return error_sys(err, -errno, "cannot learn this machine's architecture");
		p.arch = un.machine;
	}
	r = image_lock(&p, &path, err);
	if (r == 0)
		puts(path);
	return r;
}
