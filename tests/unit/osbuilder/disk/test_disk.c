/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/parse.h"
#include "codec/sha.h"
#include "disk/disk.h"
#include "disk/pfn.h"
#include "support/cmocka_all.h"
#include "writer/le.h"

#define MIB (UINT64_C(1) << 20)

/* The block that upstream's images carry. */
static void pfn_known_answer(void **state)
{
	uint8_t b[PFN_SIZE];
	char hex[SHA_HEX_MAX];

	pfn_block(b);
	assert_int_equal(le_get64(b + 4088), 0x685b032be3943830);
	assert_int_equal(sha_hex_of(SHA_KIND_256, b, sizeof(b), hex), 0);
	assert_string_equal(hex,
			    "b502df4b37a7b6ba1f3c93416b77768a9f6df41ce2ec7fe46804180ca2191553");
}

static void fletcher(void **state)
{
	static const uint8_t words[12] = { 1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };

	/* lo: 1, 3, 2 (modulo 2^32); hi: their sum. */
	assert_int_equal(pfn_fletcher64(words, 12), (UINT64_C(6) << 32) | 2);
	assert_int_equal(pfn_fletcher64(words, 0), 0);
}

static struct disk_params params(bool dax, uint64_t p1, uint64_t p2)
{
	struct disk_params p = { .dax = dax, .part_sizes = { p1, p2 } };

	memcpy(p.seed, "\x12\x34\x56\x78", 4);
	return p;
}

static int image(const struct disk_params *p, struct disk_layout *l)
{
	struct error err = ERROR_INIT;
	int fd = -1;

	assert_int_equal(disk_plan(p, l, &err), 0);
	assert_int_equal(fd_memfd("disk", &fd), 0);
	assert_int_equal(disk_write(fd, p, l, &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), l->image_size);
	return fd;
}

static void entry(int fd, uint64_t mbr, unsigned i, uint32_t start, uint32_t count)
{
	uint8_t b[512];

	assert_int_equal(fd_pread_full(fd, b, sizeof(b), (off_t)mbr), 0);
	assert_int_equal(le_get16(b + 510), 0xaa55);
	assert_int_equal(le_get32(b + 440), 0x78563412);
	assert_int_equal(b[446 + i * 16], 0);
	assert_int_equal(b[446 + i * 16 + 4], count ? 0x83 : 0);
	assert_int_equal(le_get32(b + 446 + i * 16 + 8), start);
	assert_int_equal(le_get32(b + 446 + i * 16 + 12), count);
}

static void same_layout(const struct disk_layout *a, const struct disk_layout *b)
{
	assert_int_equal(a->image_size, b->image_size);
	assert_int_equal(a->n_parts, b->n_parts);
	assert_memory_equal(a->parts, b->parts, sizeof(a->parts));
}

static void dax_layout(void **state)
{
	struct disk_params p = params(true, 250 * MIB, 3 * MIB);
	struct disk_layout l, back;
	struct error err = ERROR_INIT;
	uint8_t have[PFN_SIZE], want[PFN_SIZE];
	bool dax = false;
	int fd = image(&p, &l);

	assert_int_equal(l.image_size, 256 * MIB);
	/* The sectors that upstream's measured 256 MiB image has. */
	entry(fd, 0, 0, 6144, 512000);
	entry(fd, 0, 1, 518144, 6144);
	entry(fd, 0, 2, 0, 0);
	entry(fd, 2 * MIB, 0, 2048, 512000);
	entry(fd, 2 * MIB, 1, 514048, 6144);
	pfn_block(want);
	assert_int_equal(fd_pread_full(fd, have, sizeof(have), 4096), 0);
	assert_memory_equal(have, want, sizeof(want));
	assert_int_equal(disk_read(fd, &dax, &back, &err), 0);
	assert_true(dax);
	same_layout(&back, &l);
	fd_close(fd);
}

static void plain_layout(void **state)
{
	struct disk_params p = params(false, 5000, 0);
	struct disk_layout l, back;
	struct error err = ERROR_INIT;
	uint8_t b[512];
	bool dax = true;
	int fd = image(&p, &l);

	assert_int_equal(l.image_size, 2 * MIB);
	assert_int_equal(l.parts[0].offset, MIB);
	assert_int_equal(l.parts[0].size, 8192);
	entry(fd, 0, 0, 2048, 16);
	entry(fd, 0, 1, 0, 0);
	/* LBA 2048 of 255 heads and 63 sectors: cylinder 0, head 32, sector 33. */
	assert_int_equal(fd_pread_full(fd, b, sizeof(b), 0), 0);
	assert_memory_equal(b + 447, "\x20\x21\x00", 3);
	assert_int_equal(disk_read(fd, &dax, &back, &err), 0);
	assert_false(dax);
	same_layout(&back, &l);
	fd_close(fd);
}

