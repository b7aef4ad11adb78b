/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_UEVENT_H
#define NET_UEVENT_H

#include <stddef.h>
#include "base/error.h"

/*
 * The kernel's messages about devices (lib/kobject_uevent.c): "ACTION@DEVPATH", then KEY=VALUE strings, each ended by NUL.
 */

#define UEVENT_MAX \
	8192 /* bytes; the kernel's own limit is 2048 (UEVENT_BUFFER_SIZE) and the path before */

struct uevent { /* pointing into the message; never NULL, "" for what is missing */
	const char *action, *devpath, *subsystem, *devname;
};

/* -EBADMSG unless it is one of the kernel's. buf must end with a NUL byte at buf[len]. */
int uevent_parse(const char *buf, size_t len, struct uevent *ret);
/* A non-blocking socket that gets them. */
int uevent_open(int *ret_fd, struct error *err);
/* The next one into buf (UEVENT_MAX + 1 bytes): 1, 0 when there is none, or -errno; -ENOBUFS: some were lost. */
int uevent_receive(int fd, char *buf, struct uevent *ret);

#endif
