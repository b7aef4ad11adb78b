/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "writer/le.h"

/*
 * ext4: struct ext4_super_block at byte 1024 (fs/ext4/ext4.h): s_blocks_count_lo at 4, s_log_block_size at 24, s_magic at 56,
 * s_feature_incompat at 96, s_blocks_count_hi at 336. erofs: struct erofs_super_block at 1024 (fs/erofs/erofs_fs.h): magic at 0,
 * blkszbits at 12, blocks at 36. xfs: magic "XFSB" at 0, sb_blocksize at 4 and sb_dblocks at 8, big endian.
 */
#define SB_OFFSET	 1024
#define EXT4_MAGIC	 0xef53u
#define EXT4_INCOMPAT_64 0x80u
#define EROFS_MAGIC	 0xe0f5e1e2u
#define FS_HEAD		 2048

static void put_name(char out[16], const char *name)
{
	snprintf(out, 16, "%s", name);
}

/* Name and bytes of the file system that starts with `head`; 0 bytes when unknown. */
static uint64_t identify_fs(const uint8_t *head, char name[16])
{
	const uint8_t *sb = head + SB_OFFSET;
	uint64_t blocks;

	if (le_get16(sb + 56) == EXT4_MAGIC && le_get32(sb + 24) <= 6) {
		blocks = le_get32(sb + 4);
		if (le_get32(sb + 96) & EXT4_INCOMPAT_64)
			blocks |= (uint64_t)le_get32(sb + 336) << 32;
		put_name(name, "ext4");
		return blocks << (10 + le_get32(sb + 24));
	}
	if (le_get32(sb) == EROFS_MAGIC && sb[12] >= 9 && sb[12] <= 16) {
		put_name(name, "erofs");
		return (uint64_t)le_get32(sb + 36) << sb[12];
	}
	if (memcmp(head, "XFSB", 4) == 0) {
		uint64_t n = 0;

		for (int i = 0; i < 8; i++)
			n = n << 8 | head[8 + i];
		put_name(name, "xfs");
		return n * ((uint64_t)head[4] << 24 | (uint64_t)head[5] << 16 |
			    (uint64_t)head[6] << 8 | head[7]);
	}
	return 0;
}

static int truncated(const char *what, uint64_t needs, uint64_t has, struct error *err)
{
	return error_set(err, -EINVAL, "is truncated: %s %llu bytes, the file has %llu", what,
			 (unsigned long long)needs, (unsigned long long)has);
}

static int check_manifest(const struct image_check_params *p, int fd, struct image_info *info,
			  struct error *err)
{
	_cleanup_manifest_ struct manifest m = { 0 };
	struct error e = ERROR_INIT;
	int r = manifest_load(p->path, &m, &e);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_set(err, r, "%s", error_text(&e));
	info->has_manifest = true;
	info->dax = m.dax;
	info->n_parts = m.n_parts;
	memcpy(info->parts, m.parts, sizeof(info->parts));
	info->measured = m.measured;
	info->verity = m.verity;
	info->agent_is_init = m.agent_is_init;
	snprintf(info->arch, sizeof(info->arch), "%s", m.arch);
	snprintf(info->agent_version, sizeof(info->agent_version), "%s",
		 m.agent_version ? m.agent_version : "");
	snprintf(info->agent_protocol, sizeof(info->agent_protocol), "%s",
		 m.agent_protocol ? m.agent_protocol : "");
	if (m.is_initrd != p->is_initrd)
		return error_set(err, -EINVAL, "is an %s, not an %s",
				 m.is_initrd ? "initrd" : "image",
				 p->is_initrd ? "initrd" : "image");
	if (p->arch && !str_eq(m.arch, p->arch))
		return error_set(err, -ENOEXEC, "is for %s, the guest is %s", m.arch, p->arch);
	if (info->size < m.size)
		return truncated("its manifest says", m.size, info->size, err);
	if (info->size > m.size)
		return error_set(err, -EINVAL, "has %llu bytes, its manifest says %llu",
				 (unsigned long long)info->size, (unsigned long long)m.size);
	if (!p->verify_sha512)
		return 0;
	r = manifest_hash_fits(&m, fd, NULL, err);
	if (r < 0)
		return r;
	if (!r)
		return error_set(err, -EINVAL, "its SHA-512 is not the one of its manifest");
	return 0;
}

