/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/path.h"

int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

int fd_read_full(int fd, void *buf, size_t n)
{
	char *p = buf;

	while (n) {
		ssize_t k = read(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			return -ENODATA;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int fd_write_full(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int fd_pread_full(int fd, void *buf, size_t n, off_t off)
{
	char *p = buf;

	while (n) {
		ssize_t k = pread(fd, p, n, off);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			return -ENODATA;
		p += k;
		off += k;
		n -= (size_t)k;
	}
	return 0;
}

int fd_pwrite_full(int fd, const void *buf, size_t n, off_t off)
{
	const char *p = buf;

	while (n) {
		ssize_t k = pwrite(fd, p, n, off);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		off += k;
		n -= (size_t)k;
	}
	return 0;
}

static int set_flag(int fd, int get, int set, int flag, bool on)
{
	int v = fcntl(fd, get);
	int want;

	if (v < 0)
		return -errno;
	want = on ? v | flag : v & ~flag;
	if (want != v && fcntl(fd, set, want) < 0)
		return -errno;
	return 0;
}

int fd_set_nonblock(int fd, bool on)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int fd_set_cloexec(int fd, bool on)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

int fd_pipe(int ret[2], int flags)
{
	return pipe2(ret, O_CLOEXEC | flags) < 0 ? -errno : 0;
}

int fd_socketpair(int ret[2], int flags)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ret) < 0 ? -errno : 0;
}

int fd_memfd(const char *name, int *ret_fd)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/*
 * Fills an address for `path`. A path that does not fit sun_path is reached as /proc/self/fd/N/NAME, where N is its
 * directory, opened here and left in *dir_fd.
 */
static int unix_address(const char *path, struct sockaddr_un *sun, int *dir_fd)
{
	_cleanup_free_ char *copy = NULL;
	char via[PATH_FD_MAX];
	int n;

	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(sun->sun_path)) {
		memcpy(sun->sun_path, path, strlen(path) + 1);
		return 0;
	}
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	*dir_fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return -errno;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/%s", path_of_fd(via, *dir_fd),
		     path_base(path));
	return n < 0 || (size_t)n >= sizeof(sun->sun_path) ? -ENAMETOOLONG : 0;
}

int fd_unix_listen(const char *path, int backlog, int *ret_fd, struct error *err)
{
	_cleanup_fd_ int fd = -1, dir = -1;
	struct sockaddr_un sun;
	int r = unix_address(path, &sun, &dir);

	if (r < 0)
		return error_sys(err, r, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_sys(err, -errno, "socket");
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || listen(fd, backlog) < 0)
		return error_sys(err, -errno, "listen on %s", path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

int fd_unix_connect(const char *path, int *ret_fd, struct error *err)
{
	_cleanup_fd_ int fd = -1, dir = -1;
	struct sockaddr_un sun;
	int r = unix_address(path, &sun, &dir);

	if (r < 0)
		return error_sys(err, r, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_sys(err, -errno, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return error_sys(err, -errno, "connect to %s", path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

/* Room for one descriptor beside a message. */
union fd_control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int))];
};

int fd_send_message(int sock, const void *buf, size_t n, int fd)
{
	struct iovec iov = { (void *)buf, n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union fd_control ctl;

	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&ctl, 0, sizeof(ctl));
		msg.msg_control = ctl.buf;
		msg.msg_controllen = sizeof(ctl.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t fd_recv_message(int sock, void *buf, size_t size, int *ret_fd)
{
	struct iovec iov = { buf, size };
	union fd_control ctl;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.buf,
			      .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *c;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return n;
}

int fd_send(int sock, int fd)
{
	return fd_send_message(sock, "", 1, fd);
}

int fd_recv(int sock, int *ret_fd)
{
	char byte;
	ssize_t n = fd_recv_message(sock, &byte, 1, ret_fd);

	if (n <= 0)
		return n < 0 ? (int)n : -ENODATA;
	return *ret_fd < 0 ? -EPROTO : 0;
}

void fd_close_from(int first)
{
	/* The fallback covers kernels before 5.9; the limit bounds it where RLIMIT_NOFILE is huge. */
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	for (int fd = first; fd < 65536; fd++)
		close(fd);
}
