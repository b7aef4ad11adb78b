/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "source/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the reader accepts, the writer can write, and it reads the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	_cleanup_lock_ struct lock l = { 0 }, again = { 0 };
	struct error err = ERROR_INIT;

	if (lock_parse((const char *)data, size, "lock", &l, &err) < 0) {
		if (!err.code || strncmp(err.msg, "lock:", 5) != 0)
			abort();
		return 0;
	}
	if (lock_to_toml(&l, &one, &err) < 0 ||
	    lock_parse(one.buf, one.len, "again", &again, &err) < 0 ||
	    lock_to_toml(&again, &two, &err) < 0 || strcmp(one.buf, two.buf) != 0)
		abort();
	return 0;
}
