/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "image_read.h"
#include "writer/dir.h"

static const char help[] =
	"usage: osbuilder extract [OPTION...] IMAGE DIR\n"
	"       osbuilder extract [OPTION...] --tar FILE IMAGE\n"
	"\n"
	"Takes the files out of a disk image, a bare ext4 or erofs, an initrd or a tar file into the new\n"
	"directory DIR. Nothing is mounted. Run by root, owners, devices and extended attributes are those of\n"
	"the image; anybody else owns all files, and what only root can make is an error that names it:\n"
	"\n"
	"  --tar FILE               a tar file with everything in it, for any user; - is standard output\n"
	"  --no-devices             leave out character and block devices (each is named on standard error)\n"
	"  --no-sockets             leave out sockets, which a tar file cannot hold (each is named)\n"
	"  --no-xattrs              leave out extended attributes\n";

enum { OPT_NO_DEVICES = 256, OPT_NO_SOCKETS, OPT_NO_XATTRS, OPT_TAR, OPT_HELP };

static const struct option options[] = {
	{ "no-devices", no_argument, NULL, OPT_NO_DEVICES },
	{ "no-sockets", no_argument, NULL, OPT_NO_SOCKETS },
	{ "tar", required_argument, NULL, OPT_TAR },
	{ "no-xattrs", no_argument, NULL, OPT_NO_XATTRS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

struct extract {
	struct writer_params p;
	bool no_devices, no_sockets;
	const char *tar; /* FILE or "-" */
};

/* Removes devices or sockets below dir. Recursion ends at TREE_DEPTH_MAX. */
static void remove_special(const struct extract *x, struct tree *t, struct tree_node *dir)
{
	char path[TREE_PATH_BUF];

	for (size_t i = dir->n_children; i-- > 0;) {
		struct tree_node *n = dir->children[i];
		uint32_t mode = n->inode->mode;
		const char *what = NULL;

		if (tree_is_dir(n))
			remove_special(x, t, n);
		else if (x->no_devices && (S_ISCHR(mode) || S_ISBLK(mode)))
			what = "device";
		else if (x->no_sockets && S_ISSOCK(mode))
			what = "socket";
		if (what) {
			fprintf(stderr, "osbuilder: left out %s %s\n", what, tree_path(n, path));
			tree_remove(t, n);
		}
	}
}

/* A file appears when it is complete; to standard output it goes as it comes. */
static int write_tar(struct extract *x, struct tree *t, struct error *err)
{
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	struct writer_result res;
	int r;

	if (str_eq(x->tar, "-")) {
		x->p.stream = true;
		return writer_tar.write(t, &x->p, STDOUT_FILENO, 0, &res, err);
	}
	r = file_out_open(&out, AT_FDCWD, x->tar, 0644, err);
	r = r < 0 ? r : writer_tar.write(t, &x->p, out.fd, 0, &res, err);
	return r < 0 ? r : file_out_commit(&out, err);
}

/* 1: help was printed. */
static int read_options(int argc, char **argv, struct extract *x, struct error *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_NO_DEVICES:
			x->no_devices = true;
			break;
		case OPT_NO_SOCKETS:
			x->no_sockets = true;
			break;
		case OPT_NO_XATTRS:
			x->p.drop_xattrs = true;
			break;
		case OPT_TAR:
			x->tar = optarg;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return 1;
		case ':':
			return error_set(err, -EINVAL, "extract: option '%s' needs a value",
					 argv[optind - 1]);
		default:
			return error_set(err, -EINVAL, "extract: unknown option '%s'",
					 argv[optind - 1]);
		}
	}
	if (x->tar && argc - optind != 1)
		return error_set(err, -EINVAL, "extract: with --tar one image is needed");
	if (!x->tar && argc - optind != 2)
		return error_set(err, -EINVAL, "extract: an image and a directory are needed");
	return 0;
}

int cli_extract(int argc, char **argv, struct error *err)
{
	struct extract x = { .p = { .keep_times = true } };
	_cleanup_tree_ struct tree *t = NULL;
	int r = read_options(argc, argv, &x, err);

	if (r)
		return r < 0 ? r : 0;
	r = image_read(argv[optind], &t, NULL, err);
	if (r < 0)
		return r;
	remove_special(&x, t, tree_root(t));
	return x.tar ? write_tar(&x, t, err) : writer_dir(t, AT_FDCWD, argv[optind + 1], &x.p, err);
}
