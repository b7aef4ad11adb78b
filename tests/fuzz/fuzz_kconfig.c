/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include "kconfig/ikconfig.h"

/* Whatever is accepted must be written in a form that reads back as the same set. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT, again = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, table = STRBUF_INIT;
	struct error err = ERROR_INIT;
	size_t bad = 0;

	if (ikconfig_parse(&kc, "fuzz", data, size, &err) < 0)
		return 0;
	if (kconfig_write(&kc, &text) < 0 || text.len > KCONFIG_FILE_MAX)
		return 0;
	if (kconfig_parse(&again, "again", text.buf, text.len, &err) < 0 || again.n != kc.n)
		abort();
	if (kconfig_compare(&kc, &again, &table, &bad) == 0 && bad != kc.n_again)
		abort();
	return 0;
}
