/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/selfcheck.h"

/* File systems, over the images of the initrd (/images, which the test makes) and over devices of the machine. */

#define EROFS_TEXT "compressed erofs " /* what /images/erofs.img has in /text, many times */
#define EROFS_SIZE (64 << 10)

/* u::rwx,g::r-x,o::r-x: version 2, then tag, permissions and no id (Linux, include/uapi/linux/posix_acl_xattr.h) */
static int set_acl(const char *path, struct error *err)
{
	const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[3];
	} acl = { htole32(2),
		  { { htole16(0x01), htole16(7), htole32(UINT32_MAX) },
		    { htole16(0x04), htole16(5), htole32(UINT32_MAX) },
		    { htole16(0x20), htole16(5), htole32(UINT32_MAX) } } };

	return setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) < 0
		       ? error_sys(err, -errno, "POSIX ACL of %s", path)
		       : 0;
}

static int make_text(const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? error_sys(err, -errno, "%s", path) : 0;
}

/* A file system that can be written: a file, its ACL, its security attribute, a second name; then unmounted. */
static int use_writable(const char *dir, bool with_security, struct error *err)
{
	char a[128], b[128];
	int r;

	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	r = make_text(a, "text", err);
	if (r == 0)
		r = set_acl(a, err);
	if (r == 0 && with_security && setxattr(a, "security.check", "1", 1, 0) < 0)
		r = error_sys(err, -errno, "security attribute of %s", a);
	if (r == 0 && rename(a, b) < 0)
		r = error_sys(err, -errno, "renaming %s", a);
	if (r == 0)
		r = check_text(b, "text", err);
	if (r == 0 && umount(dir) < 0)
		r = error_sys(err, -errno, "unmounting %s", dir);
	return r;
}

static int ext4(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char dev[CHECK_DEV_MAX];
	int r = check_loop("/images/ext4.img", 0, dev, &fd, err);

	if (r == 0)
		r = check_mount(dev, "/tmp/m", "ext4", NULL, err);
	return r < 0 ? r : use_writable("/tmp/m", true, err);
}

/* On the machine's disk: mkfs.xfs makes none that would fit into an initrd. */
static int xfs(struct error *err)
{
	if (access("/dev/vda", F_OK) < 0)
		return check_absent(err, "no disk");
	if (!check_has("/proc/cmdline", "selfcheck.xfs"))
		return check_absent(err, "the disk has no xfs");
	return check_mount("/dev/vda", "/tmp/m", "xfs", NULL, err) < 0
		       ? err->code
		       : use_writable("/tmp/m", true, err);
}

static int mount_erofs(const char *dir, int *ret_fd, struct error *err)
{
	char dev[CHECK_DEV_MAX];
	int r = check_loop("/images/erofs.img", LO_FLAGS_READ_ONLY, dev, ret_fd, err);

	mkdir(dir, 0755);
	if (r == 0 && mount(dev, dir, "erofs", MS_RDONLY, NULL) < 0)
		r = error_sys(err, -errno, "mounting erofs on %s", dir);
	return r;
}

static int erofs(struct error *err)
{
	_cleanup_fd_ int fd = -1, file = -1;
	char text[sizeof(EROFS_TEXT)] = "";
	struct stat st;
	int r = mount_erofs("/tmp/m", &fd, err);

	if (r < 0)
		return r;
	file = open("/tmp/m/text", O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &st) < 0)
		return error_sys(err, -errno, "/text of erofs");
	for (off_t at = 0; at + (off_t)strlen(EROFS_TEXT) <= st.st_size;
	     at += (off_t)strlen(EROFS_TEXT))
		if (fd_pread_full(file, text, strlen(EROFS_TEXT), at) < 0 ||
		    strcmp(text, EROFS_TEXT) != 0)
			return error_set(err, -EBADMSG, "/text of erofs differs at %lld",
					 (long long)at);
	if (st.st_size < EROFS_SIZE || st.st_blocks * 512 > EROFS_SIZE / 2)
		return error_set(err, -EBADMSG, "/text of erofs is not the compressed file");
	return getxattr("/tmp/m/text", "user.check", text, sizeof(text)) == 5
		       ? 0
		       : error_sys(err, -errno, "user.check of /text in erofs");
}

