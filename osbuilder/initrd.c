/* SPDX-License-Identifier: Apache-2.0 */
#include "initrd.h"

#include <string.h>

#include "base/fd.h"

int initrd_write(struct tree *t, const struct initrd_params *p, int fd, struct error *err)
{
	/* with a merged /usr the first two are one */
	const char *const late[] = { "/lib/modules", "/usr/lib/modules", INITRD_SUMMARY_PATH,
				     p->agent_path, NULL };
	const struct writer_params wp = { .epoch = p->epoch,
					  .compression = p->compression,
					  .progress = p->progress,
					  .drop_xattrs = p->drop_xattrs,
					  .late = late };
	struct writer_result res;

	return writer_cpio.write(t, &wp, fd, 0, &res, err);
}

int initrd_compression(int fd, enum writer_compression *ret, struct error *err)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	uint8_t b[4];
	int r = fd_pread_full(fd, b, sizeof(b), 0);

	if (r < 0)
		return error_sys(err, r, "cannot read the initrd");
	*ret = WRITER_PLAIN;
	if (memcmp(b, gzip, sizeof(gzip)) == 0)
		*ret = WRITER_GZIP;
	else if (memcmp(b, zstd, sizeof(zstd)) == 0)
		*ret = WRITER_ZSTD;
	return 0;
}
