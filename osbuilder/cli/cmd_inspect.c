/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "image.h"

/* An initrd starts with a cpio or compression magic, an image with a partition table: 55 aa at byte 510. */
static int looks_like_image(const char *path, bool *ret, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char sig[2];

	if (fd < 0)
		return error_sys(err, -errno, "'%s'", path);
	*ret = fd_pread_full(fd, sig, sizeof(sig), 510) == 0 && sig[0] == 0x55 && sig[1] == 0xaa;
	return 0;
}

static void print_info(const char *path, const struct image_info *i)
{
	printf("file: %s\nkind: %s\nsize: %llu\n", path, i->is_initrd ? "initrd" : "image",
	       (unsigned long long)i->size);
	printf("architecture: %s\nfilesystem: %s\n", *i->arch ? i->arch : "unknown", i->filesystem);
	if (!i->is_initrd)
		printf("dax: %s\n", i->dax ? "yes" : "no");
	for (unsigned k = 0; k < i->n_parts; k++)
		printf("partition %u: offset %llu size %llu\n", k + 1,
		       (unsigned long long)i->parts[k].offset,
		       (unsigned long long)i->parts[k].size);
	printf("manifest: %s\n", i->has_manifest ? "yes" : "no");
	printf("agent: version %s protocol %s\n", *i->agent_version ? i->agent_version : "unknown",
	       *i->agent_protocol ? i->agent_protocol : "unknown");
}

int cli_inspect(int argc, char **argv, struct error *err)
{
	struct image_check_params p = { .verify_sha512 = true };
	struct image_info info;
	bool is_image = false;
	int r;

	if (argc == 2 && str_eq(argv[1], "--help")) {
		puts("usage: osbuilder inspect FILE\n\nChecks the file against its manifest, when "
		     "it has one, and prints what it is.");
		return 0;
	}
	if (argc != 2)
		return error_set(err, -EINVAL, "inspect: exactly one file is needed");
	r = looks_like_image(argv[1], &is_image, err);
	if (r < 0)
		return r;
	p.path = argv[1];
	p.is_initrd = !is_image;
	r = image_check(&p, &info, err);
	if (r == 0)
		print_info(argv[1], &info);
	return r;
}