static int check_disk(const struct image_check_params *p, int fd, struct image_info *info,
		      struct error *err)
{
	uint8_t head[FS_HEAD];
	struct disk_layout l;
	uint64_t fs_size;
	bool dax = false;
	int r = disk_read(fd, &dax, &l, err);

	if (r < 0)
		return r;
	if (info->has_manifest && (dax != info->dax || l.n_parts != info->n_parts ||
				   memcmp(l.parts, info->parts, sizeof(l.parts)) != 0))
		return error_set(err, -EINVAL,
				 "its DAX header or partitions are not those of its manifest");
	if (info->measured && verity_seal_fits(&info->verity, l.parts, l.n_parts, err) < 0)
		return -EINVAL;
	info->dax = dax;
	info->n_parts = l.n_parts;
	memcpy(info->parts, l.parts, sizeof(info->parts));
	if (p->any_content)
		return 0;
	r = fd_pread_full(fd, head, sizeof(head), (off_t)l.parts[0].offset);
	if (r < 0)
		return error_sys(err, r, "cannot read partition 1");
	fs_size = identify_fs(head, info->filesystem);
	if (!fs_size)
		return error_set(err, -EINVAL, "has no ext4, erofs or xfs in partition 1");
	if (fs_size > l.parts[0].size)
		return error_set(err, -EINVAL,
				 "its %s is larger (%llu bytes) than its partition (%llu bytes)",
				 info->filesystem, (unsigned long long)fs_size,
				 (unsigned long long)l.parts[0].size);
	return 0;
}

#define INITRD_HEAD 8
/* A cpio archive (newc magic) or a compressed one: what Documentation/driver-api/early-userspace names. */
static bool is_initrd_head(const char head[INITRD_HEAD])
{
	static const struct {
		const char *bytes;
		size_t len;
	} magics[] = { { "\x1f\x8b", 2 },	  { "070701", 6 },   { "070702", 6 },
		       { "\xfd\x37zXZ", 5 },	  { "BZh", 3 },	     { "\x28\xb5\x2f\xfd", 4 },
		       { "\x02\x21\x4c\x18", 4 }, { "\x5d\0\0", 3 }, { "\x89LZO", 4 } };

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (memcmp(head, magics[i].bytes, magics[i].len) == 0)
			return true;
	return false;
}

static int check_initrd(int fd, struct image_info *info, struct error *err)
{
	char head[INITRD_HEAD] = "";

	if (info->size < sizeof(head) || fd_pread_full(fd, head, sizeof(head), 0) < 0)
		return error_set(err, -EINVAL, "is too short for an initrd");
	put_name(info->filesystem, "cpio");
	if (is_initrd_head(head))
		return 0;
	return error_set(err, -EINVAL, "is neither a cpio archive nor a compressed one");
}

int image_is_initrd(const char *path, bool *ret, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char head[INITRD_HEAD] = "";

	if (fd < 0)
		return error_sys(err, -errno, "'%s'", path);
	*ret = fd_pread_full(fd, head, sizeof(head), 0) == 0 && is_initrd_head(head);
	return 0;
}

int image_check(const struct image_check_params *p, struct image_info *ret, struct error *err)
{
	const char *what = p->is_initrd ? "initrd" : "image";
	struct image_info info = { .is_initrd = p->is_initrd };
	_cleanup_fd_ int fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "%s '%s'", what, p->path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s '%s': is not a regular file", what, p->path);
	info.size = (uint64_t)st.st_size;
	if (!info.size)
		return error_set(err, -EINVAL, "%s '%s': is empty", what, p->path);
	r = check_manifest(p, fd, &info, err);
	if (r == 0)
		r = p->is_initrd ? check_initrd(fd, &info, err) : check_disk(p, fd, &info, err);
	if (r < 0)
		return error_prefix(err, "%s '%s'", what, p->path);
	*ret = info;
	return 0;
}
