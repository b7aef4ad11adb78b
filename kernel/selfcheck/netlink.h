/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFCHECK_NETLINK_H
#define SELFCHECK_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * Netlink requests of one or several messages, and their answers. What does not fit ends the process: all sizes are known here.
 */

#define NETLINK_SIZE 8192

struct netlink {
	union {
		struct nlmsghdr head;
		char buf[NETLINK_SIZE];
	};
	size_t len;
	size_t at; /* offset of the message that is being written */
};

/* Starts the first message, with the family's own header. */
void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *head, size_t len);
/* Starts one more message after it. */
void netlink_next(struct netlink *n, uint16_t type, uint16_t flags, const void *head, size_t len);
/* Bytes that are no attribute. */
void netlink_raw(struct netlink *n, const void *data, size_t len);
void netlink_put(struct netlink *n, uint16_t type, const void *data, size_t len);
void netlink_str(struct netlink *n, uint16_t type, const char *text);
void netlink_u8(struct netlink *n, uint16_t type, uint8_t v);
void netlink_u32(struct netlink *n, uint16_t type, uint32_t v);
/* Network byte order, as netfilter wants numbers. */
void netlink_be16(struct netlink *n, uint16_t type, uint16_t v);
void netlink_be32(struct netlink *n, uint16_t type, uint32_t v);
void netlink_be64(struct netlink *n, uint16_t type, uint64_t v);
/* An attribute with attributes inside: what open returns goes to close. */
size_t netlink_open(struct netlink *n, uint16_t type);
void netlink_close(struct netlink *n, size_t mark);

/*
 * Sends it on a socket of its own, and waits for the answer: the first message that is no acknowledgement is in n->buf then, of
 * n->len bytes (0: only acknowledged). Of requests with several messages the first error counts. -errno of the kernel.
 */
int netlink_talk(struct netlink *n, int protocol, struct error *err);
/* The number of a generic netlink family. */
int netlink_family(const char *name, uint16_t *ret, struct error *err);

#endif
