/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_DISK_H
#define DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/*
 * The disk around a file system: partition tables, the nd_pfn block and the size of the image. Layout of upstream's
 * image_builder.sh, byte offsets in the file:
 *
 *   with DAX header (one file serves as NVDIMM and as virtio-blk disk)	without
 *   0         MBR 1: what a plain disk shows; partition 1 at 3 MiB	0	  MBR
 *   0x1000    nd_pfn_sb, see pfn.h					0x100000  partition 1
 *   0x200000  MBR 2: LBA 0 of /dev/pmem0; partition 1 at +1 MiB
 *   0x300000  partition 1, the same bytes in both views
 *   then      partition 2 when there is a verity hash area, right after partition 1
 *
 * Partitions are exactly as long as what they hold (rounded up to 4096), and both tables are made from one list, so the two
 * views cannot disagree. The file is grown to a multiple of `align` by a hole at the end, not by a larger file system.
 * The disk signature comes from the seed and is the same in both tables, so PARTUUID is, too. There is no boot code.
 */

#define DISK_SECTOR    512u
#define DISK_BLOCK     4096u
#define DISK_PARTS_MAX 2
#define DISK_DAX_SIZE \
	(UINT64_C(2) << 20) /* dataoff of the nd_pfn block: start of the second view */
#define DISK_PART_START (UINT64_C(1) << 20) /* partition 1 in its view */
#define DISK_ALIGN_DEFAULT \
	(UINT64_C(128)     \
	 << 20) /* memory section size of x86_64: upstream's IMAGE_SIZE_ALIGNMENT_MB */
#define DISK_SEED_SIZE 32

struct disk_params {
	bool dax; /* write the DAX header */
	uint64_t
		align; /* image size is a multiple of it; 0: DISK_ALIGN_DEFAULT with dax, else 1 MiB */
	uint64_t part_sizes[DISK_PARTS_MAX]; /* bytes; [1] may be 0: no partition 2 */
	uint8_t seed[DISK_SEED_SIZE];	     /* the writer's: only its first bytes are used */
};

struct disk_extent {
	uint64_t offset, size; /* bytes in the file; multiples of DISK_BLOCK */
};

struct disk_layout {
	uint64_t image_size;
	unsigned n_parts;
	struct disk_extent parts[DISK_PARTS_MAX];
};

/* File offset of partition 1: where a writer puts the file system before its size is known. */
static inline uint64_t disk_data_offset(bool dax)
{
	return DISK_PART_START + (dax ? DISK_DAX_SIZE : 0);
}

/*
 * Computes the layout. -EINVAL: no size of partition 1, or an alignment that is no multiple of 4096 (with dax: of 2 MiB);
 * -EFBIG: a sector number that does not fit the 32 bits of an MBR.
 */
int disk_plan(const struct disk_params *p, struct disk_layout *ret, struct error *err);

/*
 * Writes tables and nd_pfn block into fd and sets the file's size; partition contents are not touched. Everything before
 * partition 1 that is not written here must already be zero (a new file).
 */
int disk_write(int fd, const struct disk_params *p, const struct disk_layout *l, struct error *err);

/* Reads the tables back: fills *ret as disk_plan() would have. -EINVAL with the reason when this is no such image. */
int disk_read(int fd, bool *ret_dax, struct disk_layout *ret, struct error *err);

#endif
