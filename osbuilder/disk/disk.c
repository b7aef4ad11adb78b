/* SPDX-License-Identifier: Apache-2.0 */
#include "disk/disk.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "disk/pfn.h"
#include "writer/le.h"

/* The classic partition table: 4 entries of 16 bytes at 446, signature at 440, 55 aa at the end. */
#define MBR_SIGNATURE	  440
#define MBR_ENTRY	  446
#define MBR_ENTRY_SIZE	  16
#define MBR_MAGIC	  510
#define MBR_TYPE_LINUX	  0x83
#define MBR_CHS_HEADS	  255u
#define MBR_CHS_SECTORS	  63u
#define MBR_CHS_CYLINDERS 1024u

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) / to * to;
}

int disk_plan(const struct disk_params *p, struct disk_layout *ret, struct error *err)
{
	uint64_t align = p->align ? p->align : p->dax ? DISK_ALIGN_DEFAULT : DISK_PART_START;
	uint64_t unit = p->dax ? DISK_DAX_SIZE : DISK_BLOCK;
	struct disk_layout l = { 0 };
	uint64_t at = disk_data_offset(p->dax);

	if (align % unit)
		return error_set(err, -EINVAL,
				 "image alignment of %llu bytes is no multiple of %llu",
				 (unsigned long long)align, (unsigned long long)unit);
	if (!p->part_sizes[0])
		return error_set(err, -EINVAL, "partition 1 is empty");
	for (unsigned i = 0; i < DISK_PARTS_MAX && p->part_sizes[i]; i++) {
		uint64_t size = p->part_sizes[i];

		if (size > (uint64_t)UINT32_MAX * DISK_SECTOR - at - DISK_BLOCK)
			return error_set(err, -EFBIG,
					 "partition %u of %llu bytes ends beyond the 2 TiB that an "
					 "MBR can describe",
					 i + 1, (unsigned long long)size);
		l.parts[i].offset = at;
		l.parts[i].size = round_up(size, DISK_BLOCK);
		at += l.parts[i].size;
		l.n_parts++;
	}
	l.image_size = round_up(at, align);
	*ret = l;
	return 0;
}

/* Cylinder, head, sector for the 255/63 geometry; what is beyond it gets the last address, as every tool does. */
static void mbr_chs(uint8_t out[3], uint64_t lba)
{
	uint64_t c = lba / (MBR_CHS_HEADS * MBR_CHS_SECTORS);
	unsigned h = (unsigned)(lba / MBR_CHS_SECTORS % MBR_CHS_HEADS);
	unsigned s = (unsigned)(lba % MBR_CHS_SECTORS) + 1;

	if (c >= MBR_CHS_CYLINDERS) {
		c = MBR_CHS_CYLINDERS - 1;
		h = MBR_CHS_HEADS - 1;
		s = MBR_CHS_SECTORS;
	}
	out[0] = (uint8_t)h;
	out[1] = (uint8_t)(s | (c >> 2 & 0xc0));
	out[2] = (uint8_t)c;
}

/* The table of the view that starts at file offset `base`. */
static void mbr_make(uint8_t b[DISK_SECTOR], const struct disk_layout *l, uint64_t base,
		     uint32_t signature)
{
	memset(b, 0, DISK_SECTOR);
	le_put32(b + MBR_SIGNATURE, signature);
	for (unsigned i = 0; i < l->n_parts; i++) {
		uint8_t *e = b + MBR_ENTRY + (size_t)i * MBR_ENTRY_SIZE;
		uint64_t start = (l->parts[i].offset - base) / DISK_SECTOR;
		uint64_t count = l->parts[i].size / DISK_SECTOR;

		mbr_chs(e + 1, start);
		e[4] = MBR_TYPE_LINUX;
		mbr_chs(e + 5, start + count - 1);
		le_put32(e + 8, (uint32_t)start);
		le_put32(e + 12, (uint32_t)count);
	}
	b[MBR_MAGIC] = 0x55;
	b[MBR_MAGIC + 1] = 0xaa;
}

