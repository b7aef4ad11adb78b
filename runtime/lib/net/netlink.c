/* SPDX-License-Identifier: Apache-2.0 */
#include "net/netlink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/fd.h"

/* ---- building ------------------------------------------------------------------------------------------------------- */

/* Room for n bytes, padded to the alignment; NULL when there is none. */
static void *reserve(struct nl_msg *m, size_t n)
{
	size_t padded = NLMSG_ALIGN(n);
	uint8_t *p = m->buf + m->len;

	if (n > NL_REQUEST_MAX || padded > NL_REQUEST_MAX - m->len) {
		m->error = -EMSGSIZE;
		return NULL;
	}
	memset(p + n, 0, padded - n);
	m->len += padded;
	return p;
}

void nl_msg_init(struct nl_msg *m, uint16_t type, uint16_t flags, const void *head, size_t n)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = flags | NLM_F_REQUEST };
	void *p;

	m->len = 0;
	m->error = 0;
	memcpy(reserve(m, sizeof(h)), &h, sizeof(h));
	p = reserve(m, n);
	if (p)
		memcpy(p, head, n);
}

void nl_put(struct nl_msg *m, uint16_t attr, const void *data, size_t n)
{
	struct nlattr a = { .nla_type = attr };
	uint8_t *p;

	if (n > NL_REQUEST_MAX) {
		m->error = -EMSGSIZE;
		return;
	}
	p = reserve(m, sizeof(a) + n);
	if (!p)
		return;
	a.nla_len = (uint16_t)(sizeof(a) + n);
	memcpy(p, &a, sizeof(a));
	if (n)
		memcpy(p + sizeof(a), data, n);
}

void nl_put_u32(struct nl_msg *m, uint16_t attr, uint32_t v)
{
	nl_put(m, attr, &v, sizeof(v));
}

void nl_put_str(struct nl_msg *m, uint16_t attr, const char *s)
{
	nl_put(m, attr, s, strlen(s) + 1);
}

size_t nl_nest_begin(struct nl_msg *m, uint16_t attr)
{
	size_t at = m->len;

	nl_put(m, attr | NLA_F_NESTED, NULL, 0);
	return at;
}

void nl_nest_end(struct nl_msg *m, size_t begin)
{
	uint16_t len = (uint16_t)(m->len - begin);

	if (!m->error)
		memcpy(m->buf + begin + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

int nl_parse(const void *data, size_t len, struct nl_attr *ret, size_t n)
{
	const uint8_t *p = data;

	memset(ret, 0, n * sizeof(*ret));
	while (len >= sizeof(struct nlattr)) {
		struct nlattr a;
		size_t step;

		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			return -EBADMSG;
		a.nla_type &= NLA_TYPE_MASK;
		if (a.nla_type < n)
			ret[a.nla_type] = (struct nl_attr){ p + sizeof(a), a.nla_len - sizeof(a) };
		/* The padding of the last one may be missing. */
		step = NLA_ALIGN(a.nla_len);
		if (step >= len)
			return 0;
		p += step;
		len -= step;
	}
	return len ? -EBADMSG : 0;
}

uint32_t nl_attr_u32(const struct nl_attr *a, uint32_t def)
{
	uint32_t v = def;

	if (a->data && a->len == sizeof(v))
		memcpy(&v, a->data, sizeof(v));
	return v;
}

void nl_attr_str(const struct nl_attr *a, char *buf, size_t n)
{
	size_t len = a->data ? strnlen((const char *)a->data, a->len) : 0;

	if (len >= n)
		len = n - 1;
	if (len)
		memcpy(buf, a->data, len);
	buf[len] = '\0';
}

/* The kernel's own words, when it has some: an attribute after the error, and after the request that it may quote. */
static int kernel_error(const struct nlmsghdr *h, const uint8_t *p, size_t len, struct error *err)
{
	struct nl_attr attrs[NLMSGERR_ATTR_MSG + 1];
	struct nlmsgerr e;
	char text[256];
	size_t skip;
	int code;

	if (len < sizeof(e))
		return error_set(err, -EBADMSG, "netlink: short error message");
	memcpy(&e, p, sizeof(e));
	if (!e.error)
		return 1;
	code = e.error < 0 && e.error > -4096 ? e.error : -EIO;
	skip = sizeof(e);
	if (!(h->nlmsg_flags & NLM_F_CAPPED) && e.msg.nlmsg_len > sizeof(e.msg))
		skip += NLMSG_ALIGN((size_t)e.msg.nlmsg_len - sizeof(e.msg));
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || skip > len ||
	    nl_parse(p + skip, len - skip, attrs, NLMSGERR_ATTR_MSG + 1) < 0 ||
	    !attrs[NLMSGERR_ATTR_MSG].data)
		return error_set(err, code, "%s", strerror(-code));
	nl_attr_str(&attrs[NLMSGERR_ATTR_MSG], text, sizeof(text));
	return error_set(err, code, "%s (%s)", strerror(-code), text);
}

int nl_answer(const void *buf, size_t len, uint32_t seq, nl_fn fn, void *arg, struct error *err)
{
	const uint8_t *p = buf;

	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		size_t n, step;
		int r = 0;

		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return error_set(err, -EBADMSG, "netlink: message of %u bytes in %zu",
					 h.nlmsg_len, len);
		n = h.nlmsg_len - sizeof(h);
		step = MIN(NLMSG_ALIGN((size_t)h.nlmsg_len), len);
		/* Another sequence number: what an earlier request, given up, has left. */
		if (h.nlmsg_seq == seq) {
			if (h.nlmsg_flags & NLM_F_DUMP_INTR)
				return error_set(err, -EINTR, "netlink: the list changed");
			if (h.nlmsg_type == NLMSG_ERROR)
				return kernel_error(&h, p + sizeof(h), n, err);
			if (h.nlmsg_type == NLMSG_DONE)
				return 1;
			if (h.nlmsg_type == NLMSG_OVERRUN)
				return error_set(err, -ENOBUFS, "netlink: messages were lost");
			if (h.nlmsg_type != NLMSG_NOOP && fn)
				r = fn(h.nlmsg_type, p + sizeof(h), n, arg);
			if (r < 0)
				return error_sys(err, r, "netlink: unexpected answer");
		}
		p += step;
		len -= step;
	}
	return len ? error_set(err, -EBADMSG, "netlink: %zu bytes too many", len) : 0;
}

