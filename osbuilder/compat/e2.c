/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/e2.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include "base/alloc.h"
#include "base/fd.h"

#define E2_DESC_SIZE 64u
/* libext2fs drops a last group that has fewer blocks than its own tables and this many (initialize.c). */
#define E2_LAST_GROUP_MIN 50u

struct e2 {
	ext2_filsys fs;
};

static int e2_error(struct error *err, errcode_t e, const char *what)
{
	/* Codes below 256 are errno values; the rest are libext2fs's own. */
	int code = e > 0 && e < 256 ? -(int)e : -EIO;

	return error_set(err, code, "%s: %s", what, error_message(e));
}

static bool has_super(uint64_t group)
{
	static const unsigned powers[] = { 3, 5, 7 };

	if (group <= 1)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(powers); i++) {
		uint64_t n = powers[i];

		while (n < group)
			n *= powers[i];
		if (n == group)
			return true;
	}
	return false;
}

static uint64_t div_up(uint64_t v, uint64_t by)
{
	return (v + by - 1) / by;
}

void e2_plan(uint64_t data, uint32_t inodes, struct e2_geometry *ret)
{
	const uint64_t by_inodes = div_up(inodes, E2_GROUP_BLOCKS);
	uint64_t total = data + 8;

	for (;;) {
		uint64_t size = E2_GROUP_BLOCKS;

		/* A multiple of 8, as bitmaps are bytes. */
		if (by_inodes > div_up(total, size))
			size = div_up(div_up(total, by_inodes), 8) * 8;

		uint64_t groups = div_up(total, size), per_group = div_up(inodes, groups);
		uint64_t table = div_up(per_group, E2_INODES_PER_BLOCK);
		uint64_t desc = div_up(groups * E2_DESC_SIZE, E2_BLOCK), own = 2 + table;
		uint64_t last = own + (has_super(groups - 1) ? 1 + desc : 0);
		uint64_t need = data + groups * own, rem = total % size;

		for (uint64_t g = 0; g < groups; g++)
			need += has_super(g) ? 1 + desc : 0;
		if (need > total) {
			total = need;
		} else if (per_group > E2_GROUP_BLOCKS || size < own + 1 + desc) {
			total += 8 * groups;
		} else if (rem && rem < last + E2_LAST_GROUP_MIN) {
			total += last + E2_LAST_GROUP_MIN - rem;
		} else {
			*ret = (struct e2_geometry){ total, (uint32_t)size, (uint32_t)groups };
			return;
		}
	}
}

/*
 * Groups whose tables lie together at the front, so that contents are contiguous but for the backup superblocks: all of them. Just as
 * many as there are, because libext2fs leaves gaps for the rest. Small groups are full of inodes and keep their tables.
 */
static unsigned log_groups_per_flex(const struct e2_geometry *g)
{
	unsigned log = 1;

	if (g->group_blocks < E2_GROUP_BLOCKS)
		return 0;
	while (log < 8 && 1u << log < g->groups)
		log++;
	return log;
}

static void fill_super(struct ext2_super_block *s, const struct e2_params *p)
{
	memset(s, 0, sizeof(*s));
	ext2fs_blocks_count_set(s, p->geometry.blocks);
	s->s_blocks_per_group = p->geometry.group_blocks;
	s->s_inodes_count = p->inodes;
	s->s_rev_level = EXT2_DYNAMIC_REV;
	s->s_inode_size = E2_INODE_SIZE;
	s->s_log_block_size = 2;
	s->s_log_cluster_size = 2;
	s->s_desc_size = E2_DESC_SIZE;
	s->s_log_groups_per_flex = (uint8_t)log_groups_per_flex(&p->geometry);
	s->s_min_extra_isize = s->s_want_extra_isize = 32;
	s->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	s->s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
	s->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
				EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_64BIT;
	s->s_feature_ro_compat =
		EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
		EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
}

/* Values that ext2fs_initialize() takes from the clock, the environment or nowhere. */
static void fix_super(ext2_filsys fs, const struct e2_params *p)
{
	struct ext2_super_block *s = fs->super;
	int64_t t = p->time < 1 ? 1 : p->time;

	fs->now = (time_t)t;
	s->s_mkfs_time = s->s_lastcheck = s->s_wtime = (uint32_t)t;
	s->s_mkfs_time_hi = s->s_lastcheck_hi = s->s_wtime_hi = (uint8_t)(t >> 32);
	s->s_max_mnt_count = -1;
	s->s_checkinterval = 0;
	s->s_checksum_type = EXT2_CRC32C_CHKSUM;
	s->s_def_hash_version = EXT2_HASH_HALF_MD4;
	s->s_flags = (s->s_flags & ~(uint32_t)EXT2_FLAGS_UNSIGNED_HASH) | EXT2_FLAGS_SIGNED_HASH;
	if (p->label)
		memcpy(s->s_volume_name, p->label, strnlen(p->label, sizeof(s->s_volume_name)));
}

