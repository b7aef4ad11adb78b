/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "disk/verity_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line that is taken gives one that is taken as the same; one that is not has a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf again = STRBUF_INIT;
	_cleanup_free_ char *line = NULL;
	struct error err = ERROR_INIT;
	struct verity_seal a, b;
	int r;

	if (size > 2 * VERITY_LINE_MAX)
		return 0;
	line = mem_dup0(data, size);
	if (!line)
		abort();
	r = verity_seal_parse(line, &a, &err);
	if (r < 0) {
		if (err.code != r || !err.msg[0])
			abort();
		return 0;
	}
	if (verity_seal_format(&a, &again) < 0 || verity_seal_parse(again.buf, &b, &err) < 0 ||
	    !verity_seal_equal(&a, &b))
		abort();
	return 0;
}
