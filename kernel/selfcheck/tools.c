/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/process.h"
#include "base/time.h"
#include "selfcheck/selfcheck.h"

int check_absent(struct error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	err->code = -ENODEV;
	return CHECK_ABSENT;
}

ssize_t check_read(const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n = 0;
	ssize_t r = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)r;
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return r < 0 && n == 0 ? -errno : (ssize_t)n;
}

bool check_has(const char *path, const char *text)
{
	char buf[16384];

	return check_read(path, buf, sizeof(buf)) >= 0 && strstr(buf, text);
}

int check_text(const char *path, const char *want, struct error *err)
{
	char buf[1024];
	const ssize_t n = check_read(path, buf, sizeof(buf));

	if (n < 0)
		return error_sys(err, (int)n, "%s", path);
	return strcmp(buf, want) == 0
		       ? 0
		       : error_set(err, -EBADMSG, "%s is \"%.100s\", not \"%s\"", path, buf, want);
}

int check_write(const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return error_sys(err, -errno, "writing \"%s\" to %s", text, path);
	return 0;
}

int check_mount(const char *source, const char *target, const char *type, const char *options,
		struct error *err)
{
	mkdir(target, 0755);
	if (mount(source, target, type, 0, options) < 0)
		return error_sys(err, -errno, "mounting %s (%s, options \"%s\") on %s", type,
				 source, options ? options : "", target);
	return 0;
}

int check_in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(fn(arg));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return process_exit_code(status);
}

int check_make_file(const char *path, size_t size, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
		return fd;
	fd_close(fd);
	return error_sys(err, -errno, "cannot make %s", path);
}

int check_loop(const char *file, uint32_t lo_flags, char *dev, int *ret_fd, struct error *err)
{
	_cleanup_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int back = open(file, O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR | lo_flags };
	int n;

	if (control < 0 || back < 0)
		return error_sys(err, -errno, "cannot open %s",
				 control < 0 ? "/dev/loop-control" : file);
	n = ioctl(control, LOOP_CTL_GET_FREE);
	if (n < 0)
		return error_sys(err, -errno, "no free loop device");
	snprintf(dev, CHECK_DEV_MAX, "/dev/loop%d", n);
	fd = open(dev, O_RDWR | O_CLOEXEC);
	config.fd = (uint32_t)back;
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return error_sys(err, -errno, "%s for %s", dev, file);
	*ret_fd = fd_steal(&fd);
	return 0;
}

bool check_entry(const char *dir, const char *prefix, char *ret, size_t size)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			break;
	if (d && e && ret)
		snprintf(ret, size, "%s", e->d_name);
	if (d)
		closedir(d);
	return d && e;
}

bool check_wait_path(const char *path)
{
	for (int i = 0; i < 200; i++) {
		if (access(path, F_OK) == 0)
			return true;
		nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	}
	return false;
}

/* One message is "ACTION@PATH" and its variables, each ended by a NUL. */
static bool is_add(const char *msg, size_t n, const char *subsystem)
{
	char want[64];
	const int len = snprintf(want, sizeof(want), "SUBSYSTEM=%s", subsystem) + 1;

	return strncmp(msg, "add@", 4) == 0 && memmem(msg, n, want, (size_t)len);
}

#define PLUG_USEC (30 * USEC_PER_SEC)

int check_plug(const char *what, const char *subsystem, char *ret, size_t size, struct error *err)
{
	_cleanup_fd_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	const struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	const uint64_t end = time_mono_usec() + PLUG_USEC;
	struct pollfd p = { fd, POLLIN, 0 };
	char cmdline[2048], list[512], msg[8193];
	const char *at;

	check_read("/proc/cmdline", cmdline, sizeof(cmdline));
	at = strstr(cmdline, "selfcheck.plug=");
	if (!at || sscanf(at, "selfcheck.plug=%511[^ \n]", list) != 1 || !strstr(list, what))
		return check_absent(err, "this machine's test plugs no %s", what);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_sys(err, -errno, "uevent socket");
	printf("selfcheck plug %s\n", what);
	fflush(stdout);
	while (time_mono_usec() < end && poll(&p, 1, 1000) >= 0) {
		const ssize_t n = recv(fd, msg, sizeof(msg) - 1, 0);

		if (n <= 0)
			continue;
		msg[n] = '\0';
		if (is_add(msg, (size_t)n, subsystem)) {
			snprintf(ret, size, "%s", msg + 4);
			return 0;
		}
	}
	return error_set(err, -ETIMEDOUT, "no uevent of a new %s", what);
}
