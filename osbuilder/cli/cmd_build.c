/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "recipe/recipe.h"

#define ALIGN_MIB_MAX 65536

struct build_args {
	struct recipe_args r;
	const char *epoch;
	bool locked, no_lock;
};

static int set_free(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct build_args *a = args;
	uint64_t mib = 0;
	int r = cli_number(o, value, "MiB", 0, RECIPE_FREE_MIB_MAX, &mib, err);

	a->r.p.free_mib = (int64_t)mib;
	return r;
}

static int set_align(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct build_args *a = args;

	return cli_number(o, value, "MiB", 1, ALIGN_MIB_MAX, &a->r.p.align_mib, err);
}

static const struct cli_option options[] = {
	{ "agent", "FILE", "the static kata-agent; needed when the recipe has an [agent]",
	  CLI_STRING(struct build_args, r.p.agent) },
	{ "extra-package", "NAME",
	  "one more package; may be given many times; the lock file is not used then",
	  CLI_LIST(struct build_args, r.p.choices.extra_packages) },
	{ "modules", "DIR",
	  "kernel modules, a directory like /lib/modules/VERSION; modules.dep is made",
	  CLI_STRING(struct build_args, r.p.choices.modules) },
	{ "os-version", "VERSION",
	  "refuse a recipe of another version (its distribution.version or a suite)",
	  CLI_STRING(struct build_args, r.p.choices.os_version) },
	{ "hooks", "TAR|DIR", "lay OCI guest hooks over the root",
	  CLI_STRING(struct build_args, r.p.choices.hooks) },
	{ "policy", "FILE", "the agent's policy: /etc/kata-opa/NAME and default-policy.toml",
	  CLI_STRING(struct build_args, r.p.choices.policy) },
	{ "confidential", NULL, "let /run grow to half of the memory",
	  CLI_FLAG(struct build_args, r.p.choices.confidential) },
	{ "image", "FILE", "write a disk image and FILE.manifest.json",
	  CLI_STRING(struct build_args, r.p.image_out) },
	{ "initrd", "FILE", "write an initrd and FILE.manifest.json",
	  CLI_STRING(struct build_args, r.p.initrd_out) },
	{ "initrd-compression", "NAME", "none, gzip or zstd (default: the recipe's)",
	  CLI_STRING(struct build_args, r.p.initrd_compression) },
	{ "rootfs", "DIR", "write the tree into a new directory",
	  CLI_STRING(struct build_args, r.p.rootfs_out) },
	{ "tar", "FILE", "write the tree as a tar file",
	  CLI_STRING(struct build_args, r.p.tar_out) },
	{ "fs", "ext4|erofs", "file system of the image (default: the recipe's)",
	  CLI_STRING(struct build_args, r.p.filesystem) },
	{ "erofs-compression", "NAME", "none or lz4, which excludes DAX (default: the recipe's)",
	  CLI_STRING(struct build_args, r.p.compression) },
	{ "free-mib", "N", "room beyond the content, ext4 (default: the recipe's)", set_free },
	{ "align-mib", "N", "size of the image is a multiple of it (default: 128; without DAX 1)",
	  set_align },
	{ "no-dax", NULL, "an image without the DAX header",
	  CLI_FLAG(struct build_args, r.p.no_dax) },
	{ "measured", NULL, "add a dm-verity partition and root_hash_VARIANT.txt beside the image",
	  CLI_FLAG(struct build_args, r.p.measured) },
	{ "verity-salt", "HEX",
	  "salt of its hashes, - for none (default: derived from the content)",
	  CLI_STRING(struct build_args, r.p.salt) },
	{ "variant", "NAME", "of root_hash_NAME.txt (default: the recipe's name)",
	  CLI_STRING(struct build_args, r.p.variant) },
	{ "source-date-epoch", "N",
	  "time of the build in seconds (default: $SOURCE_DATE_EPOCH, else 0)",
	  CLI_STRING(struct build_args, epoch) },
	{ "locked", NULL, "fail when the recipe has no lock file (see osbuilder lock --help)",
	  CLI_FLAG(struct build_args, locked) },
	{ "force", NULL, "build even if nothing has changed since these outputs were built",
	  CLI_FLAG(struct build_args, r.p.force) },
	{ "no-lock", NULL, "do as if there were no lock file",
	  CLI_FLAG(struct build_args, no_lock) },
	{ NULL },
};

/* 1: help was printed. */
static int read_args(const struct cli_command *c, int argc, char **argv, struct build_args *a,
		     struct error *err)
{
	struct image_build_params *p = &a->r.p;
	int r;

	recipe_args_preset(&a->r);
	for (int i = 1; i < argc; i++)
		if (strv_add(&p->arguments, argv[i]) < 0)
			return error_oom(err);
	r = cli_read(c, argc, argv, a, err);
	if (r)
		return r;
	r = recipe_args_finish(&a->r, c, err);
	if (r < 0)
		return r;
	if (!p->image_out && !p->initrd_out && !p->rootfs_out && !p->tar_out)
		return error_set(err, -EINVAL,
				 "build: --image, --initrd, --rootfs or --tar is missing");
	if (a->locked && a->no_lock)
		return error_set(err, -EINVAL, "build: --locked and --no-lock exclude each other");
	p->lock = a->locked ? LOCK_USE_NEED : a->no_lock ? LOCK_USE_NONE : LOCK_USE_AUTO;
	r = cli_epoch(a->epoch, &p->epoch, err);
	return r < 0 ? r : 0;
}

static int build(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_report_ struct report report = REPORT_INIT;
	struct build_args a = { 0 };
	int r = read_args(c, argc, argv, &a, err);

	if (r == 0)
		r = report_open(&report, &a.r.report, c, err);
	if (r == 0) {
		a.r.p.progress = &report.progress;
		r = report_finish(&report, c, image_build(&a.r.p, err), err);
	}
	recipe_choices_release(&a.r.p.choices);
	strv_release(&a.r.p.arguments);
	return r < 0 ? r : 0;
}

const struct cli_command cli_build = {
	.name = "build",
	.brief = "make an image and an initrd from a recipe",
	.synopsis = "--recipe NAME|PATH [OPTION...]",
	.options = { cli_recipe_options, options, cli_report_options },
	.run = build,
};
