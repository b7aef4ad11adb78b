/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/parse.h"
#include "cli/report.h"
#include "image.h"
#include "recipe/recipe.h"

static const char help[] =
	"usage: osbuilder build --recipe NAME|PATH [OPTION...]\n"
	"\n"
	"  --recipe NAME|PATH       a directory below --recipes, or a path with a slash\n"
	"  --recipes DIR            where names are looked up (default: recipes)\n"
	"  --agent FILE             the static kata-agent; needed when the recipe has an [agent]\n"
	"  --arch ARCH              x86_64, aarch64, ppc64le, s390x (default: this machine's)\n"
	"  --image FILE             write a disk image and FILE.manifest.json\n"
	"  --initrd FILE            write an initrd and FILE.manifest.json\n"
	"  --rootfs DIR             write the tree into a new directory\n"
	"  --tar FILE               write the tree as a tar file\n"
	"  --fs ext4|erofs          file system of the image (default: the recipe's)\n"
	"  --free-mib N             room beyond the content, ext4 (default: the recipe's)\n"
	"  --align-mib N            size of the image is a multiple of it (default: 128; without DAX 1)\n"
	"  --no-dax                 an image without the DAX header\n"
	"  --measured               add a dm-verity partition and root_hash_VARIANT.txt beside the image\n"
	"  --verity-salt HEX        salt of its hashes, - for none (default: derived from the content)\n"
	"  --variant NAME           of root_hash_NAME.txt (default: the recipe's name)\n"
	"  --source-date-epoch N    time of the build in seconds (default: $SOURCE_DATE_EPOCH, else 0)\n"
	"  --cache DIR              packages and lists (default: $OSBUILDER_CACHE, else build/cache)\n"
	"  --offline                use only what the cache holds\n"
	"  --locked                 fail when the recipe has no lock file (see osbuilder lock --help)\n"
	"  --no-lock                do as if there were no lock file\n";

enum {
	OPT_RECIPE = 256,
	OPT_RECIPES,
	OPT_AGENT,
	OPT_ARCH,
	OPT_IMAGE,
	OPT_INITRD,
	OPT_ROOTFS,
	OPT_TAR,
	OPT_FS,
	OPT_FREE,
	OPT_ALIGN,
	OPT_NO_DAX,
	OPT_MEASURED,
	OPT_SALT,
	OPT_VARIANT,
	OPT_EPOCH,
	OPT_CACHE,
	OPT_OFFLINE,
	OPT_LOCKED,
	OPT_NO_LOCK,
	OPT_HELP,
};

static const struct option options[] = {
	{ "recipe", required_argument, NULL, OPT_RECIPE },
	{ "recipes", required_argument, NULL, OPT_RECIPES },
	{ "agent", required_argument, NULL, OPT_AGENT },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "rootfs", required_argument, NULL, OPT_ROOTFS },
	{ "tar", required_argument, NULL, OPT_TAR },
	{ "fs", required_argument, NULL, OPT_FS },
	{ "free-mib", required_argument, NULL, OPT_FREE },
	{ "align-mib", required_argument, NULL, OPT_ALIGN },
	{ "no-dax", no_argument, NULL, OPT_NO_DAX },
	{ "measured", no_argument, NULL, OPT_MEASURED },
	{ "verity-salt", required_argument, NULL, OPT_SALT },
	{ "variant", required_argument, NULL, OPT_VARIANT },
	{ "source-date-epoch", required_argument, NULL, OPT_EPOCH },
	{ "cache", required_argument, NULL, OPT_CACHE },
	{ "offline", no_argument, NULL, OPT_OFFLINE },
	{ "locked", no_argument, NULL, OPT_LOCKED },
	{ "no-lock", no_argument, NULL, OPT_NO_LOCK },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

#define ALIGN_MIB_MAX 65536

