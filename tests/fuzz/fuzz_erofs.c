/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of erofs images. */
#include <stddef.h>
#include <stdint.h>

#include "read_image.h"
#include "source/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct error err = ERROR_INIT;
	struct tree *t;
	int fd = -1;

	if (read_image_file(data, len, &fd) < 0)
		return 0;
	t = tree_new();
	if (t && source_read_erofs(t, fd, 0, len, &err) == 0)
		tree_walk(tree_root(t), read_image_check, NULL);
	tree_free(t);
	close(fd);
	return 0;
}
