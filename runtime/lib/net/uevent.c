/* SPDX-License-Identifier: Apache-2.0 */
#include "net/uevent.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include "base/fd.h"
#include "base/strbuf.h"

#define KERNEL_GROUP 1 /* the multicast group of the kernel's own; 2 is udev's */

int uevent_parse(const char *buf, size_t len, struct uevent *ret)
{
	struct uevent ev = { "", "", "", "" };
	const char *end = buf + len;
	const char *at = memchr(buf, '@', len);

	/* udev's messages begin with "libudev" and a binary head. */
	if (!at || strnlen(buf, len) == len || at > buf + strlen(buf))
		return -EBADMSG;
	for (const char *p = buf + strlen(buf) + 1; p < end; p += strlen(p) + 1) {
		const char *v;

		if ((v = str_after(p, "ACTION=")))
			ev.action = v;
		else if ((v = str_after(p, "DEVPATH=")))
			ev.devpath = v;
		else if ((v = str_after(p, "SUBSYSTEM=")))
			ev.subsystem = v;
		else if ((v = str_after(p, "DEVNAME=")))
			ev.devname = v;
	}
	if (!*ev.action || !*ev.devpath)
		return -EBADMSG;
	*ret = ev;
	return 0;
}

int uevent_open(int *ret_fd, struct error *err)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				     NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_sys(err, -errno, "cannot listen for kernel events");
	*ret_fd = fd_steal(&fd);
	return 0;
}

int uevent_receive(int fd, char *buf, struct uevent *ret)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, UEVENT_MAX, 0, (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		buf[n] = '\0';
		/* Others could send here, too. */
		if (from.nl_pid == 0 && uevent_parse(buf, (size_t)n, ret) == 0)
			return 1;
	}
}