static int read_mib(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
		    struct error *err)
{
	if (parse_u64(text, 10, ret) < 0 || *ret < min || *ret > max)
		return error_set(err, -EINVAL,
				 "build: %s '%s' is not a number of MiB from %llu to %llu", option,
				 text, (unsigned long long)min, (unsigned long long)max);
	return 0;
}

/* Options about the image alone. 1: not one of them. */
static int read_image_option(int c, struct image_build_params *p, struct error *err)
{
	uint64_t mib = 0;
	int r;

	switch (c) {
	case OPT_FREE:
		r = read_mib("--free-mib", optarg, 0, RECIPE_FREE_MIB_MAX, &mib, err);
		p->free_mib = (int64_t)mib;
		return r;
	case OPT_ALIGN:
		return read_mib("--align-mib", optarg, 1, ALIGN_MIB_MAX, &p->align_mib, err);
	case OPT_NO_DAX:
		p->no_dax = true;
		return 0;
	case OPT_MEASURED:
		p->measured = true;
		return 0;
	case OPT_SALT:
		p->salt = optarg;
		return 0;
	case OPT_VARIANT:
		p->variant = optarg;
		return 0;
	default:
		return 1;
	}
}

/* 1: help was printed. */
static int read_options(int argc, char **argv, struct image_build_params *p, const char **epoch,
			struct error *err)
{
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_RECIPE:
			p->recipe = optarg;
			break;
		case OPT_RECIPES:
			p->recipes_dir = optarg;
			break;
		case OPT_AGENT:
			p->agent = optarg;
			break;
		case OPT_ARCH:
			p->arch = optarg;
			break;
		case OPT_IMAGE:
			p->image_out = optarg;
			break;
		case OPT_INITRD:
			p->initrd_out = optarg;
			break;
		case OPT_ROOTFS:
			p->rootfs_out = optarg;
			break;
		case OPT_TAR:
			p->tar_out = optarg;
			break;
		case OPT_FS:
			p->filesystem = optarg;
			break;
		case OPT_EPOCH:
			*epoch = optarg;
			break;
		case OPT_CACHE:
			p->cache_dir = optarg;
			break;
		case OPT_OFFLINE:
			p->offline = true;
			break;
		case OPT_LOCKED:
			p->lock = LOCK_USE_NEED;
			break;
		case OPT_NO_LOCK:
			p->lock = LOCK_USE_NONE;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 1;
		case ':':
			return error_set(err, -EINVAL, "build: option '%s' needs a value",
					 argv[optind - 1]);
		default:
			r = read_image_option(c, p, err);
			if (r < 0)
				return r;
			if (r == 0)
				break;
			return error_set(err, -EINVAL, "build: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (optind < argc)
		return error_set(err, -EINVAL, "build: unexpected argument '%s'", argv[optind]);
	return 0;
}

int cli_build(int argc, char **argv, struct error *err)
{
	const char *cache = getenv("OSBUILDER_CACHE"), *epoch = NULL;
	_cleanup_report_ struct report report;
	struct image_build_params p;
	struct utsname un;
	int r;

	image_build_params_preset(&p);
	report_open(&report);
	p.progress = &report.progress;
	if (cache && *cache)
		p.cache_dir = cache;
	r = read_options(argc, argv, &p, &epoch, err);
	if (r)
		return r < 0 ? r : 0;
	if (!p.recipe)
		return error_set(err, -EINVAL, "build: --recipe is missing");
	if (!p.image_out && !p.initrd_out && !p.rootfs_out && !p.tar_out)
		return error_set(err, -EINVAL,
				 "build: --image, --initrd, --rootfs or --tar is missing");
	r = cli_epoch(epoch, &p.epoch, err);
	if (r < 0)
		return r;
	if (!p.arch) {
		if (uname(&un) < 0)
			return error_sys(err, -errno, "cannot learn this machine's architecture");
		p.arch = un.machine;
	}
	return image_build(&p, err);
}
