/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct oci_process_doc *process = NULL;
	struct error err = ERROR_INIT;
	int r = oci_spec_parse((const char *)data, size, &spec, &err);

	if (r < 0 && (err.code != r || !err.msg[0]))
		abort();
	if (r == 0)
		oci_spec_validate(spec, &err);
	if (oci_process_parse((const char *)data, size, &process, &err) == 0)
		oci_process_free(process);
	return 0;
}
