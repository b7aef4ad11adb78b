/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/compiler.h"
#include "base/error.h"

/*
 * File descriptors. A descriptor variable is -1 while it owns nothing. Everything made here is O_CLOEXEC.
 */

/* Closes if >= 0, keeps errno, returns -1: `fd = fd_close(fd);` */
int fd_close(int fd);
static inline void cleanup_fdp(int *fd)
{
	*fd = fd_close(*fd);
}
#define _cleanup_fd_ _cleanup_(cleanup_fdp)
static inline int fd_steal(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

/* Reads exactly n bytes: 0, -errno, or -ENODATA at an early end. */
int fd_read_full(int fd, void *buf, size_t n);
/* Writes all n bytes: 0 or -errno. For blocking descriptors. */
int fd_write_full(int fd, const void *buf, size_t n);
int fd_pread_full(int fd, void *buf, size_t n, off_t off);
int fd_pwrite_full(int fd, const void *buf, size_t n, off_t off);
int fd_set_nonblock(int fd, bool on);
int fd_set_cloexec(int fd, bool on);
/* Both ends O_CLOEXEC; extra flags such as O_NONBLOCK. */
int fd_pipe(int ret[2], int flags);
/* Stream socket pair, O_CLOEXEC; flags such as SOCK_NONBLOCK. */
int fd_socketpair(int ret[2], int flags);
/* Anonymous memory file. */
int fd_memfd(const char *name, int *ret_fd);
/*
 * Unix stream sockets by path; any path length is accepted (a path over sun_path's 108 bytes is reached through
 * /proc/self/fd of its directory). listen: unlinks nothing, -EADDRINUSE when it exists.
 */
int fd_unix_listen(const char *path, int backlog, int *ret_fd, struct error *err);
int fd_unix_connect(const char *path, int *ret_fd, struct error *err);
/*
 * A message over a Unix socket, and a descriptor with it or none (-1), which is the receiver's to close. recv: how many bytes
 * came (0 at the end of the stream), or -errno.
 */
int fd_send_message(int sock, const void *buf, size_t n, int fd);
ssize_t fd_recv_message(int sock, void *buf, size_t size, int *ret_fd);
/* Sends / receives one descriptor with one byte of data over a Unix socket. */
int fd_send(int sock, int fd);
int fd_recv(int sock, int *ret_fd);
/* Closes every descriptor from `first` on. Async-signal safe. */
void fd_close_from(int first);

#endif
