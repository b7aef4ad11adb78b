/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_PFN_H
#define DISK_PFN_H

#include <stdint.h>

/*
 * The "page frame number" info block that makes a plain file a DAX namespace for Linux's nvdimm driver: struct nd_pfn_sb
 * of the kernel's drivers/nvdimm/pfn.h, read at byte 4096 of the namespace and checked by nd_pfn_validate() in
 * drivers/nvdimm/pfn_devs.c. All fields little endian:
 *
 *   0   signature[16]	"NVDIMM_PFN_INFO\0"		56  le64 dataoff	0x200000
 *   16  uuid[16]	0				64  le64 npfns		0
 *   32  parent_uuid	0: a namespace without label	72  le32 mode		1, PFN_MODE_RAM
 *   48  le32 flags	0				76  le32 start_pad	0
 *   52  le16 version	0 major				80  le32 end_trunc	0
 *   54  le16		2 minor				84  le32 align		0x200000
 *   88  padding[4000]					4088 le64 checksum	Fletcher-64 with this field 0
 *
 * Every value is fixed, so the block is a constant.
 */

#define PFN_OFFSET 4096u
#define PFN_SIZE   4096u
#define PFN_ALIGN  0x200000u

/* Fletcher-64 over little-endian 32-bit words, as nd_fletcher64() of drivers/nvdimm/core.c. len is a multiple of 4. */
uint64_t pfn_fletcher64(const void *data, uint32_t len);
void pfn_block(uint8_t block[PFN_SIZE]);

#endif
