/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture-big make INIT FILE SMALL	lists the torture tree of full size, with INIT as /sbin/init, and writes it as ext4 to
 *				FILE, and without the file of 5 GiB to SMALL
 * torture-big read FILE	lists what osbuilder's reader finds in an image, archive or directory
 * torture-big sums FILE	the same as sums, see listing_walk.h
 * torture-big walk DIR		lists what the kernel says about a directory
 */
#include <fcntl.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "image_read.h"
#include "support/listing_tree.h"
#include "support/torture_big.h"
#include "writer/writer.h"

static _noreturn_ void die(const char *what, const struct error *err)
{
	fprintf(stderr, "torture-big: %s: %s\n", what, error_text(err));
	exit(1);
}

static void print(struct listing *l, void *data)
{
	listing_print(stdout, "", l);
}

static void add_init(struct tree *t, const char *path)
{
	struct error err = ERROR_INIT;
	struct strbuf b = STRBUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || strbuf_read_fd(&b, fd, 64 << 20) < 0) {
		perror(path);
		exit(1);
	}
	if (tree_add_file(t, "sbin/init", 0755, b.buf, b.len, &err) < 0 ||
	    tree_add_dir(t, "dev", 0755, &err) < 0)
		die(path, &err);
	close(fd);
	strbuf_release(&b);
}

static void write_ext4(struct tree *t, const char *path)
{
	const struct writer_params p = { .epoch = BIG_EPOCH, .keep_times = true };
	struct writer_result res;
	struct error err = ERROR_INIT;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	if (writer_ext4.write(t, &p, fd, 0, &res, &err) < 0)
		die(path, &err);
	close(fd);
}

static void make(const char *init, const char *path, const char *small)
{
	struct tree *t = torture_big();

	add_init(t, init);
	write_ext4(t, path);
	if (listing_tree(t, print, NULL) < 0)
		die(path, NULL);
	tree_remove(t, tree_lookup(t, "data/5gib"));
	write_ext4(t, small);
	tree_free(t);
}

static void read_image(const char *path, bool sums)
{
	struct listing_sums s = { .out = stdout, .tag = "ROOT" };
	struct image_source source;
	struct tree *t = NULL;
	struct error err = ERROR_INIT;

	if (image_read(path, &t, &source, &err) < 0)
		die("read", &err);
	if (listing_tree(t, sums ? listing_sums_add : print, &s) < 0)
		die(path, NULL);
	listing_sums_end(&s);
	tree_free(t);
}

int main(int argc, char **argv)
{
	int errors = 0;

	if (argc == 5 && strcmp(argv[1], "make") == 0) {
		make(argv[2], argv[3], argv[4]);
	} else if (argc == 3 && strcmp(argv[1], "read") == 0) {
		read_image(argv[2], false);
	} else if (argc == 3 && strcmp(argv[1], "sums") == 0) {
		read_image(argv[2], true);
	} else if (argc == 3 && strcmp(argv[1], "walk") == 0) {
		errors = listing_walk(argv[2], print, NULL);
	} else {
		fprintf(stderr,
			"usage: torture-big make INIT FILE SMALL | read FILE | sums FILE | walk DIR\n");
		return 2;
	}
	return errors || fflush(stdout) != 0;
}
