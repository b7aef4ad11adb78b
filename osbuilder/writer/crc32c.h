/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WRITER_CRC32C_H
#define WRITER_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32C (Castagnoli, RFC 3720 B.4) as Linux's crc32c(): the running value goes in and comes out as it is, without the
 * inversions at both ends. crc32c(~0, "123456789", 9) is ~0xe3069283.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The same without the CPU's instruction; for tests. */
uint32_t crc32c_generic(uint32_t crc, const void *data, size_t len);

#endif