/* Over erofs: copied up, renamed, removed, and looked at from below. */
static int overlay(struct error *err)
{
	_cleanup_fd_ int fd = -1;
	int r = mount_erofs("/tmp/lower", &fd, err);

	mkdir("/tmp/upper", 0755);
	mkdir("/tmp/work", 0755);
	if (r == 0)
		r = check_mount(
			"overlay", "/tmp/m", "overlay",
			"lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,index=on,"
			"redirect_dir=on,metacopy=on",
			err);
	if (r == 0)
		r = make_text("/tmp/m/text", "new", err);
	if (r == 0)
		r = check_text("/tmp/upper/text", "new", err);
	if (r == 0 && rename("/tmp/m/dir", "/tmp/m/moved") < 0)
		r = error_sys(err, -errno, "renaming a directory of the lower layer");
	if (r == 0)
		r = check_text("/tmp/m/moved/inside", "inside", err);
	if (r == 0 && (unlink("/tmp/m/gone") < 0 || access("/tmp/m/gone", F_OK) == 0))
		r = error_set(err, -EBADMSG, "a removed file of the lower layer is still there");
	if (r == 0 && access("/tmp/lower/gone", F_OK) < 0)
		r = error_sys(err, -errno, "the lower layer changed");
	return r;
}

static int tmpfs(struct error *err)
{
	int r = check_mount("tmpfs", "/tmp/m", "tmpfs", "size=1M,mode=0700", err);

	if (r == 0)
		r = make_text("/tmp/m/x", "x", err);
	if (r == 0 && setxattr("/tmp/m/x", "trusted.check", "1", 1, 0) < 0)
		r = error_sys(err, -errno, "trusted attribute in tmpfs");
	return r < 0 ? r : use_writable("/tmp/m", false, err);
}

/* FUSE itself: a mount whose first request is read here. virtiofs: its own refusal of a tag that no device has. */
static int virtio_fs(struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[96];
	union {
		struct fuse_in_header head;
		char space[65536];
	} in;
	ssize_t n;
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	r = check_mount("fuse", "/tmp/m", "fuse", options, err);
	if (r < 0)
		return r;
	n = read(fd, &in, sizeof(in));
	if (n < (ssize_t)sizeof(in.head) || in.head.opcode != FUSE_INIT)
		return error_sys(err, -errno, "the first request of FUSE");
	umount2("/tmp/m", MNT_DETACH);
	mkdir("/tmp/v", 0755);
	if (mount("no-such-tag", "/tmp/v", "virtiofs", 0, NULL) == 0 || errno != EINVAL)
		return error_sys(err, -errno, "virtiofs without a device (EINVAL is right)");
	return access("/sys/bus/virtio/drivers/virtiofs", F_OK) < 0
		       ? error_sys(err, -errno, "driver virtiofs")
		       : 0;
}

static int p9(struct error *err)
{
	int r;

	if (!check_entry("/sys/bus/virtio/drivers/9pnet_virtio", "virtio", NULL, 0))
		return check_absent(err, "no 9p device");
	r = check_mount("share", "/tmp/m", "9p",
			"trans=virtio,version=9p2000.L,msize=65536,access=any", err);
	if (r == 0)
		r = check_text("/tmp/m/from-host", "from the host", err);
	return r < 0 ? r : make_text("/tmp/m/from-guest", "from the guest", err);
}

static int loop(struct error *err)
{
	_cleanup_fd_ int file = -1, fd = -1;
	char dev[CHECK_DEV_MAX], text[4];
	int r;

	if (check_entry("/sys/block", "loop1", NULL, 0))
		return error_set(err, -EEXIST, "there are loop devices that nobody asked for");
	file = check_make_file("/tmp/disk", 1 << 20, err);
	r = file < 0 ? file : check_loop("/tmp/disk", 0, dev, &fd, err);
	if (r < 0)
		return r;
	if (fd_pwrite_full(fd, "loop", 4, 4096) < 0 || fsync(fd) < 0 ||
	    fd_pread_full(file, text, 4, 4096) < 0)
		return error_sys(err, -errno, "%s", dev);
	return memcmp(text, "loop", 4) == 0
		       ? 0
		       : error_set(err, -EBADMSG, "%s: the file has other bytes", dev);
}

