/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/fd.h"
#include "disk/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: le32 size of the file; bytes at the second view (512); the rest from the start of the file on. */
#define FUZZ_INNER 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_fd_ int fd = -1;
	struct disk_layout l;
	struct error err = ERROR_INIT;
	uint32_t file;
	bool dax;
	int r;

	if (size < 4 + FUZZ_INNER || size > 4 + FUZZ_INNER + 16384)
		return 0;
	file = data[0] | data[1] << 8 | data[2] << 16 | (uint32_t)data[3] << 24;
	if (fd_memfd("fuzz", &fd) < 0 ||
	    fd_pwrite_full(fd, data + 4, FUZZ_INNER, DISK_DAX_SIZE) < 0 ||
	    fd_pwrite_full(fd, data + 4 + FUZZ_INNER, size - 4 - FUZZ_INNER, 0) < 0 ||
	    ftruncate(fd, file) < 0)
		abort();
	r = disk_read(fd, &dax, &l, &err);
	if (r < 0 && (err.code != r || !err.msg[0]))
		abort();
	for (unsigned i = 0; r == 0 && i < l.n_parts; i++)
		if (l.parts[i].offset + l.parts[i].size > l.image_size || l.image_size != file)
			abort();
	return 0;
}