int e2_create(int fd, uint64_t offset, const struct e2_params *p, struct e2 **ret,
	      struct error *err)
{
	_cleanup_(e2_freep) struct e2 *e = new0(struct e2);
	_cleanup_fd_ int own = -1;
	struct ext2_super_block s;
	char name[16], option[40];
	errcode_t rc;

	if (!e)
		return error_oom(err);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return error_sys(err, -errno, "duplicate the image's descriptor");
	fill_super(&s, p);
	snprintf(name, sizeof(name), "%d",
		 fd_steal(&own)); /* the io channel closes it, on errors too */
	rc = ext2fs_initialize(name, EXT2_FLAG_64BITS | EXT2_FLAG_RW, &s, unixfd_io_manager,
			       &e->fs);
	if (rc)
		return e2_error(err, rc, "set up ext4");
	snprintf(option, sizeof(option), "offset=%llu", (unsigned long long)offset);
	rc = io_channel_set_options(e->fs->io, option);
	if (rc)
		return e2_error(err, rc, "set the offset of ext4 in the image");
	fix_super(e->fs, p);
	rc = ext2fs_allocate_tables(e->fs);
	if (rc)
		return e2_error(err, rc, "place ext4's tables");
	for (uint32_t i = 1; i < E2_FIRST_INODE; i++)
		ext2fs_inode_alloc_stats2(e->fs, i, +1, i == E2_ROOT_INODE);
	*ret = steal_ptr(e);
	return 0;
}

void e2_free(struct e2 *e)
{
	if (!e)
		return;
	if (e->fs)
		ext2fs_free(e->fs);
	free(e);
}

uint64_t e2_blocks(const struct e2 *e)
{
	return ext2fs_blocks_count(e->fs->super);
}

uint64_t e2_free_blocks(const struct e2 *e)
{
	return ext2fs_free_blocks_count(e->fs->super);
}

bool e2_next_free(struct e2 *e, uint64_t from, uint64_t *start, uint64_t *end)
{
	blk64_t last = e2_blocks(e) - 1, first, stop;

	if (from > last ||
	    ext2fs_find_first_zero_block_bitmap2(e->fs->block_map, from, last, &first))
		return false;
	if (ext2fs_find_first_set_block_bitmap2(e->fs->block_map, first, last, &stop))
		stop = last + 1;
	*start = first;
	*end = stop;
	return true;
}

void e2_use_blocks(struct e2 *e, uint64_t start, uint64_t n)
{
	/* blk_t is 32 bits wide; a run of 2^31 blocks is 8 TiB, more than a writer ever asks for at once. */
	ext2fs_block_alloc_stats_range(e->fs, start, (blk_t)n, +1);
}

void e2_use_inode(struct e2 *e, uint32_t ino, bool is_dir)
{
	ext2fs_inode_alloc_stats2(e->fs, ino, +1, is_dir);
}

uint32_t e2_groups(const struct e2 *e)
{
	return e->fs->group_desc_count;
}

uint32_t e2_inodes_per_group(const struct e2 *e)
{
	return e->fs->super->s_inodes_per_group;
}

uint64_t e2_inode_table(const struct e2 *e, uint32_t group)
{
	return ext2fs_inode_table_loc(e->fs, group);
}

/* Four little-endian words on disk. */
static void seed_words(const uint8_t hash_seed[16], __u32 words[4])
{
	for (size_t i = 0; i < 4; i++) {
		memcpy(&words[i], hash_seed + 4 * i, 4);
		words[i] = le32toh(words[i]);
	}
}

uint32_t e2_name_hash(const uint8_t hash_seed[16], const char *name, size_t len)
{
	ext2_dirhash_t hash = 0, minor;
	__u32 words[4];

	seed_words(hash_seed, words);
	/* Fails only for a version that it does not know. */
	ext2fs_dirhash2(EXT2_HASH_HALF_MD4, name, (int)len, NULL, 0, words, &hash, &minor);
	return hash;
}

void e2_identify(struct e2 *e, const uint8_t uuid[16], const uint8_t hash_seed[16])
{
	memcpy(e->fs->super->s_uuid, uuid, 16);
	seed_words(hash_seed, e->fs->super->s_hash_seed);
	ext2fs_init_csum_seed(e->fs);
}

int e2_finish(struct e2 **pe, struct error *err)
{
	struct e2 *e = *pe;
	errcode_t rc;

	for (uint32_t g = 0; g < e->fs->group_desc_count; g++)
		ext2fs_bg_flags_set(e->fs, g, EXT2_BG_INODE_ZEROED);
	ext2fs_mark_super_dirty(e->fs);
	ext2fs_mark_ib_dirty(e->fs);
	ext2fs_mark_bb_dirty(e->fs);
	rc = ext2fs_set_gdt_csum(e->fs);
	if (!rc)
		rc = ext2fs_close2(e->fs, EXT2_FLAG_FLUSH_NO_SYNC);
	if (rc)
		return e2_error(err, rc, "write ext4's superblock and bitmaps");
	free(steal_ptr(*pe)); /* ext2fs_close2() has freed e->fs */
	return 0;
}