/* Extents of a table as it stands in the file, without the code that is tested. */
static void raw_extent(int fd, uint64_t view, unsigned i, uint64_t *start, uint64_t *size)
{
	uint8_t b[512];

	assert_int_equal(fd_pread_full(fd, b, sizeof(b), (off_t)view), 0);
	*start = view + (uint64_t)le_get32(b + 446 + i * 16 + 8) * 512;
	*size = (uint64_t)le_get32(b + 446 + i * 16 + 12) * 512;
}

static void one_size(bool dax, uint64_t p1, uint64_t p2, uint64_t align)
{
	struct disk_params p = params(dax, p1, p2);
	struct disk_layout l, back;
	struct error err = ERROR_INIT;
	uint64_t at = dax ? 3 * MIB : MIB;
	struct stat st;
	bool is_dax;
	int fd;

	p.align = align;
	fd = image(&p, &l);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t want = ((i ? p2 : p1) + 4095) / 4096 * 4096;

		for (uint64_t view = 0; view <= (dax ? 2 * MIB : 0); view += 2 * MIB) {
			uint64_t start, size;

			raw_extent(fd, view, i, &start, &size);
			assert_int_equal(size, want);
			assert_int_equal(start, want ? at : view);
		}
		at += want;
	}
	/* Aligned by a hole, and by no more than is needed. */
	assert_int_equal(l.image_size % align, 0);
	assert_true(l.image_size >= at && l.image_size - at < align);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks <= 4 * 8);
	assert_int_equal(disk_read(fd, &is_dax, &back, &err), 0);
	assert_int_equal(is_dax, dax);
	same_layout(&back, &l);
	fd_close(fd);
}

/* Both views describe the same bytes at any size, also where upstream's percentages disagree (101, 102, 201, 202 MiB and others). */
static void views_agree(void **state)
{
	static const uint64_t odd[] = { 0, 512, 4096, 1000000, MIB - 4096 };

	for (uint64_t mib = 1; mib < 320; mib++) {
		uint64_t size = mib * MIB + odd[mib % ARRAY_SIZE(odd)];
		uint64_t tree = size / 128 + 8192;

		one_size(true, size, tree, 2 * MIB);
		one_size(true, size, 0, 128 * MIB);
		one_size(true, size, tree, 128 * MIB);
		one_size(false, size, tree, MIB);
		one_size(false, size, 0, 2 * MIB);
		one_size(false, size, tree, 128 * MIB);
	}
	for (uint64_t mib = 101; mib <= 202; mib += mib == 102 ? 99 : 1)
		for (uint64_t off = 0; off < 5; off++)
			one_size(true, mib * MIB + off * 4096, MIB + 4096, 2 * MIB);
}

static void plan_refused(struct disk_params p, int code, const char *text)
{
	struct disk_layout l;
	struct error err = ERROR_INIT;

	assert_int_equal(disk_plan(&p, &l, &err), code);
	assert_non_null(strstr(err.msg, text));
}

static void read_refused(int fd, const char *text)
{
	struct disk_layout l;
	struct error err = ERROR_INIT;
	bool dax;

	assert_int_equal(disk_read(fd, &dax, &l, &err), -EINVAL);
	if (!strstr(err.msg, text))
		fail_msg("\"%s\" lacks \"%s\"", err.msg, text);
}

static void refusals(void **state)
{
	struct disk_params p = params(true, 8 * MIB, 0);
	struct disk_layout l;
	int fd;

	plan_refused(params(true, 0, 4096), -EINVAL, "partition 1 is empty");
	plan_refused(params(false, UINT64_C(3) << 40, 0), -EFBIG, "2 TiB");
	plan_refused(params(false, UINT64_MAX, 0), -EFBIG, "2 TiB");
	plan_refused(params(false, MIB, UINT64_C(2) << 40), -EFBIG, "partition 2");
	p.align = 3 * MIB;
	plan_refused(p, -EINVAL, "no multiple of 2097152");
	p.align = 0;

	fd = image(&p, &l);
	assert_int_equal(ftruncate(fd, 5 * MIB), 0);
	read_refused(fd, "truncated image");
	fd_close(fd);
	fd = image(&p, &l);
	assert_int_equal(fd_pwrite_full(fd, "x", 1, 5000), 0);
	read_refused(fd, "nd_pfn block at byte 4096");
	fd_close(fd);
	fd = image(&p, &l);
	assert_int_equal(fd_pwrite_full(fd, "\x01", 1, 2 * MIB + 446 + 12), 0);
	read_refused(fd, "different extents");
	fd_close(fd);
	fd = image(&p, &l);
	assert_int_equal(fd_pwrite_full(fd, "x", 1, 511), 0);
	read_refused(fd, "no partition table at byte 0");
	assert_int_equal(fd_pwrite_full(fd, "\xaa", 1, 511), 0);
	assert_int_equal(fd_pwrite_full(fd, "\0", 1, 446 + 4), 0);
	read_refused(fd, "the partition table at byte 0 is empty");
	fd_close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pfn_known_answer), cmocka_unit_test(fletcher),
		cmocka_unit_test(dax_layout),	    cmocka_unit_test(plain_layout),
		cmocka_unit_test(views_agree),	    cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
