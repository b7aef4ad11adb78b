/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as bytes; no kernel. */
#include "support/cmocka_all.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include "net/rtnl.h"
#include "net/uevent.h"

struct seen {
	int n, type;
	struct net_link link;
	int result;
};

static int on_link(uint16_t type, const void *data, size_t len, void *arg)
{
	struct seen *s = arg;

	s->n++;
	s->type = type;
	s->result = net_link_read(type, data, len, &s->link);
	return s->result < 0 ? s->result : 0;
}

/* What nl_msg builds is what the kernel would send: the header is finished by hand. */
static void finish(struct nl_msg *m, uint16_t flags)
{
	struct nlmsghdr h;

	memcpy(&h, m->buf, sizeof(h));
	h.nlmsg_len = (uint32_t)m->len;
	h.nlmsg_seq = 7;
	h.nlmsg_flags = flags;
	memcpy(m->buf, &h, sizeof(h));
}

static void make_link(struct nl_msg *m)
{
	struct ifinfomsg head = { .ifi_index = 5, .ifi_flags = IFF_UP };
	size_t nest;

	nl_msg_init(m, RTM_NEWLINK, 0, &head, sizeof(head));
	nl_put_str(m, IFLA_IFNAME, "eth7");
	nl_put_u32(m, IFLA_MTU, 1400);
	nl_put(m, IFLA_ADDRESS, "\x02\0\0\0\0\x09", 6);
	nest = nl_nest_begin(m, IFLA_LINKINFO);
	nl_put_str(m, IFLA_INFO_KIND, "veth");
	nl_nest_end(m, nest);
	finish(m, NLM_F_MULTI);
}

static void test_link(void **state)
{
	struct error err = ERROR_INIT;
	struct seen s = { 0 };
	struct nl_msg m;

	make_link(&m);
	assert_int_equal(m.error, 0);
	assert_int_equal(nl_answer(m.buf, m.len, 7, on_link, &s, &err), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.link.index, 5);
	assert_string_equal(s.link.name, "eth7");
	assert_string_equal(s.link.kind, "veth");
	assert_int_equal(s.link.mtu, 1400);
	assert_int_equal(s.link.mac_len, 6);
	assert_int_equal(s.link.flags, IFF_UP);
	/* What another request has left is passed over. */
	assert_int_equal(nl_answer(m.buf, m.len, 8, on_link, &s, &err), 0);
	assert_int_equal(s.n, 1);
}

/* Cut anywhere, it is refused or says less; nothing is read behind the end (seen under sanitizers). */
static void test_cut(void **state)
{
	struct nl_msg m;

	make_link(&m);
	for (size_t n = 0; n < m.len; n++) {
		struct error err = ERROR_INIT;
		struct seen s = { 0 };
		uint8_t *copy = test_malloc(n + 1);

		memcpy(copy, m.buf, n);
		assert_int_equal(nl_answer(copy, n, 7, on_link, &s, &err), n ? -EBADMSG : 0);
		test_free(copy);
	}
}

static void test_bad_attribute(void **state)
{
	struct error err = ERROR_INIT;
	struct seen s = { 0 };
	struct nl_msg m;
	uint16_t huge = 0xffff;

	make_link(&m);
	memcpy(m.buf + NLMSG_HDRLEN + sizeof(struct ifinfomsg), &huge, sizeof(huge));
	assert_int_equal(nl_answer(m.buf, m.len, 7, on_link, &s, &err), -EBADMSG);
	assert_string_equal(err.msg, "netlink: unexpected answer: Bad message");
}

static void test_errors(void **state)
{
	struct nlmsgerr e = { .error = -EEXIST };
	struct error err = ERROR_INIT;
	struct nl_msg m;

	nl_msg_init(&m, NLMSG_ERROR, 0, &e, sizeof(e));
	finish(&m, NLM_F_CAPPED);
	assert_int_equal(nl_answer(m.buf, m.len, 7, NULL, NULL, &err), -EEXIST);
	assert_string_equal(err.msg, "File exists");
	nl_put_str(&m, NLMSGERR_ATTR_MSG, "there is one");
	finish(&m, NLM_F_CAPPED | NLM_F_ACK_TLVS);
	assert_int_equal(nl_answer(m.buf, m.len, 7, NULL, NULL, &err), -EEXIST);
	assert_string_equal(err.msg, "File exists (there is one)");
	e.error = 0;
	nl_msg_init(&m, NLMSG_ERROR, 0, &e, sizeof(e));
	finish(&m, 0);
	assert_int_equal(nl_answer(m.buf, m.len, 7, NULL, NULL, &err), 1);
	finish(&m, NLM_F_DUMP_INTR);
	assert_int_equal(nl_answer(m.buf, m.len, 7, NULL, NULL, &err), -EINTR);
	nl_msg_init(&m, NLMSG_ERROR, 0, &e, 4);
	finish(&m, 0);
	assert_int_equal(nl_answer(m.buf, m.len, 7, NULL, NULL, &err), -EBADMSG);
	assert_string_equal(err.msg, "netlink: short error message");
}

static void test_full(void **state)
{
	struct ifinfomsg head = { 0 };
	struct error err = ERROR_INIT;
	struct nl_sock s = NL_SOCK_INIT;
	struct nl_msg m;
	char big[NL_REQUEST_MAX];

	memset(big, 'x', sizeof(big));
	nl_msg_init(&m, RTM_SETLINK, 0, &head, sizeof(head));
	nl_put(&m, IFLA_IFNAME, big, sizeof(big));
	assert_int_equal(m.error, -EMSGSIZE);
	assert_int_equal(nl_request(&s, &m, NULL, NULL, &err), -EMSGSIZE);
	assert_string_equal(err.msg, "netlink: request: Message too long");
}

static void test_uevents(void **state)
{
	static const char add[] = "add@/devices/pci0/block/vda\0ACTION=add\0"
				  "DEVPATH=/devices/pci0/block/vda\0SUBSYSTEM=block\0DEVNAME=vda";
	static const char *const bad[] = { "libudev", "", "add", "@" };
	struct uevent ev;

	assert_int_equal(uevent_parse(add, sizeof(add), &ev), 0);
	assert_string_equal(ev.action, "add");
	assert_string_equal(ev.devpath, "/devices/pci0/block/vda");
	assert_string_equal(ev.subsystem, "block");
	assert_string_equal(ev.devname, "vda");
	/* Without the last NUL, which uevent_receive() adds. */
	assert_int_equal(uevent_parse(add, sizeof(add) - 1, &ev), 0);
	assert_string_equal(ev.devname, "vda");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(uevent_parse(bad[i], strlen(bad[i]) + 1, &ev), -EBADMSG);
	assert_int_equal(uevent_parse("a@b\0DEVPATH=/x", 14, &ev), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),	      cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bad_attribute), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_full),	      cmocka_unit_test(test_uevents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
