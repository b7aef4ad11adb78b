/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>

#include "base/escape.h"
#include "codec/json.h"
#include "diff.h"
#include "image_read.h"

struct diff_args {
	struct diff_params p;
	bool json;
};

static const struct cli_option options[] = {
	{ "times", NULL, "compare modification times, too", CLI_FLAG(struct diff_args, p.times) },
	{ "json", NULL, "print the differences as JSON, one object a line",
	  CLI_FLAG(struct diff_args, json) },
	{ NULL },
};

/* On one terminal with the line of progress. */
static int put(struct report *report, const char *line)
{
	int code;

	report_clear(report);
	code = puts(line) < 0 ? -EIO : 0;
	return report->style == REPORT_LIVE && fflush(stdout) != 0 ? -EIO : code;
}

static int print_line(void *data, const struct diff_change *c)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	if (diff_change_line(c, &line) < 0)
		return -ENOMEM;
	return put(data, line.buf);
}

static void put_text(struct json_out *o, const char *key, const char *text)
{
	_cleanup_strbuf_ struct strbuf safe = STRBUF_INIT;

	if (text && escape_utf8(&safe, text) < 0)
		o->code = -ENOMEM;
	json_out_string(o, key, text ? safe.buf : NULL);
}

static int print_json(void *data, const struct diff_change *c)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &line, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "change",
			c->sign == '-'	 ? "removed"
			: c->sign == '+' ? "added"
					 : "changed");
	put_text(&o, "path", c->path);
	if (c->what)
		json_out_string(&o, "what", c->what);
	if (c->xattr) {
		put_text(&o, "xattr", c->xattr);
		json_out_bool(&o, "in_first", c->first != NULL);
		json_out_bool(&o, "in_second", c->second != NULL);
	} else if (c->first) {
		put_text(&o, "first", c->first);
		put_text(&o, "second", c->second);
	}
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return -ENOMEM;
	return put(data, line.buf);
}

static int read_one(const char *path, struct progress *progress, struct tree **ret,
		    struct error *err)
{
	int r;

	progress_begin(progress, PROGRESS_UNPACK, path, 0, 0);
	r = image_read(path, ret, NULL, err);
	if (r == 0)
		progress_end(progress, PROGRESS_UNPACK);
	return r;
}

static int diff(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	static const struct report_args live = { .only_live = true };
	_cleanup_report_ struct report report = REPORT_INIT;
	_cleanup_tree_ struct tree *a = NULL, *b = NULL;
	struct diff_args args = { 0 };
	int r = cli_read(c, argc, argv, &args, err);

	if (r)
		return r < 0 ? r : 0;
	r = report_open(&report, &live, c, err);
	args.p.progress = &report.progress;
	if (r == 0)
		r = read_one(argv[1], args.p.progress, &a, err);
	if (r == 0)
		r = read_one(argv[2], args.p.progress, &b, err);
	if (r < 0)
		return r;
	progress_begin(args.p.progress, PROGRESS_CHECK, NULL, 0, 0);
	return diff_trees(a, b, &args.p, args.json ? print_json : print_line, &report, err);
}

const struct cli_command cli_diff = {
	.name = "diff",
	.brief = "compare the files of two images",
	.synopsis = "[OPTION...] A B",
	.about =
		"Compares the file trees of two disk images, file systems, initrds, tar files or directories, in any\n"
		"combination: type, mode, owner, size, content, links, devices and extended attributes. One line a\n"
		"difference: '- PATH' is only in A, '+ PATH' only in B, '! PATH: WHAT' differs.\n"
		"\n"
		"Exit status: 0 equal, 1 different, 2 error.",
	.options = { options },
	.n_operands = 2,
	.operands = "exactly two files are needed",
	.run = diff,
	.failed = 2,
};
