/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture-image INIT DIR: makes images of the torture tree with INIT as /sbin/init in DIR: dax.img (ext4, both partition
 * tables), plain.img (ext4, one table), root.erofs, initrd.gz; and what a kernel must find in them: full.list, initrd.list.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "disk/disk.h"
#include "support/listing_tree.h"
#include "support/torture_tree.h"

static _noreturn_ void die(const char *what, const struct error *err)
{
	fprintf(stderr, "torture-image: %s: %s\n", what, error_text(err));
	exit(1);
}

/* As the writers store it: times are those of the tree, but none is later than the epoch. */
static void list_entry(struct listing *l, void *data)
{
	if (l->mtime >= TORTURE_EPOCH) {
		l->mtime = TORTURE_EPOCH;
		l->nsec = 0;
	}
	listing_print(data, "", l);
}

static void list(struct tree *t, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f || listing_tree(t, list_entry, f) < 0 || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void disk(struct tree *t, const char *path, bool dax)
{
	struct writer_params p = { .epoch = TORTURE_EPOCH };
	struct writer_result res;
	struct disk_params dp = { .dax = dax };
	struct disk_layout l;
	struct error err = ERROR_INIT;
	int fd = create(path);

	if (writer_ext4.write(t, &p, fd, disk_data_offset(dax), &res, &err) < 0)
		die(path, &err);
	dp.part_sizes[0] = res.size;
	memcpy(dp.seed, res.seed, sizeof(dp.seed));
	if (disk_plan(&dp, &l, &err) < 0 || disk_write(fd, &dp, &l, &err) < 0)
		die(path, &err);
	close(fd);
}

static void plain(const struct writer_ops *ops, struct tree *t, const char *path,
		  enum writer_compression compression)
{
	static const char *const late[] = { "/data", "/links", "/sbin/init", NULL };
	struct writer_params p = { .epoch = TORTURE_EPOCH,
				   .compression = compression,
				   .late = late };
	struct writer_result res;
	struct error err = ERROR_INIT;
	int fd = create(path);

	if (ops->write(t, &p, fd, 0, &res, &err) < 0)
		die(path, &err);
	close(fd);
}

static struct tree *with_init(unsigned flags, const char *init)
{
	struct tree *t = torture_tree(flags);
	struct error err = ERROR_INIT;
	struct strbuf b = STRBUF_INIT;
	int fd = open(init, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || strbuf_read_fd(&b, fd, 64 << 20) < 0) {
		perror(init);
		exit(1);
	}
	if (tree_add_file(t, "sbin/init", 0755, b.buf, b.len, &err) < 0)
		die(init, &err);
	close(fd);
	strbuf_release(&b);
	return t;
}

int main(int argc, char **argv)
{
	struct tree *full, *bare;

	if (argc != 3) {
		fprintf(stderr, "usage: torture-image INIT DIR\n");
		return 2;
	}
	full = with_init(TORTURE_XATTRS, argv[1]);
	bare = with_init(0, argv[1]);
	if (chdir(argv[2]) < 0) {
		perror(argv[2]);
		return 1;
	}
	disk(full, "dax.img", true);
	disk(full, "plain.img", false);
	plain(&writer_erofs, full, "root.erofs", WRITER_PLAIN);
	plain(&writer_erofs, full, "root.lz4.erofs", WRITER_LZ4);
	plain(&writer_cpio, bare, "initrd.gz", WRITER_GZIP);
	plain(&writer_cpio, bare, "initrd.zst", WRITER_ZSTD);
	list(full, "full.list");
	list(bare, "initrd.list");
	tree_free(full);
	tree_free(bare);
	return 0;
}
