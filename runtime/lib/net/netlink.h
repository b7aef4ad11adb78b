/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include "base/error.h"

/*
 * Netlink messages (include/uapi/linux/netlink.h): built in a bounded buffer, and read with every length checked. All numbers are in
 * the order of this machine, as the kernel wants them.
 *
 * An own codec: the two programs that need it use five message types, and what libnl offers above that (caches, objects, its own
 * errors) would be most of the agent's budget of size.
 */

#define NL_REQUEST_MAX 2048 /* bytes of one request; names and addresses only */
#define NL_ANSWER_MAX \
	65536 /* bytes of one datagram; the kernel's own are at most 32 KiB (NLMSG_GOODSIZE of a dump) */

struct nl_msg {
	size_t len;
	int error; /* -EMSGSIZE once something did not fit; nl_request() then fails with it */
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[NL_REQUEST_MAX];
};
/* head: the fixed part that follows the header (struct ifinfomsg ...). NLM_F_REQUEST is added. */
void nl_msg_init(struct nl_msg *m, uint16_t type, uint16_t flags, const void *head, size_t n);
void nl_put(struct nl_msg *m, uint16_t attr, const void *data, size_t n);
void nl_put_u32(struct nl_msg *m, uint16_t attr, uint32_t v);
void nl_put_str(struct nl_msg *m, uint16_t attr, const char *s); /* with its NUL */
/* Attributes put between the two are inside. The value goes from one to the other. */
size_t nl_nest_begin(struct nl_msg *m, uint16_t attr);
void nl_nest_end(struct nl_msg *m, size_t begin);

struct nl_attr {
	const uint8_t *data; /* NULL: not there */
	size_t len;
};
/* Attributes by type; the last of a type wins, types from n on are skipped. -EBADMSG when lengths do not fit. */
int nl_parse(const void *data, size_t len, struct nl_attr *ret, size_t n);
/* The value if it has this very size, else the default. */
uint32_t nl_attr_u32(const struct nl_attr *a, uint32_t def);
/* Copies at most n - 1 bytes up to a NUL; buf is always ended. */
void nl_attr_str(const struct nl_attr *a, char *buf, size_t n);

struct nl_sock {
	int fd;
	uint32_t seq;
	uint8_t *answer; /* NL_ANSWER_MAX bytes while open */
};
#define NL_SOCK_INIT        \
	{                   \
		-1, 0, NULL \
	}
int nl_open(struct nl_sock *s, int protocol, struct error *err);
void nl_close(struct nl_sock *s);
#define _cleanup_nl_ _cleanup_(nl_close)

/* One message of an answer: the bytes after the header. Negative ends the reading and is the result. */
typedef int (*nl_fn)(uint16_t type, const void *data, size_t len, void *arg);
/*
 * Sends, and reads to the end of the answer: the acknowledgement, or with NLM_F_DUMP the last part. fn may be NULL. The kernel answers
 * inside the system call, so this waits for nobody. The kernel's code, with its words in err where it has some; -EINTR for
 * a listing that changed under way (ask again); -EBADMSG.
 */
int nl_request(struct nl_sock *s, struct nl_msg *m, nl_fn fn, void *arg, struct error *err);
/*
 * One datagram of an answer: 1 at its end, 0 when more comes, else negative. What nl_request() does with what it receives; for tests
 * and the fuzzer.
 */
int nl_answer(const void *buf, size_t len, uint32_t seq, nl_fn fn, void *arg, struct error *err);

#endif
