/* SPDX-License-Identifier: Apache-2.0 */
#include "selfcheck/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"

#define ANSWER_SECONDS 20

static void *grow(struct netlink *n, size_t len)
{
	void *at = n->buf + n->len;

	if (NLMSG_ALIGN(len) > sizeof(n->buf) - n->len)
		abort();
	memset(at, 0, NLMSG_ALIGN(len));
	n->len += NLMSG_ALIGN(len);
	((struct nlmsghdr *)(n->buf + n->at))->nlmsg_len = (uint32_t)(n->len - n->at);
	return at;
}

void netlink_raw(struct netlink *n, const void *data, size_t len)
{
	memcpy(grow(n, len), data, len);
}

void netlink_next(struct netlink *n, uint16_t type, uint16_t flags, const void *head, size_t len)
{
	struct nlmsghdr *h;

	n->at = n->len;
	h = grow(n, sizeof(*h));
	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	h->nlmsg_seq = 1;
	if (len)
		netlink_raw(n, head, len);
}

void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *head, size_t len)
{
	n->len = 0;
	netlink_next(n, type, flags, head, len);
}

void netlink_put(struct netlink *n, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = grow(n, NLA_HDRLEN + len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)a + NLA_HDRLEN, data, len);
}

void netlink_str(struct netlink *n, uint16_t type, const char *text)
{
	netlink_put(n, type, text, strlen(text) + 1);
}

void netlink_u8(struct netlink *n, uint16_t type, uint8_t v)
{
	netlink_put(n, type, &v, sizeof(v));
}

void netlink_u32(struct netlink *n, uint16_t type, uint32_t v)
{
	netlink_put(n, type, &v, sizeof(v));
}

void netlink_be16(struct netlink *n, uint16_t type, uint16_t v)
{
	v = htobe16(v);
	netlink_put(n, type, &v, sizeof(v));
}

void netlink_be32(struct netlink *n, uint16_t type, uint32_t v)
{
	v = htobe32(v);
	netlink_put(n, type, &v, sizeof(v));
}

void netlink_be64(struct netlink *n, uint16_t type, uint64_t v)
{
	v = htobe64(v);
	netlink_put(n, type, &v, sizeof(v));
}

size_t netlink_open(struct netlink *n, uint16_t type)
{
	const size_t mark = n->len;

	netlink_put(n, type | NLA_F_NESTED, NULL, 0);
	return mark;
}

void netlink_close(struct netlink *n, size_t mark)
{
	((struct nlattr *)(n->buf + mark))->nla_len = (uint16_t)(n->len - mark);
}

/* The messages of one datagram: 1 when an answer or the acknowledgement was among them. */
static int read_answer(const char *buf, size_t len, struct netlink *n)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)buf;
		const size_t size = NLMSG_ALIGN(h->nlmsg_len);

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return -EBADMSG;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error ?: 1;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		memcpy(n->buf, h, h->nlmsg_len);
		n->len = h->nlmsg_len;
		/* A dump goes on; anything else is acknowledged, or is the whole answer. */
		if (!(h->nlmsg_flags & NLM_F_MULTI))
			return 1;
		buf += size;
		len = size < len ? len - size : 0;
	}
	return 0;
}

int netlink_talk(struct netlink *n, int protocol, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const struct timeval patience = { ANSWER_SECONDS, 0 };
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	static char buf[65536];
	int r = 0;

	if (fd < 0)
		return error_sys(err, -errno, "netlink socket %d", protocol);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sendto(fd, n->buf, n->len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return error_sys(err, -errno, "netlink request");
	n->len = 0;
	while (r == 0) {
		const ssize_t got = recv(fd, buf, sizeof(buf), 0);

		if (got < 0)
			return error_sys(err, -errno, "netlink answer");
		r = read_answer(buf, (size_t)got, n);
	}
	return r < 0 ? error_sys(err, r, "netlink request") : 0;
}

int netlink_family(const char *name, uint16_t *ret, struct error *err)
{
	const struct genlmsghdr get = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
	struct netlink n;
	int r;

	netlink_begin(&n, GENL_ID_CTRL, NLM_F_REQUEST, &get, sizeof(get));
	netlink_str(&n, CTRL_ATTR_FAMILY_NAME, name);
	r = netlink_talk(&n, NETLINK_GENERIC, err);
	if (r < 0)
		return error_prefix(err, "family %s", name);
	for (size_t at = NLMSG_HDRLEN + GENL_HDRLEN; at + NLA_HDRLEN <= n.len;) {
		const struct nlattr *a = (const void *)(n.buf + at);

		if (a->nla_type == CTRL_ATTR_FAMILY_ID) {
			memcpy(ret, (const char *)a + NLA_HDRLEN, sizeof(*ret));
			return 0;
		}
		at += NLA_ALIGN(a->nla_len);
	}
	return error_set(err, -EBADMSG, "family %s has no number", name);
}
