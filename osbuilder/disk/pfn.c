/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/pfn.h"

#include <string.h>
#include "writer/le.h"

#define PFN_MODE_RAM 1

uint64_t pfn_fletcher64(const void *data, uint32_t len)
{
	const uint8_t *p = data;
	uint32_t lo = 0;
	uint64_t hi = 0;

	for (uint32_t i = 0; i + 4 <= len; i += 4) {
		lo += le_get32(p + i);
		hi += lo;
	}
	return hi << 32 | lo;
}

void pfn_block(uint8_t b[PFN_SIZE])
{
	memset(b, 0, PFN_SIZE);
	memcpy(b, "NVDIMM_PFN_INFO", 16);
	le_put16(b + 54, 2);
	le_put64(b + 56, PFN_ALIGN);
	le_put32(b + 72, PFN_MODE_RAM);
	le_put32(b + 84, PFN_ALIGN);
	le_put64(b + 4088, pfn_fletcher64(b, PFN_SIZE));
}
