/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_READ_IMAGE_H
#define TESTS_FUZZ_READ_IMAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tree/tree.h"

/* What the fuzz targets of image readers share: the input as a file, and what must hold for any tree that was read. */

#define READ_IMAGE_MAX (1u << 20)

static inline int read_image_file(const uint8_t *data, size_t len, int *ret)
{
	int fd = -1;

	if (len > READ_IMAGE_MAX || fd_memfd("image", &fd) < 0)
		return -1;
	if (fd_pwrite_full(fd, data, len, 0) < 0) {
		close(fd);
		return -1;
	}
	*ret = fd;
	return 0;
}

/* Names stay in the tree, and the first and last bytes of every file can be read. */
static inline int read_image_check(struct tree_node *n, void *unused)
{
	const struct blob *b = &n->inode->content;
	uint8_t buf[64];
	size_t k = b->size < sizeof(buf) ? (size_t)b->size : sizeof(buf);

	if (n->parent && (!n->name_len || strchr(n->name, '/') || !strcmp(n->name, "..") ||
			  !strcmp(n->name, ".") || n->name_len > TREE_NAME_MAX))
		abort();
	if (S_ISREG(n->inode->mode) &&
	    (blob_read(b, 0, buf, k, NULL) < 0 || blob_read(b, b->size - k, buf, k, NULL) < 0))
		abort();
	return 0;
}

#endif
