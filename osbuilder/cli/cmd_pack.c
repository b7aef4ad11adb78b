/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "image_read.h"
#include "recipe/recipe.h"
#include "writer/writer.h"

#define LEVEL_MAX 22 /* of all compressors; the writer knows its own */
#define LABEL_MAX 15

struct pack_args {
	struct report_args report;
	const char *format, *epoch, *compression;
	struct writer_params p;
};

static int set_free(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct pack_args *a = args;
	uint64_t mib = 0;
	int r = cli_number(o, value, "MiB", 0, RECIPE_FREE_MIB_MAX, &mib, err);

	a->p.free_bytes = mib << 20;
	return r;
}

static int set_label(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct pack_args *a = args;

	if (strlen(value) > LABEL_MAX)
		return error_set(err, -EINVAL, "--label '%s' is over %d bytes", value, LABEL_MAX);
	a->p.label = value;
	return 0;
}

static int set_level(const struct cli_option *o, const char *value, void *args, struct error *err)
{
	struct pack_args *a = args;
	uint64_t level = 0;
	int r = cli_number(o, value, NULL, 0, LEVEL_MAX, &level, err);

	a->p.level = (int)level;
	return r;
}

static const struct cli_option options[] = {
	{ "format", "FORMAT", "of OUT, one of those below", CLI_STRING(struct pack_args, format) },
	{ "free-mib", "N", "room beyond the content, ext4 (default: 0)", set_free },
	{ "label", "TEXT", "name of the file system, at most 15 bytes", set_label },
	{ "compression", "NAME",
	  "none, gzip or zstd (cpio), lz4 (erofs) (default: none, with --level gzip)",
	  CLI_STRING(struct pack_args, compression) },
	{ "level", "N", "of compression; gzip 1 to 12, zstd 1 to 19 (default: 6, 3)", set_level },
	{ "drop-xattrs", NULL,
	  "leave extended attributes out where the format has no place for them,\n"
	  "each with a warning",
	  CLI_FLAG(struct pack_args, p.drop_xattrs) },
	{ "source-date-epoch", "N",
	  "time of the file system in seconds, and the latest time of an entry\n"
	  "(default: $SOURCE_DATE_EPOCH, else times are kept and it is 0)",
	  CLI_STRING(struct pack_args, epoch) },
	{ "keep-times", NULL, "keep times that are later",
	  CLI_FLAG(struct pack_args, p.keep_times) },
	{ NULL },
};

static int formats(struct strbuf *out)
{
	int r = strbuf_addstr(out, "\nFormats:");

	for (size_t i = 0; r == 0 && writer_at(i); i++)
		r = strbuf_addf(out, " %s", writer_at(i)->name);
	return r < 0 ? r : strbuf_addch(out, '\n');
}

static int pack_file(const struct pack_args *a, const struct writer_ops *w, const char *in,
		     const char *path, struct error *err)
{
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	struct progress *progress = a->p.progress;
	_cleanup_tree_ struct tree *t = NULL;
	struct writer_result res;
	int r;

	progress_begin(progress, PROGRESS_UNPACK, in, 0, 0);
	r = image_read(in, &t, NULL, err);
	if (r < 0)
		return r;
	progress_end(progress, PROGRESS_UNPACK);
	progress_begin(progress, PROGRESS_WRITE, path, 0, 0);
	r = file_out_open(&out, AT_FDCWD, path, 0644, err);
	if (r < 0)
		return r;
	r = w->write(t, &a->p, out.fd, 0, &res, err);
	if (r < 0)
		return error_prefix(err, "'%s'", in);
	r = file_out_commit(&out, err);
	if (r < 0)
		return r;
	progress_end(progress, PROGRESS_WRITE);
	progress_output(progress, &(struct progress_output){
					  .kind = w->name, .path = path, .size = res.size });
	return 0;
}

static int pack(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	_cleanup_report_ struct report report = REPORT_INIT;
	const struct writer_ops *w;
	struct pack_args a = { 0 };
	int r = cli_read(c, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	if (!a.format)
		return error_set(err, -EINVAL, "pack: --format is missing");
	w = writer_find(a.format);
	if (!w)
		return error_set(err, -EINVAL, "pack: unknown format '%s'", a.format);
	if (!a.compression)
		a.compression = a.p.level ? "gzip" : "none";
	r = writer_compression(w, a.compression, &a.p.compression, err);
	if (r < 0)
		return error_prefix(err, "pack");
	r = cli_epoch(a.epoch, &a.p.epoch, err);
	if (r < 0)
		return r;
	if (r == 0) /* nobody said a time */
		a.p.keep_times = true;
	r = report_open(&report, &a.report, c, err);
	if (r < 0)
		return r;
	a.p.progress = &report.progress;
	return report_finish(&report, c, pack_file(&a, w, argv[1], argv[2], err), err);
}

const struct cli_command cli_pack = {
	.name = "pack",
	.brief = "write a directory, archive or image as one file system or archive",
	.synopsis = "--format FORMAT [OPTION...] IN OUT",
	.about =
		"Writes the files of IN (a directory, a tar file plain or compressed, an initrd, a file system or a disk\n"
		"image) as one bare file system or archive OUT, without partition table and manifest. OUT appears by\n"
		"rename when it is complete. What the format cannot hold is an error that names the entry.",
	.options = { options, cli_report_options },
	.n_operands = 2,
	.operands = "an input and an output are needed",
	.help_end = formats,
	.run = pack,
};
