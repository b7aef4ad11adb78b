/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A manifest that is taken is written again as one that is taken and written the same; one that is not has a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	_cleanup_manifest_ struct manifest a = { 0 }, b = { 0 };
	struct error err = ERROR_INIT;
	int r = manifest_parse((const char *)data, size, &a, &err);

	if (r < 0) {
		if (err.code != r || !err.msg[0] || a.arch)
			abort();
		return 0;
	}
	if (manifest_to_json(&a, &one, &err) < 0 ||
	    manifest_parse(one.buf, one.len, &b, &err) < 0 ||
	    manifest_to_json(&b, &two, &err) < 0 || !str_eq(one.buf, two.buf))
		abort();
	return 0;
}
