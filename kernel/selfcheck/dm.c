/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/security.h"
#include "selfcheck/selfcheck.h"

/* Device mapper targets over loop devices. */

#define BLOCK	    4096
#define DATA_BLOCKS 64
#define SHA256_SIZE 32

struct dm_request {
	struct dm_ioctl head;
	struct dm_target_spec spec;
	char params[512];
};

static int dm_call(unsigned long request, const char *name, struct dm_request *r, struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = sizeof(r->head);
	snprintf(r->head.name, sizeof(r->head.name), "%s", name);
	if (fd < 0 || ioctl(fd, request, &r->head) < 0)
		return error_sys(err, -errno, "device mapper: %s (request %lx)",
				 r->params[0] ? r->params : name, request);
	return 0;
}

/* Makes the device, one target over `sectors`, and opens it; /dev/dm-N is made by devtmpfs. */
static int dm_create(const char *name, bool read_only, uint64_t sectors, const char *target,
		     const char *params, int *ret_fd, struct error *err)
{
	struct dm_request create = { 0 }, load = { 0 }, resume = { 0 };
	char dev[CHECK_DEV_MAX];
	int r = dm_call(DM_DEV_CREATE, name, &create, err);

	if (r < 0)
		return r;
	load.head.target_count = 1;
	load.head.flags = read_only ? DM_READONLY_FLAG : 0;
	load.spec.length = sectors;
	load.spec.next = sizeof(load.spec) + sizeof(load.params);
	snprintf(load.spec.target_type, sizeof(load.spec.target_type), "%s", target);
	snprintf(load.params, sizeof(load.params), "%s", params);
	r = dm_call(DM_TABLE_LOAD, name, &load, err);
	if (r == 0)
		r = dm_call(DM_DEV_SUSPEND, name, &resume, err);
	if (r < 0)
		return r;
	snprintf(dev, sizeof(dev), "/dev/dm-%u", minor(resume.head.dev));
	*ret_fd = open(dev, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	return *ret_fd < 0 ? error_sys(err, -errno, "%s", dev) : 0;
}

static void dm_remove(const char *name)
{
	struct dm_request r = { 0 };

	dm_call(DM_DEV_REMOVE, name, &r, NULL);
}

/* Forgets what the page cache has, so that the next read goes to the device. */
static void drop_caches(int fd)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	check_write("/proc/sys/vm/drop_caches", "3", NULL);
}

/* Data blocks that tell their number, then one hash block with their digests: a tree of one level. */
static int write_tree(int file, uint8_t *root, struct error *err)
{
	_cleanup_fd_ int hash = hash_open("sha256", NULL, 0, err);
	static uint8_t block[BLOCK], level[BLOCK];

	if (hash < 0)
		return hash;
	for (unsigned int i = 0; i < DATA_BLOCKS; i++) {
		memset(block, (int)i, sizeof(block));
		if (fd_pwrite_full(file, block, BLOCK, (off_t)i * BLOCK) < 0)
			return error_sys(err, -errno, "data block %u", i);
		if (hash_once(hash, block, BLOCK, level + i * SHA256_SIZE, SHA256_SIZE, err) < 0)
			return err->code;
	}
	if (fd_pwrite_full(file, level, BLOCK, (off_t)DATA_BLOCKS * BLOCK) < 0)
		return error_sys(err, -errno, "hash block");
	return hash_once(hash, level, BLOCK, root, SHA256_SIZE, err);
}

static int verity(struct error *err)
{
	_cleanup_fd_ int file = check_make_file("/tmp/disk", (DATA_BLOCKS + 1) * BLOCK, err),
			 loop = -1, dm = -1;
	char dev[CHECK_DEV_MAX], params[512], hex[2 * SHA256_SIZE + 1], byte = 0;
	uint8_t root[SHA256_SIZE] = { 0 };
	int r = file < 0 ? file : write_tree(file, root, err);

	if (r == 0)
		r = check_loop("/tmp/disk", 0, dev, &loop, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", root[i]);
	snprintf(params, sizeof(params), "1 %s %s %d %d %d %d sha256 %s -", dev, dev, BLOCK, BLOCK,
		 DATA_BLOCKS, DATA_BLOCKS, hex);
	r = dm_create("sc-verity", true, DATA_BLOCKS * BLOCK / 512, "verity", params, &dm, err);
	if (r == 0 && (fd_pread_full(dm, &byte, 1, 5 * BLOCK) < 0 || byte != 5))
		r = error_sys(err, -errno, "reading block 5");
	/* One bit changes below: the block must not be readable any more. */
	byte = 7 ^ 1;
	if (r == 0 && (fd_pwrite_full(loop, &byte, 1, 7 * BLOCK) < 0 || fsync(loop) < 0))
		r = error_sys(err, -errno, "%s", dev);
	drop_caches(dm);
	if (r == 0 && fd_pread_full(dm, &byte, 1, 7 * BLOCK) != -EIO)
		r = error_set(err, -EBADMSG, "a changed block is read without an error");
	dm = fd_close(dm);
	dm_remove("sc-verity");
	return r;
}

/* Writes text through the target and looks for it again; `hidden`: the file below must not show it. */
static int through(const char *name, int dm, int file, bool hidden, struct error *err)
{
	static char buf[1 << 20];
	/* Whole blocks: of what was never written, dm-integrity has no sum, and reads nothing. */
	char text[BLOCK] = "a block that is looked for below", back[BLOCK] = "";
	ssize_t n;

	if (fd_pwrite_full(dm, text, sizeof(text), 0) < 0 || fsync(dm) < 0)
		return error_sys(err, -errno, "writing through %s", name);
	drop_caches(dm);
	if (fd_pread_full(dm, back, sizeof(back), 0) < 0 || memcmp(text, back, sizeof(text)) != 0)
		return error_sys(err, -errno, "reading through %s", name);
	n = pread(file, buf, sizeof(buf), 0);
	if (n < 0 || !memmem(buf, (size_t)n, text, strlen(text)) != hidden)
		return error_set(err, -EBADMSG, "%s: what was written is %s below", name,
				 hidden ? "readable" : "not");
	return 0;
}

static int use_target(const char *name, const char *target, uint64_t sectors, const char *format,
		      bool hidden, struct error *err)
{
	_cleanup_fd_ int file = check_make_file("/tmp/disk", 4 << 20, err), loop = -1, dm = -1;
	char dev[CHECK_DEV_MAX], params[512];
	const char *at = strstr(format, "DEV");
	int r = file < 0 ? file : check_loop("/tmp/disk", 0, dev, &loop, err);

	if (r < 0)
		return r;
	snprintf(params, sizeof(params), "%.*s%s%s", (int)(at - format), format, dev, at + 3);
	r = dm_create(name, false, sectors, target, params, &dm, err);
	if (r == 0)
		r = through(name, dm, file, hidden, err);
	dm = fd_close(dm);
	dm_remove(name);
	return r;
}

static int dm_crypt(struct error *err)
{
	return use_target(
		"sc-crypt", "crypt", 1024,
		"aes-xts-plain64 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0 DEV 0",
		true, err);
}

static int dm_integrity(struct error *err)
{
	return use_target("sc-integrity", "integrity", 1024, "DEV 0 4 D 1 internal_hash:crc32c",
			  false, err);
}

const struct selfcheck dm_checks[] = {
	{ .feature = "verity", .run = verity },
	{ .feature = "dm-crypt", .run = dm_crypt },
	{ .feature = "dm-integrity", .run = dm_integrity },
	{ .feature = NULL },
};
