/* SPDX-License-Identifier: Apache-2.0 */
/* state.json, as delete --force reads it after a crash. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "sandbox/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct state s;

	if (state_parse((const char *)data, size, &s, &err) < 0)
		return 0;
	/* What is accepted never names a process that must not be killed. */
	if (!s.id || !s.status || s.engine.pid < 0 || s.engine.pid == 1 || s.hypervisor.pid == 1)
		abort();
	state_release(&s);
	return 0;
}