/* ---- the socket ----------------------------------------------------------------------------------------------------- */

int nl_open(struct nl_sock *s, int protocol, struct error *err)
{
	/* Never needed: the kernel has answered before sendto() returns. A bound in case it has not. */
	struct timeval tv = { .tv_sec = 2 };
	int one = 1;

	s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (s->fd < 0)
		return error_sys(err, -errno, "cannot open a netlink socket");
	s->answer = malloc(NL_ANSWER_MAX);
	if (!s->answer) {
		nl_close(s);
		return error_oom(err);
	}
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	/* Words with errors, and not the request again; older kernels do without. */
	setsockopt(s->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(s->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	/* Of dumps: only what the request's fixed part selects. */
	setsockopt(s->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	return 0;
}

void nl_close(struct nl_sock *s)
{
	s->fd = fd_close(s->fd);
	free(s->answer);
	s->answer = NULL;
}

static int receive(struct nl_sock *s, size_t *ret_len, struct error *err)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t n;

	do {
		n = recvfrom(s->fd, s->answer, NL_ANSWER_MAX, MSG_TRUNC, (struct sockaddr *)&from,
			     &from_len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(err, -errno, "netlink: no answer");
	if (n > NL_ANSWER_MAX)
		return error_set(err, -EMSGSIZE, "netlink: an answer of %zd bytes", n);
	/* Any process may send to this socket; only port 0 is the kernel. */
	*ret_len = from.nl_pid == 0 ? (size_t)n : 0;
	return 0;
}

int nl_request(struct nl_sock *s, struct nl_msg *m, nl_fn fn, void *arg, struct error *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr h;
	int r = 0;

	if (m->error)
		return error_sys(err, m->error, "netlink: request");
	memcpy(&h, m->buf, sizeof(h));
	h.nlmsg_len = (uint32_t)m->len;
	h.nlmsg_seq = ++s->seq;
	/* Its two bits mean other things in requests that change something; those never have both. */
	if ((h.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		h.nlmsg_flags |= NLM_F_ACK;
	memcpy(m->buf, &h, sizeof(h));
	if (sendto(s->fd, m->buf, m->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return error_sys(err, -errno, "netlink: cannot send");
	while (r == 0) {
		size_t len = 0;

		r = receive(s, &len, err);
		if (r == 0)
			r = nl_answer(s->answer, len, s->seq, fn, arg, err);
	}
	return r < 0 ? r : 0;
}
