/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/volume.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"

#define SECTOR	      512 /* of /sys/dev/block/M:N/size, whatever the device's own is */
#define LOOK_USEC     20000
#define MOUNTINFO_MAX (16u << 20)
#define XFS_MAGIC     0x58465342 /* fs/xfs/libxfs/xfs_format.h: "XFSB" */

/* fs/ext4/ext4.h: new number of blocks. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

/* fs/xfs/libxfs/xfs_fs.h: xfs_growfs_data and xfs_fsop_geom_v1. */
struct xfs_growfs {
	uint64_t newblocks;
	uint32_t imaxpct;
	uint32_t pad;
};
struct xfs_geometry {
	uint32_t blocksize, rtextsize, agblocks, agcount, logblocks, sectsize, inodesize, imaxpct;
	uint64_t datablocks, rtblocks, rtextents, logstart;
	unsigned char uuid[16];
	uint32_t sunit, swidth;
	int32_t version;
	uint32_t flags, logsectsize, rtsectsize, dirblocksize, pad;
};
#define XFS_IOC_FSGEOMETRY_V1 _IOR('X', 100, struct xfs_geometry)
#define XFS_IOC_FSGROWFSDATA  _IOW('X', 110, struct xfs_growfs)

int volume_stats(const char *path, struct volume_stats *ret, struct error *err)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return error_sys(err, -errno, "volume \"%s\"", path);
	ret->total = st.f_blocks * st.f_frsize;
	ret->used = (st.f_blocks - st.f_bfree) * st.f_frsize;
	ret->available = st.f_bavail * st.f_frsize;
	ret->inodes = st.f_files;
	ret->inodes_used = st.f_files - st.f_ffree;
	ret->inodes_available = st.f_favail;
	return 0;
}

/* ---- growing -------------------------------------------------------------------------------------------------------- */

static int device_size(dev_t dev, uint64_t *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[64];
	uint64_t sectors;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/size", major(dev), minor(dev));
	if (file_read(AT_FDCWD, path, 64, &text, err) < 0)
		return err->code;
	strbuf_trim_end(&text);
	if (parse_u64(text.buf, 10, &sectors) < 0 || sectors > UINT64_MAX / SECTOR)
		return error_set(err, -EIO, "%s: \"%s\"", path, text.buf);
	*ret = sectors * SECTOR;
	return 0;
}

/* The news that the device has grown may still be on its way. */
static int wait_for_size(dev_t dev, uint64_t want, uint64_t wait_usec, uint64_t *ret,
			 struct error *err)
{
	uint64_t end = time_mono_usec() + wait_usec;

	for (;;) {
		int r = device_size(dev, ret, err);

		if (r < 0 || *ret >= want)
			return r;
		if (time_mono_usec() >= end)
			return error_set(err, -ENOSPC,
					 "the device has %" PRIu64 " bytes, less than %" PRIu64,
					 *ret, want);
		usleep(LOOK_USEC);
	}
}

static int refuse_shrink(uint64_t have, uint64_t want, struct error *err)
{
	return error_set(err, -EINVAL,
			 "the file system has %" PRIu64 " bytes and cannot shrink to %" PRIu64,
			 have, want);
}

/* f_blocks leaves out what ext4 keeps for itself, so only the kernel knows whether it would shrink. */
static int grow_ext4(int fd, uint64_t size, const struct statfs *st, struct error *err)
{
	uint64_t blocks = size / (uint64_t)st->f_bsize;

	if (ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks) == 0)
		return 0;
	if (errno == EINVAL)
		return refuse_shrink(st->f_blocks * (uint64_t)st->f_bsize, size, err);
	return error_sys(err, -errno, "cannot grow ext4");
}

static int grow_xfs(int fd, uint64_t size, struct error *err)
{
	struct xfs_geometry geo = { 0 };
	struct xfs_growfs grow = { 0 };

	if (ioctl(fd, XFS_IOC_FSGEOMETRY_V1, &geo) < 0)
		return error_sys(err, -errno, "cannot read the geometry of xfs");
	grow.newblocks = size / geo.blocksize;
	grow.imaxpct = geo.imaxpct;
	if (grow.newblocks == geo.datablocks)
		return 0;
	if (grow.newblocks < geo.datablocks)
		return refuse_shrink(geo.datablocks * geo.blocksize, size, err);
	if (ioctl(fd, XFS_IOC_FSGROWFSDATA, &grow) < 0)
		return error_sys(err, -errno, "cannot grow xfs");
	return 0;
}

/* It checks the device itself, of which it may have several: this grows the first. */
static int grow_btrfs(int fd, uint64_t size, const struct statfs *st, struct error *err)
{
	struct btrfs_ioctl_vol_args args = { 0 };
	uint64_t have = st->f_blocks * (uint64_t)st->f_bsize;

	if (size && size < have)
		return refuse_shrink(have, size, err);
	if (size)
		snprintf(args.name, sizeof(args.name), "%" PRIu64, size);
	else
		memcpy(args.name, "max", 4);
	if (ioctl(fd, BTRFS_IOC_RESIZE, &args) < 0)
		return error_sys(err, -errno, "cannot grow btrfs");
	return 0;
}

int volume_resize(const char *path, uint64_t size, uint64_t wait_usec, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t have = 0;
	struct statfs fs;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return error_sys(err, -errno, "volume \"%s\"", path);
	if (fs.f_type == BTRFS_SUPER_MAGIC) {
		r = grow_btrfs(fd, size, &fs, err);
	} else if (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_MAGIC) {
		r = wait_for_size(st.st_dev, size, wait_usec, &have, err);
		if (r == 0 && fs.f_type == EXT4_SUPER_MAGIC)
			r = grow_ext4(fd, size ? size : have, &fs, err);
		else if (r == 0)
			r = grow_xfs(fd, size ? size : have, err);
	} else {
		r = error_set(err, -EOPNOTSUPP, "a file system of type 0x%lx cannot grow",
			      (unsigned long)fs.f_type);
	}
	return r < 0 ? error_prefix(err, "volume \"%s\"", path) : 0;
}

/* ---- stale shares --------------------------------------------------------------------------------------------------- */

/* Octal escapes of /proc/self/mountinfo (seq_path_root: space, tab, newline, backslash), in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 /root /mount/point rw,noatime master:1 - virtiofs tag rw": the mount point if it is one of ours. */
static char *virtiofs_mount_point(char *line, const char *dir)
{
	const char *type = strstr(line, " - virtiofs ");
	char *p = line, *rest;

	for (int i = 0; p && i < 4; i++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	rest = p ? strchr(p, ' ') : NULL;
	if (!type || !rest)
		return NULL;
	*rest = '\0';
	unescape(p);
	rest = (char *)str_after(p, dir);
	return rest && (!*rest || *rest == '/') ? p : NULL;
}

int volume_drop_stale(const char *dir, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char *save = NULL;
	struct stat st;

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
		return err->code;
	for (char *line = strtok_r(text.buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *path = virtiofs_mount_point(line, dir);

		if (path && stat(path, &st) < 0 && (errno == ESTALE || errno == ENOTCONN))
			umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	return 0;
}