int disk_write(int fd, const struct disk_params *p, const struct disk_layout *l, struct error *err)
{
	uint8_t block[PFN_SIZE];
	/* 0 means "no signature" to partitioning tools. */
	uint32_t signature = le_get32(p->seed) ? le_get32(p->seed) : 1;
	int r;

	if (ftruncate(fd, (off_t)l->image_size) < 0)
		return error_sys(err, -errno, "set image size to %llu",
				 (unsigned long long)l->image_size);
	mbr_make(block, l, 0, signature);
	r = fd_pwrite_full(fd, block, DISK_SECTOR, 0);
	if (r == 0 && p->dax) {
		mbr_make(block, l, DISK_DAX_SIZE, signature);
		r = fd_pwrite_full(fd, block, DISK_SECTOR, DISK_DAX_SIZE);
	}
	if (r == 0 && p->dax) {
		pfn_block(block);
		r = fd_pwrite_full(fd, block, PFN_SIZE, PFN_OFFSET);
	}
	return r < 0 ? error_sys(err, r, "write partition table") : 0;
}

static int mbr_read(int fd, uint64_t base, uint64_t file_size, struct disk_layout *l,
		    struct error *err)
{
	uint8_t b[DISK_SECTOR];
	int r = fd_pread_full(fd, b, sizeof(b), (off_t)base);

	if (r < 0)
		return error_sys(err, r, "read partition table at byte %llu",
				 (unsigned long long)base);
	if (b[MBR_MAGIC] != 0x55 || b[MBR_MAGIC + 1] != 0xaa)
		return error_set(err, -EINVAL, "no partition table at byte %llu",
				 (unsigned long long)base);
	l->n_parts = 0;
	for (unsigned i = 0; i < DISK_PARTS_MAX; i++) {
		const uint8_t *e = b + MBR_ENTRY + (size_t)i * MBR_ENTRY_SIZE;
		struct disk_extent *x = &l->parts[i];
		uint64_t end;

		if (!e[4])
			break;
		x->offset = base + (uint64_t)le_get32(e + 8) * DISK_SECTOR;
		x->size = (uint64_t)le_get32(e + 12) * DISK_SECTOR;
		end = x->offset + x->size;
		if (end > file_size)
			return error_set(err, -EINVAL,
					 "partition %u ends at byte %llu, beyond the file's %llu: "
					 "truncated image",
					 i + 1, (unsigned long long)end,
					 (unsigned long long)file_size);
		l->n_parts++;
	}
	if (!l->n_parts)
		return error_set(err, -EINVAL, "the partition table at byte %llu is empty",
				 (unsigned long long)base);
	return 0;
}

int disk_read(int fd, bool *ret_dax, struct disk_layout *ret, struct error *err)
{
	struct disk_layout l = { 0 }, inner = { 0 };
	uint8_t want[PFN_SIZE], have[PFN_SIZE];
	struct stat st;
	bool dax = false;
	int r;

	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "stat image");
	l.image_size = (uint64_t)st.st_size;
	r = mbr_read(fd, 0, l.image_size, &l, err);
	if (r < 0)
		return r;
	if (l.image_size >= DISK_DAX_SIZE) {
		r = fd_pread_full(fd, have, sizeof(have), PFN_OFFSET);
		if (r < 0)
			return error_sys(err, r, "read nd_pfn block");
		dax = memcmp(have, "NVDIMM_PFN_INFO", 16) == 0;
	}
	if (dax) {
		pfn_block(want);
		if (memcmp(have, want, sizeof(have)) != 0)
			return error_set(err, -EINVAL,
					 "the nd_pfn block at byte 4096 is not the one of a guest "
					 "image");
		r = mbr_read(fd, DISK_DAX_SIZE, l.image_size, &inner, err);
		if (r < 0)
			return r;
		if (inner.n_parts != l.n_parts ||
		    memcmp(inner.parts, l.parts, sizeof(l.parts)) != 0)
			return error_set(err, -EINVAL,
					 "the two partition tables describe different extents");
	}
	*ret_dax = dax;
	*ret = l;
	return 0;
}
