/* SPDX-License-Identifier: Apache-2.0 */
#include "container/console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/path.h"
#include "container/mount.h"

/*
 * A terminal's master (Documentation/admin-guide/devices.txt: 5, 2) and not a file of the container's making that only answers
 * like one: the agent reads it in its event loop, and a file of FUSE could keep it waiting.
 */
static bool is_master(int fd)
{
	struct stat st;
	int n;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(5, 2) && ioctl(fd, TIOCGPTN, &n) == 0;
}

static int open_master(int rootfd)
{
	int fd = rootfd == AT_FDCWD
			 ? open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
			 : path_open_in_root(rootfd, "/dev/pts/ptmx",
					     O_RDWR | O_NOCTTY | O_NONBLOCK, 0);

	if (is_master(fd))
		return fd;
	/* The container has no devpts, or put something else there. */
	fd_close(fd);
	fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (is_master(fd))
		return fd;
	fd_close(fd);
	return -ENODEV;
}

int console_open(int rootfd, uint32_t rows, uint32_t columns, uint32_t owner, struct console *ret,
		 struct error *err)
{
	struct winsize ws = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
	_cleanup_fd_ int master = open_master(rootfd), slave = -1;
	int unlock = 0;

	if (master < 0)
		return error_sys(err, master, "cannot open a terminal");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return error_sys(err, -errno, "cannot unlock the terminal");
	/* By the master's own word, not by a name that may lead elsewhere inside the container. */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return error_sys(err, -errno, "cannot open the terminal's other end");
	if (rows && columns && ioctl(master, TIOCSWINSZ, &ws) < 0)
		return error_sys(err, -errno, "cannot set the terminal's size");
	if (fchown(slave, owner, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
		return error_sys(err, -errno, "cannot give the terminal to user %u", owner);
	ret->master = fd_steal(&master);
	ret->slave = fd_steal(&slave);
	return 0;
}

/*
 * ROOT/dev/console as a file that can be mounted over. A link of the image's making is taken away and not followed: with one into
 * procfs the terminal would cover what is to be protected (CVE-2025-52565).
 */
static int console_target(int rootfd)
{
	_cleanup_fd_ int dir = path_mkdir_in_root(rootfd, "/dev", 0755), made = -1;
	struct stat st;
	int fd;

	if (dir < 0)
		return dir;
	if (fstatat(dir, "console", &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISCHR(st.st_mode) && unlinkat(dir, "console", 0) < 0)
		return -errno;
	made = openat(dir, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0620);
	if (made < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))) {
		fd_close(fd);
		return -ELOOP;
	}
	return fd < 0 ? -errno : fd;
}

int console_bind(int rootfd, int slave, struct error *err)
{
	_cleanup_fd_ int target = console_target(rootfd);
	int r = target < 0 ? target : mount_bind_fd(slave, target, false);

	return r < 0 ? error_sys(err, r, "cannot bind /dev/console") : 0;
}

int console_attach(int slave, struct error *err)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return error_sys(err, -errno, "cannot take the controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return error_sys(err, -errno, "cannot attach the terminal");
	return 0;
}
