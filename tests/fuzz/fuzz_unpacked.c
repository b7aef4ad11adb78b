/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "source/unpacked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONTENTS_END 4096u

/* An index that is accepted is the one that would be written for what it says, and leads to no byte outside of the contents. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf again = STRBUF_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	struct source_package_info info;
	struct error err = ERROR_INIT;
	uint8_t print[XXH_SIZE];
	int r = unpacked_index_parse(data, size, CONTENTS_END, &l, &info, print, &err);

	if (r < 0) {
		if (r == -EBADMSG && strncmp(err.msg, "its index is damaged", 20) != 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < l.n; i++) {
		const struct blob *b = &l.v[i].content;

		if (b->size && (b->offset < UNPACKED_HEADER || b->offset > CONTENTS_END ||
				b->size > CONTENTS_END - b->offset))
			abort();
	}
	if (unpacked_index_make(&l, &info, print, &again, &err) < 0 || again.len != size ||
	    memcmp(again.buf, data, size) != 0)
		abort();
	return 0;
}
