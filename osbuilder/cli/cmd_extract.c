/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/file.h"
#include "image_read.h"
#include "writer/dir.h"

struct extract_args {
	struct writer_params p;
	bool no_devices, no_sockets;
	const char *tar; /* FILE or "-" */
};

static const struct cli_option options[] = {
	{ "tar", "FILE", "a tar file with everything in it, for any user; - is standard output",
	  CLI_STRING(struct extract_args, tar) },
	{ "no-devices", NULL,
	  "leave out character and block devices (each is named on standard error)",
	  CLI_FLAG(struct extract_args, no_devices) },
	{ "no-sockets", NULL, "leave out sockets, which a tar file cannot hold (each is named)",
	  CLI_FLAG(struct extract_args, no_sockets) },
	{ "no-xattrs", NULL, "leave out extended attributes",
	  CLI_FLAG(struct extract_args, p.drop_xattrs) },
	{ NULL },
};

static void say_left_out(struct report *report, const char *what, const char *path)
{
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	report_clear(report);
	if (escape_text(&name, path) == 0)
		fprintf(stderr, "osbuilder: left out %s %s\n", what, name.buf);
}

/* Removes devices or sockets below dir. Recursion ends at TREE_DEPTH_MAX. */
static void remove_special(const struct extract_args *x, struct report *report, struct tree *t,
			   struct tree_node *dir)
{
	char path[TREE_PATH_BUF];

	for (size_t i = dir->n_children; i-- > 0;) {
		struct tree_node *n = dir->children[i];
		uint32_t mode = n->inode->mode;
		const char *what = NULL;

		if (tree_is_dir(n))
			remove_special(x, report, t, n);
		else if (x->no_devices && (S_ISCHR(mode) || S_ISBLK(mode)))
			what = "device";
		else if (x->no_sockets && S_ISSOCK(mode))
			what = "socket";
		if (what) {
			say_left_out(report, what, tree_path(n, path));
			tree_remove(t, n);
		}
	}
}

/* A file appears when it is complete; to standard output it goes as it comes. */
static int write_tar(struct extract_args *x, struct tree *t, struct error *err)
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

static int extract(const struct cli_command *c, int argc, char **argv, struct error *err)
{
	static const struct report_args live = { .only_live = true };
	_cleanup_report_ struct report report = REPORT_INIT;
	struct extract_args a = { .p.keep_times = true };
	_cleanup_tree_ struct tree *t = NULL;
	int r = cli_read(c, argc, argv, &a, err);

	if (r)
		return r < 0 ? r : 0;
	if (a.tar && cli_operands(argv) != 1)
		return error_set(err, -EINVAL, "extract: with --tar one image is needed");
	if (!a.tar && cli_operands(argv) != 2)
		return error_set(err, -EINVAL, "extract: an image and a directory are needed");
	r = report_open(&report, &live, c, err);
	if (r < 0)
		return r;
	a.p.progress = &report.progress;
	progress_begin(a.p.progress, PROGRESS_UNPACK, argv[1], 0, 0);
	r = image_read(argv[1], &t, NULL, err);
	if (r < 0)
		return r;
	progress_end(a.p.progress, PROGRESS_UNPACK);
	remove_special(&a, &report, t, tree_root(t));
	progress_begin(a.p.progress, PROGRESS_WRITE, a.tar ? a.tar : argv[2], 0, 0);
	return a.tar ? write_tar(&a, t, err) : writer_dir(t, AT_FDCWD, argv[2], &a.p, err);
}

const struct cli_command cli_extract = {
	.name = "extract",
	.brief = "take the files out of an image or initrd",
	.synopsis = "[OPTION...] IMAGE DIR\n"
		    "       osbuilder extract [OPTION...] --tar FILE IMAGE",
	.about =
		"Takes the files out of a disk image, a bare ext4 or erofs, an initrd or a tar file into the new\n"
		"directory DIR. Nothing is mounted. Run by root, owners, devices and extended attributes are those of\n"
		"the image; anybody else owns all files, and what only root can make is an error that names it.",
	.options = { options },
	.n_operands = CLI_ANY,
	.run = extract,
};
