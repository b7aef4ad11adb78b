/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/seal.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/fd.h"

#define OWN_FILE  "/proc/self/exe"
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#ifndef MFD_EXEC /* Linux 6.3 */
#define MFD_EXEC 0x0010U
#endif

static bool is_sealed(int self)
{
	struct statvfs st;
	int seals = fcntl(self, F_GET_SEALS);

	if (seals >= 0)
		return (seals & ALL_SEALS) == ALL_SEALS;
	/* Of the mount that the file was reached by, so true for ours, and for a read-only /usr. */
	return fstatvfs(self, &st) == 0 && (st.f_flag & ST_RDONLY);
}

static int readonly_mount(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV };
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, OWN_FILE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return fd_steal(&fd);
}

static int sealed_copy(int self)
{
	_cleanup_fd_ int fd =
		(int)syscall(SYS_memfd_create, "runk", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	struct stat st;

	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_memfd_create, "runk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || fstat(self, &st) < 0)
		return -errno;
	for (off_t done = 0; done < st.st_size;) {
		ssize_t n = sendfile(fd, self, NULL, (size_t)(st.st_size - done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += n;
	}
	if (fchmod(fd, 0500) < 0 || fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
		return -errno;
	return fd_steal(&fd);
}

int seal_self(char **argv, struct error *err)
{
	_cleanup_fd_ int self = open(OWN_FILE, O_RDONLY | O_CLOEXEC), copy = -1;

	if (self < 0)
		return error_sys(err, -errno, "cannot open this program's file");
	if (is_sealed(self))
		return 0;
	copy = readonly_mount();
	if (copy < 0)
		copy = sealed_copy(self);
	if (copy < 0)
		return error_sys(err, copy, "cannot make a protected copy of this program");
	execveat(copy, "", argv, environ, AT_EMPTY_PATH);
	return error_sys(err, -errno, "cannot execute a protected copy of this program");
}
