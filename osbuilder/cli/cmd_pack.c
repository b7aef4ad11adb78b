/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "image_read.h"
#include "recipe/recipe.h"
#include "writer/writer.h"

static const char help[] =
	"usage: osbuilder pack --format FORMAT [OPTION...] IN OUT\n"
	"\n"
	"Writes the files of IN (a directory, a tar file plain or compressed, an initrd, a file system or a disk\n"
	"image) as one bare file system or archive OUT, without partition table and manifest. OUT appears by\n"
	"rename when it is complete. What the format cannot hold is an error that names the entry.\n"
	"\n"
	"  --format FORMAT          of OUT:";

static const char help_options[] =
	"\n"
	"  --free-mib N             room beyond the content, ext4 (default: 0)\n"
	"  --label TEXT             name of the file system, at most 15 bytes\n"
	"  --level N                compression of formats that have it; 0 is none (default: 0)\n"
	"  --drop-xattrs            leave extended attributes out where the format has no place for them\n"
	"  --source-date-epoch N    time of the file system in seconds, and the latest time of an entry\n"
	"                           (default: $SOURCE_DATE_EPOCH, else times are kept and it is 0)\n"
	"  --keep-times             keep times that are later\n";

enum { OPT_FORMAT = 256, OPT_FREE, OPT_LABEL, OPT_LEVEL, OPT_DROP, OPT_EPOCH, OPT_KEEP, OPT_HELP };

static const struct option options[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "free-mib", required_argument, NULL, OPT_FREE },
	{ "label", required_argument, NULL, OPT_LABEL },
	{ "level", required_argument, NULL, OPT_LEVEL },
	{ "drop-xattrs", no_argument, NULL, OPT_DROP },
	{ "source-date-epoch", required_argument, NULL, OPT_EPOCH },
	{ "keep-times", no_argument, NULL, OPT_KEEP },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

#define LEVEL_MAX 22 /* of all compressors; the writer knows its own */
#define LABEL_MAX 15

struct pack {
	const char *format, *epoch;
	struct writer_params p;
};

static void print_help(void)
{
	fputs(help, stdout);
	for (size_t i = 0; writer_at(i); i++)
		printf(" %s", writer_at(i)->name);
	fputs(help_options, stdout);
}

static int read_value(int c, struct pack *k, struct error *err)
{
	uint64_t v = 0;

	switch (c) {
	case OPT_FORMAT:
		k->format = optarg;
		return 0;
	case OPT_EPOCH:
		k->epoch = optarg;
		return 0;
	case OPT_LABEL:
		if (strlen(optarg) > LABEL_MAX)
			return error_set(err, -EINVAL, "pack: --label '%s' is over %d bytes",
					 optarg, LABEL_MAX);
		k->p.label = optarg;
		return 0;
	case OPT_FREE:
		if (parse_u64(optarg, 10, &v) < 0 || v > RECIPE_FREE_MIB_MAX)
			return error_set(
				err, -EINVAL,
				"pack: --free-mib '%s' is not a number of MiB from 0 to %d", optarg,
				RECIPE_FREE_MIB_MAX);
		k->p.free_bytes = v << 20;
		return 0;
	default:
		if (parse_u64(optarg, 10, &v) < 0 || v > LEVEL_MAX)
			return error_set(err, -EINVAL,
					 "pack: --level '%s' is not a number from 0 to %d", optarg,
					 LEVEL_MAX);
		k->p.gzip_level = (int)v;
		return 0;
	}
}

/* 1: help was printed. */
static int read_options(int argc, char **argv, struct pack *k, struct error *err)
{
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_DROP:
			k->p.drop_xattrs = true;
			break;
		case OPT_KEEP:
			k->p.keep_times = true;
			break;
		case OPT_HELP:
			print_help();
			return 1;
		case ':':
			return error_set(err, -EINVAL, "pack: option '%s' needs a value",
					 argv[optind - 1]);
		case '?':
			return error_set(err, -EINVAL, "pack: unknown option '%s'",
					 argv[optind - 1]);
		default:
			r = read_value(c, k, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int cli_pack(int argc, char **argv, struct error *err)
{
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	_cleanup_tree_ struct tree *t = NULL;
	const struct writer_ops *w;
	struct writer_result res;
	struct pack k = { 0 };
	int r = read_options(argc, argv, &k, err);

	if (r)
		return r < 0 ? r : 0;
	if (argc - optind != 2)
		return error_set(err, -EINVAL, "pack: an input and an output are needed");
	if (!k.format)
		return error_set(err, -EINVAL, "pack: --format is missing");
	w = writer_find(k.format);
	if (!w)
		return error_set(err, -EINVAL, "pack: unknown format '%s'", k.format);
	r = cli_epoch(k.epoch, &k.p.epoch, err);
	if (r < 0)
		return r;
	if (r == 0) /* nobody said a time */
		k.p.keep_times = true;
	r = image_read(argv[optind], &t, NULL, err);
	r = r < 0 ? r : file_out_open(&out, AT_FDCWD, argv[optind + 1], 0644, err);
	if (r < 0)
		return r;
	r = w->write(t, &k.p, out.fd, 0, &res, err);
	return r < 0 ? error_prefix(err, "'%s'", argv[optind]) : file_out_commit(&out, err);
}