static int autofs(struct error *err)
{
	int fds[2];
	char options[96];

	/* The daemon's process group must have a number: that of PID 1 has none. */
	if (setpgid(0, 0) < 0 || fd_pipe(fds, O_DIRECT) < 0)
		return error_sys(err, -errno, "pipe");
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", fds[1],
		 (int)getpgrp());
	return check_mount("autofs", "/tmp/m", "autofs", options, err);
}

static int partition_of(const char *image, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	char dev[CHECK_DEV_MAX], part[CHECK_DEV_MAX + 4];
	int r = check_loop(image, LO_FLAGS_PARTSCAN | LO_FLAGS_READ_ONLY, dev, &fd, err);

	if (r < 0)
		return r;
	snprintf(part, sizeof(part), "%sp1", dev);
	return check_wait_path(part) ? 0 : error_set(err, -ENOENT, "%s: no first partition", image);
}

static int partitions(struct error *err)
{
	int r = partition_of("/images/mbr.img", err);

	return r < 0 ? r : partition_of("/images/gpt.img", err);
}

/* A swap area of one page size, version 1 (Linux, include/linux/swap.h: union swap_header). */
static int swap(struct error *err)
{
	_cleanup_fd_ int file = check_make_file("/tmp/swap", 1 << 20, err), fd = -1;
	const long page = sysconf(_SC_PAGESIZE);
	const uint32_t info[2] = { 1, (uint32_t)((1 << 20) / page - 1) };
	char dev[CHECK_DEV_MAX];
	int r = file < 0 ? file : check_loop("/tmp/swap", 0, dev, &fd, err);

	if (r < 0)
		return r;
	if (fd_pwrite_full(fd, info, sizeof(info), 1024) < 0 ||
	    fd_pwrite_full(fd, "SWAPSPACE2", 10, page - 10) < 0 || fsync(fd) < 0)
		return error_sys(err, -errno, "%s", dev);
	if (swapon(dev, 0) < 0)
		return error_sys(err, -errno, "swapon %s", dev);
	r = check_has("/proc/swaps", dev)
		    ? 0
		    : error_set(err, -ENOENT, "/proc/swaps does not list %s", dev);
	if (swapoff(dev) < 0)
		return error_sys(err, -errno, "swapoff %s", dev);
	return r;
}

/* ext4 on a device of persistent memory; what DAX adds is its own feature. */
static int pmem(struct error *err)
{
	if (access("/dev/pmem0", F_OK) < 0)
		return check_absent(err, "no persistent memory");
	if (check_mount("/dev/pmem0", "/tmp/m", "ext4", NULL, err) < 0)
		return err->code;
	return use_writable("/tmp/m", true, err);
}

static int dax(struct error *err)
{
	if (access("/dev/pmem0", F_OK) < 0)
		return check_absent(err, "no persistent memory");
	if (check_mount("/dev/pmem0", "/tmp/m", "ext4", "dax=always", err) < 0)
		return err->code;
	return check_has("/proc/mounts", "dax=always")
		       ? use_writable("/tmp/m", true, err)
		       : error_set(err, -EBADMSG, "mounted without DAX");
}

const struct selfcheck file_checks[] = {
	{ .feature = "ext4", .run = ext4 },	{ .feature = "xfs", .run = xfs },
	{ .feature = "erofs", .run = erofs },	{ .feature = "overlay", .run = overlay },
	{ .feature = "tmpfs", .run = tmpfs },	{ .feature = "virtio-fs", .run = virtio_fs },
	{ .feature = "9p", .run = p9 },		{ .feature = "loop", .run = loop },
	{ .feature = "autofs", .run = autofs }, { .feature = "partitions", .run = partitions },
	{ .feature = "swap", .run = swap },	{ .feature = "pmem", .run = pmem },
	{ .feature = "dax", .run = dax },	{ .feature = NULL },
};
