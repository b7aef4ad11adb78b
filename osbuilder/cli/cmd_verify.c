/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "verify.h"

static const char help[] =
	"usage: osbuilder verify [OPTION...] FILE\n"
	"\n"
	"Reads a whole image or initrd and compares it with its manifest and, when it is measured, with its\n"
	"hash tree; names the first block that was changed.\n"
	"\n"
	"  --root-hash HEX|LINE     what the image must be sealed as: the root hash, or the line of\n"
	"                           root_hash_*.txt (default: what the manifest says)\n"
	"  --root-hash-file FILE    the same, from a file\n";

enum { OPT_ROOT_HASH = 256, OPT_ROOT_HASH_FILE, OPT_HELP };

static const struct option options[] = {
	{ "root-hash", required_argument, NULL, OPT_ROOT_HASH },
	{ "root-hash-file", required_argument, NULL, OPT_ROOT_HASH_FILE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* 1: help was printed. */
static int read_options(int argc, char **argv, struct strbuf *text, struct error *err)
{
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_ROOT_HASH:
			strbuf_reset(text);
			if (strbuf_addstr(text, optarg) < 0)
				return error_oom(err);
			break;
		case OPT_ROOT_HASH_FILE:
			strbuf_reset(text);
			r = file_read(AT_FDCWD, optarg, VERITY_LINE_MAX, text, err);
			if (r < 0)
				return r;
			strbuf_trim_end(text);
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 1;
		case ':':
			return error_set(err, -EINVAL, "verify: option '%s' needs a value",
					 argv[optind - 1]);
		default:
			return error_set(err, -EINVAL, "verify: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return error_set(err, -EINVAL, "verify: exactly one file is needed");
	return 0;
}

/* Images have a partition table or are at least not an initrd: 55 aa at byte 510, or the name of no cpio or compressed file. */
static int looks_like_initrd(const char *path, bool *ret, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char head[6];

	if (fd < 0)
		return error_sys(err, -errno, "'%s'", path);
	*ret = fd_pread_full(fd, head, sizeof(head), 0) == 0 &&
	       (memcmp(head, "0707", 4) == 0 || memcmp(head, "\x1f\x8b", 2) == 0 ||
		memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0);
	return 0;
}

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

int cli_verify(int argc, char **argv, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct image_verify_params p = { 0 };
	struct image_verify_result v;
	struct verity_seal seal;
	int r = read_options(argc, argv, &text, err);

	if (r)
		return r < 0 ? r : 0;
	p.path = argv[optind];
	if (strchr(text.buf, '=')) {
		r = verity_seal_parse(text.buf, &seal, err);
		if (r < 0)
			return r;
		p.seal = &seal;
	} else if (text.len) {
		p.root_hash = text.buf;
	}
	r = looks_like_initrd(p.path, &p.is_initrd, err);
	if (r == 0 && p.is_initrd && text.len)
		r = error_set(err, -EINVAL, "'%s' is an initrd: it has no root hash", p.path);
	if (r == 0)
		r = image_verify(&p, &v, err);
	if (r == 0)
		print_result(&v);
	return r;
}
