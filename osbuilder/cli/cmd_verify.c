/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/file.h"
#include "codec/json.h"
#include "verify.h"

/* What the image must be sealed as: a root hash or a line, which is empty when nobody said. */
struct verify_args {
	struct strbuf seal;
	bool json;
};

static int set_root_hash(const struct cli_option *o, const char *value, void *args,
			 struct error *err)
{
	struct verify_args *a = args;

	strbuf_reset(&a->seal);
	return strbuf_addstr(&a->seal, value) < 0 ? error_oom(err) : 0;
}

static int set_root_hash_file(const struct cli_option *o, const char *value, void *args,
			      struct error *err)
{
	struct verify_args *a = args;
	int r;

	strbuf_reset(&a->seal);
	r = file_read(AT_FDCWD, value, VERITY_LINE_MAX, &a->seal, err);
	strbuf_trim_end(&a->seal);
	return r;
}

static const struct cli_option options[] = {
	{ "root-hash", "HEX|LINE",
	  "what the image must be sealed as: the root hash, or the line of\n"
	  "root_hash_*.txt (default: what the manifest says)",
	  set_root_hash },
	{ "root-hash-file", "FILE", "the same, from a file", set_root_hash_file },
	{ "json", NULL, "print the result as JSON", CLI_FLAG(struct verify_args, json) },
	{ NULL },
};

static void print_result(const struct image_verify_result *v)
{
	if (!v->info.is_initrd)
		printf("partition table: ok, %u partition%s, %s\n", v->info.n_parts,
		       v->info.n_parts == 1 ? "" : "s",
		       v->info.dax ? "the same in both views, nd_pfn checksum ok"
				   : "no DAX header");
	if (v->verity_ok)
		printf("verity: ok, %llu blocks, root hash %s\n",
		       (unsigned long long)v->seal.data_blocks, v->seal.root_hash);
	else
		puts("verity: not measured");
	if (v->sha512_ok)
		printf("manifest: ok, %llu bytes and their SHA-512\n",
		       (unsigned long long)v->info.size);
	else
		puts("manifest: there is none");
}

static void put_verity(struct json_out *o, const struct image_verify_result *v)
{
	if (!v->verity_checked) {
		json_out_null(o, "verity");
		return;
	}
	json_out_object(o, "verity");
	json_out_bool(o, "ok", v->verity_ok);
	json_out_string(o, "root_hash", v->seal.root_hash);
	json_out_u64(o, "data_blocks", v->seal.data_blocks);
	if (v->bad.partition) {
		json_out_object(o, "bad");
		json_out_u64(o, "partition", v->bad.partition);
		json_out_u64(o, "block", v->bad.block);
		json_out_u64(o, "offset", v->bad.offset);
		json_out_end(o);
	} else {
		json_out_null(o, "bad");
	}
	json_out_end(o);
}

/* The schema is in osbuilder(1); err is that of `code`. */
static int print_json(const char *path, const struct image_verify_result *v, int code,
		      struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, file = STRBUF_INIT, said = STRBUF_INIT;
	struct json_out o;

	if (escape_utf8(&file, path) < 0 || escape_utf8(&said, error_text(err)) < 0)
		return error_oom(err);
	json_out_init(&o, &text, "\t");
	json_out_object(&o, NULL);
	json_out_string(&o, "file", file.buf);
	json_out_string(&o, "kind", v->info.is_initrd ? "initrd" : "image");
	json_out_bool(&o, "ok", code == 0);
	json_out_bool(&o, "checked", code == 0 || v->damaged);
	json_out_string(&o, "error", code < 0 ? said.buf : NULL);
	json_out_bool(&o, "tables", v->tables_ok);
	put_verity(&o, v);
	if (v->sha512_checked)
		json_out_bool(&o, "sha512", v->sha512_ok);
	else
		json_out_null(&o, "sha512");
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return error_oom(err);
	fputs(text.buf, stdout);
	return code;
}

/* -EBADMSG: the file is not what it should be, and nothing else. */
static int verify_file(const char *path, const struct verify_args *a, struct report *report,
		       struct error *err)
{
	const struct strbuf *text = &a->seal;
	struct image_verify_params p = { .path = path, .progress = &report->progress };
	struct image_verify_result v;
	struct verity_seal seal;
	int r;

	if (strchr(text->buf, '=')) {
		r = verity_seal_parse(text->buf, &seal, err);
		if (r < 0)
			return r;
		p.seal = &seal;
	} else if (text->len) {
		p.root_hash = text->buf;
	}
	r = image_is_initrd(p.path, &p.is_initrd, err);
	if (r == 0 && p.is_initrd && text->len)
		r = error_set(err, -EINVAL, "'%s' is an initrd: it has no root hash", p.path);
	if (r < 0)
		return r;
	r = image_verify(&p, &v, err);
	report_clear(report);
	if (a->json)
		r = print_json(path, &v, r, err);
	else if (r == 0)
		print_result(&v);
	if (r < 0 && v.damaged)
		return -EBADMSG;
	return r == -EBADMSG ? -EINVAL : r;
}

static int verify(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	static const struct report_args live = { .only_live = true };
	_cleanup_report_ struct report report = REPORT_INIT;
	struct verify_args a = { STRBUF_INIT };
	int r = cli_read(c, argc, argv, &a, err);

	if (r == 0)
		r = report_open(&report, &live, c, err);
	if (r == 0)
		r = verify_file(argv[1], &a, &report, err);
	strbuf_release(&a.seal);
	return r < 0 ? r : 0;
}

const struct cli_command cli_verify = {
	.name = "verify",
	.brief = "check an image or initrd against its manifest and hash tree",
	.synopsis = "[OPTION...] FILE",
	.about =
		"Reads a whole image or initrd and compares it with its manifest and, when it is measured, with its\n"
		"hash tree; names the first block that was changed.\n"
		"\n"
		"Exit status: 0 all is as it should be, 1 it is not, 2 that could not be found out.",
	.options = { options },
	.n_operands = 1,
	.operands = "exactly one file is needed",
	.run = verify,
	.failed = 2,
	.refuted = 1,
};
