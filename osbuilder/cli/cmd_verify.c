/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "verify.h"

/* What the image must be sealed as: a root hash or a line, which is empty when nobody said. */
struct verify_args {
	struct strbuf seal;
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
	{ NULL },
};

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

static int verify_file(const char *path, const struct strbuf *text, struct error *err)
{
	struct image_verify_params p = { .path = path };
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
	r = looks_like_initrd(p.path, &p.is_initrd, err);
	if (r == 0 && p.is_initrd && text->len)
		r = error_set(err, -EINVAL, "'%s' is an initrd: it has no root hash", p.path);
	if (r == 0)
		r = image_verify(&p, &v, err);
	if (r == 0)
		print_result(&v);
	return r;
}

static int verify(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	struct verify_args a = { STRBUF_INIT };
	int r = cli_read(c, argc, argv, &a, err);

	if (r == 0)
		r = verify_file(argv[1], &a.seal, err);
	strbuf_release(&a.seal);
	return r < 0 ? r : 0;
}

const struct cli_command cli_verify = {
	.name = "verify",
	.brief = "check an image or initrd against its manifest and hash tree",
	.synopsis = "[OPTION...] FILE",
	.about =
		"Reads a whole image or initrd and compares it with its manifest and, when it is measured, with its\n"
		"hash tree; names the first block that was changed.",
	.options = { options },
	.n_operands = 1,
	.operands = "exactly one file is needed",
	.run = verify,
};
