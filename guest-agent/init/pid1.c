/* SPDX-License-Identifier: Apache-2.0 */
#include "init/pid1.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"

#define PID1_PATH    "/bin:/sbin:/usr/bin:/usr/sbin"
#define PID1_NOFILE  1048576 /* descriptors; a container costs about five */
#define CGROUP_MOUNT "/sys/fs/cgroup"

static const struct {
	const char *source, *target, *fstype, *data;
	unsigned long flags;
	bool needed;
} kernel_mounts[] = {
	{ "proc", "/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "sysfs", "/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "devtmpfs", "/dev", "devtmpfs", "mode=0755", MS_NOSUID, true },
	{ "devpts", "/dev/pts", "devpts", "mode=0620,ptmxmode=0666,gid=5", MS_NOSUID | MS_NOEXEC,
	  true },
	{ "tmpfs", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV, true },
	{ "tmpfs", "/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV, true },
	{ "cgroup2", CGROUP_MOUNT, "cgroup2", "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC,
	  false },
};

static int mount_all(struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_mounts); i++) {
		mkdir(kernel_mounts[i].target,
		      0755); /* exists, or is on a read-only root: then the mount tells */
		if (mount(kernel_mounts[i].source, kernel_mounts[i].target, kernel_mounts[i].fstype,
			  kernel_mounts[i].flags, kernel_mounts[i].data) == 0)
			continue;
		/* EBUSY: the kernel mounted it itself (CONFIG_DEVTMPFS_MOUNT). */
		if (errno == EBUSY || !kernel_mounts[i].needed)
			continue;
		return error_sys(err, -errno, "cannot mount %s on %s", kernel_mounts[i].fstype,
				 kernel_mounts[i].target);
	}
	return 0;
}

static void link_dev(void)
{
	static const struct {
		const char *target, *name;
	} links[] = {
		{ "pts/ptmx", "/dev/ptmx" },	      { "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },  { "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	/* devtmpfs has a ptmx node of its own, which belongs to no devpts instance of ours. */
	unlink("/dev/ptmx");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		(void)!symlink(links[i].target, links[i].name); /* convenience only */
}

/* /tmp is made writable where the image is not. */
static void make_tmp(void)
{
	if (access("/tmp", W_OK) < 0 && errno == EROFS)
		mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
}

static int loopback_up(struct error *err)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : error_sys(err, -errno, "cannot make a socket");
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 && errno != ENODEV)
		return error_sys(err, -errno, "cannot bring lo up");
	return 0;
}

static void set_hostname(void)
{
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;

	if (file_read(AT_FDCWD, "/etc/hostname", 256, &name, NULL) < 0)
		return;
	strbuf_trim_end(&name);
	if (name.len)
		(void)!sethostname(name.buf, name.len); /* CreateSandbox brings the real one */
}

int pid1_standard_fds(const char *path)
{
	for (int fd = 0; fd < 3; fd++) {
		int got;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		got = open(path, O_RDWR | O_NOCTTY);
		if (got < 0)
			got = open("/dev/null", O_RDWR);
		if (got < 0)
			return -errno;
		if (got != fd) { /* cannot happen: the lowest free number is given */
			close(got);
			return -EBADF;
		}
	}
	return 0;
}

int pid1_setup(struct error *err)
{
	struct rlimit nofile = { PID1_NOFILE, PID1_NOFILE };
	int r;

	umask(022);
	r = mount_all(err);
	if (r < 0)
		return r;
	r = pid1_standard_fds("/dev/console");
	if (r < 0)
		return error_sys(err, r, "cannot open /dev/console");
	/* The console becomes the controlling terminal only if nobody else has it; the agent works without. */
	setsid();
	ioctl(0, TIOCSCTTY, 0);
	link_dev();
	make_tmp();
	set_hostname();
	/* Descendants of what is mounted here must see later mounts of shared storage. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		return error_sys(err, -errno, "cannot share the root mount");
	if (setenv("PATH", PID1_PATH, 1) < 0)
		return error_oom(err);
	setrlimit(RLIMIT_NOFILE, &nofile);
	return loopback_up(err);
}

void pid1_power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* No way to switch off here: at least stop the processors. */
	reboot(RB_HALT_SYSTEM);
	for (;;)
		pause();
}
