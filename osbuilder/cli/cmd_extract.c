/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "image_read.h"
#include "writer/dir.h"

static const char help[] =
	"usage: osbuilder extract [OPTION...] IMAGE DIR\n"
	"\n"
	"Takes the files out of a disk image, a bare ext4 or erofs, an initrd or a tar file into the new\n"
	"directory DIR. Nothing is mounted. Run by root, owners, devices and extended attributes are those of\n"
	"the image; anybody else owns all files, and what only root can make is an error that names it:\n"
	"\n"
	"  --no-devices             leave out character and block devices (each is named on standard error)\n"
	"  --no-xattrs              leave out extended attributes\n";

enum { OPT_NO_DEVICES = 256, OPT_NO_XATTRS, OPT_HELP };

static const struct option options[] = {
	{ "no-devices", no_argument, NULL, OPT_NO_DEVICES },
	{ "no-xattrs", no_argument, NULL, OPT_NO_XATTRS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Removes devices below dir. Recursion ends at TREE_DEPTH_MAX. */
static void remove_devices(struct tree *t, struct tree_node *dir)
{
	char path[TREE_PATH_BUF];

	for (size_t i = dir->n_children; i-- > 0;) {
		struct tree_node *n = dir->children[i];

		if (tree_is_dir(n)) {
			remove_devices(t, n);
		} else if (S_ISCHR(n->inode->mode) || S_ISBLK(n->inode->mode)) {
			fprintf(stderr, "osbuilder: left out device %s\n", tree_path(n, path));
			tree_remove(t, n);
		}
	}
}

int cli_extract(int argc, char **argv, struct error *err)
{
	struct writer_params p = { .keep_times = true };
	_cleanup_tree_ struct tree *t = NULL;
	bool no_devices = false;
	int c, r;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_NO_DEVICES:
			no_devices = true;
			break;
		case OPT_NO_XATTRS:
			p.drop_xattrs = true;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 0;
		default:
			return error_set(err, -EINVAL, "extract: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (argc - optind != 2)
		return error_set(err, -EINVAL, "extract: an image and a directory are needed");
	r = image_read(argv[optind], &t, NULL, err);
	if (r < 0)
		return r;
	if (no_devices)
		remove_devices(t, tree_root(t));
	return writer_dir(t, AT_FDCWD, argv[optind + 1], &p, err);
}
