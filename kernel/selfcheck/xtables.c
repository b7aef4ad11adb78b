/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/ip_vs.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/compiler.h"
#include "base/fd.h"
#include "selfcheck/filter.h"
#include "selfcheck/link.h"
#include "selfcheck/selfcheck.h"

/* iptables over socket options and inside nftables, IP sets, IP virtual servers, traffic control. */

/* Matches and targets with a revision that the kernel has, as iptables(8) asks for them. */
struct extension {
	const char *name;
	uint8_t revision;
	bool target;
};

static const struct extension extensions[] = {
	{ "mark", 1, false },	   { "connmark", 1, false },  { "addrtype", 1, false },
	{ "comment", 0, false },   { "conntrack", 3, false }, { "limit", 0, false },
	{ "multiport", 1, false }, { "owner", 1, false },     { "statistic", 0, false },
	{ "physdev", 0, false },   { "recent", 1, false },    { "socket", 3, false },
	{ "state", 0, false },	   { "string", 1, false },    { "hashlimit", 3, false },
	{ "iprange", 1, false },   { "length", 0, false },    { "mac", 0, false },
	{ "pkttype", 0, false },   { "tcpmss", 0, false },    { "connlimit", 1, false },
	{ "connbytes", 0, false }, { "cgroup", 2, false },    { "dscp", 0, false },
	{ "ecn", 0, false },	   { "u32", 0, false },	      { "bpf", 1, false },
	{ "time", 0, false },	   { "quota", 0, false },     { "set", 4, false },
	{ "tcp", 0, false },	   { "udp", 0, false },	      { "MARK", 2, true },
	{ "CONNMARK", 1, true },   { "SNAT", 2, true },	      { "DNAT", 2, true },
	{ "MASQUERADE", 0, true }, { "REDIRECT", 0, true },   { "LOG", 0, true },
	{ "TCPMSS", 0, true },	   { "NFLOG", 0, true },      { "TPROXY", 1, true },
	{ "CT", 2, true },	   { "CLASSIFY", 0, true },   { "SET", 3, true },
};

static int ask_compat(const struct extension *x, struct error *err)
{
	const struct nfgenmsg head = { .nfgen_family = AF_INET };
	struct netlink n;

	netlink_begin(&n, NFNL_SUBSYS_NFT_COMPAT << 8 | NFNL_MSG_COMPAT_GET,
		      NLM_F_REQUEST | NLM_F_ACK, &head, sizeof(head));
	netlink_str(&n, NFTA_COMPAT_NAME, x->name);
	netlink_be32(&n, NFTA_COMPAT_REV, x->revision);
	netlink_be32(&n, NFTA_COMPAT_TYPE, x->target);
	return netlink_talk(&n, NETLINK_NETFILTER, err) < 0
		       ? error_prefix(err, "%s, revision %u, in nftables", x->name, x->revision)
		       : 0;
}

int check_nft_compat(struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(extensions); i++)
		r = ask_compat(&extensions[i], err);
	return r;
}

static int ask_revision(int fd, const struct extension *x, struct error *err)
{
	struct xt_get_revision rev = { .revision = x->revision };
	socklen_t len = sizeof(rev);

	snprintf(rev.name, sizeof(rev.name), "%s", x->name);
	return getsockopt(fd, IPPROTO_IP,
			  x->target ? IPT_SO_GET_REVISION_TARGET : IPT_SO_GET_REVISION_MATCH, &rev,
			  &len) < 0
		       ? error_sys(err, -errno, "%s, revision %u", x->name, x->revision)
		       : 0;
}

/* The nat table as iptables-legacy(8) writes it: a verdict for each hook, our rule in front of the one of OUTPUT, and an error entry. */
struct standard {
	struct ipt_entry entry;
	struct xt_standard_target target;
};
struct redirect {
	struct ipt_entry entry;
	struct {
		struct xt_entry_target head;
		struct nf_nat_ipv4_multi_range_compat range;
	} target __attribute__((aligned(8)));
};
struct nat_table {
	struct ipt_replace head;
	struct standard prerouting, input;
	struct redirect output_rule;
	struct standard output, postrouting;
	struct {
		struct ipt_entry entry;
		struct xt_error_target target;
	} error;
};

#define AT(member) (uint32_t)(offsetof(struct nat_table, member) - sizeof(struct ipt_replace))

static void set_standard(struct standard *s)
{
	s->entry.target_offset = sizeof(s->entry);
	s->entry.next_offset = sizeof(*s);
	s->target.target.u.user.target_size = sizeof(s->target);
	/* iptables stores verdicts as -verdict - 1 */
	s->target.verdict = -NF_ACCEPT - 1;
}

static void set_table(struct nat_table *t, struct xt_counters *counters)
{
	static const uint32_t hooks[] = { NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT,
					  NF_INET_POST_ROUTING };
	const uint32_t entries[] = { AT(prerouting), AT(input), AT(output_rule), AT(postrouting) };
	const uint32_t policies[] = { AT(prerouting), AT(input), AT(output), AT(postrouting) };

	memset(t, 0, sizeof(*t));
	snprintf(t->head.name, sizeof(t->head.name), "nat");
	t->head.num_entries = 6;
	t->head.size = sizeof(*t) - sizeof(t->head);
	/* Of the table that is replaced: four verdicts and the error entry. */
	t->head.num_counters = 5;
	t->head.counters = counters;
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		t->head.valid_hooks |= 1u << hooks[i];
		t->head.hook_entry[hooks[i]] = entries[i];
		t->head.underflow[hooks[i]] = policies[i];
	}
	set_standard(&t->prerouting);
	set_standard(&t->input);
	set_standard(&t->output);
	set_standard(&t->postrouting);
	t->output_rule.entry.ip.proto = IPPROTO_TCP;
	t->output_rule.entry.target_offset = offsetof(struct redirect, target);
	t->output_rule.entry.next_offset = sizeof(t->output_rule);
	t->output_rule.target.head.u.user.target_size = sizeof(t->output_rule.target);
	snprintf(t->output_rule.target.head.u.user.name, XT_EXTENSION_MAXNAMELEN, "REDIRECT");
	t->output_rule.target.range.rangesize = 1;
	t->output_rule.target.range.range[0].flags = NF_NAT_RANGE_PROTO_SPECIFIED;
	t->output_rule.target.range.range[0].min.tcp.port = htons(2000);
	t->output_rule.target.range.range[0].max.tcp.port = htons(2000);
	t->error.entry.target_offset = sizeof(t->error.entry);
	t->error.entry.next_offset = sizeof(t->error);
	t->error.target.target.u.user.target_size = sizeof(t->error.target);
	snprintf(t->error.target.target.u.user.name, XT_EXTENSION_MAXNAMELEN, "ERROR");
	snprintf(t->error.target.errorname, sizeof(t->error.target.errorname), "ERROR");
}

static int table_exists(int fd, int level, int option, const char *name, struct error *err)
{
	struct ipt_getinfo info = { 0 };
	socklen_t len = sizeof(info);

	snprintf(info.name, sizeof(info.name), "%s", name);
	return getsockopt(fd, level, option, &info, &len) < 0
		       ? error_sys(err, -errno, "table %s of %s", name,
				   level == IPPROTO_IP ? "iptables" : "ip6tables")
		       : 0;
}

int check_iptables(struct error *err)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw" };
	static const struct extension old[] = { { "REJECT", 0, true }, { "rpfilter", 0, false } };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	_cleanup_fd_ int fd6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	static struct nat_table table;
	struct xt_counters counters[5];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tables); i++) {
		r = table_exists(fd, IPPROTO_IP, IPT_SO_GET_INFO, tables[i], err);
		if (r == 0)
			r = table_exists(fd6, IPPROTO_IPV6, IP6T_SO_GET_INFO, tables[i], err);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(extensions); i++)
		r = ask_revision(fd, &extensions[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(old); i++)
		r = ask_revision(fd, &old[i], err);
	if (r < 0)
		return r;
	set_table(&table, counters);
	if (setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, &table, sizeof(table)) < 0)
		return error_sys(err, -errno, "replacing the nat table");
	return check_redirected("127.0.0.1", err);
}

static int ipset_talk(struct netlink *n, struct error *err)
{
	return netlink_talk(n, NETLINK_NETFILTER, err);
}

static void ipset_begin(struct netlink *n, uint16_t command, const char *set)
{
	const struct nfgenmsg head = { .nfgen_family = AF_INET };

	netlink_begin(n, (uint16_t)(NFNL_SUBSYS_IPSET << 8 | command), NLM_F_REQUEST | NLM_F_ACK,
		      &head, sizeof(head));
	netlink_u8(n, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);
	netlink_str(n, IPSET_ATTR_SETNAME, set);
}

static void put_address(struct netlink *n, uint16_t type, const char *address)
{
	const size_t mark = netlink_open(n, type);
	const uint32_t a = inet_addr(address);

	netlink_put(n, IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, &a, sizeof(a));
	netlink_close(n, mark);
}

static int create_set(const char *type, struct error *err)
{
	struct netlink n;
	size_t data;

	ipset_begin(&n, IPSET_CMD_CREATE, type);
	netlink_str(&n, IPSET_ATTR_TYPENAME, type);
	netlink_u8(&n, IPSET_ATTR_REVISION, strcmp(type, "list:set") == 0 ? 3 : 1);
	netlink_u8(&n, IPSET_ATTR_FAMILY, AF_INET);
	data = netlink_open(&n, IPSET_ATTR_DATA);
	if (strcmp(type, "bitmap:ip") == 0) {
		put_address(&n, IPSET_ATTR_IP, "10.9.0.0");
		put_address(&n, IPSET_ATTR_IP_TO, "10.9.0.255");
	} else if (strcmp(type, "bitmap:port") == 0) {
		netlink_be16(&n, IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, 1);
		netlink_be16(&n, IPSET_ATTR_PORT_TO | NLA_F_NET_BYTEORDER, 1000);
	}
	netlink_close(&n, data);
	return ipset_talk(&n, err) < 0 ? error_prefix(err, "set %s", type) : 0;
}

static int address_in_set(uint16_t command, const char *address, struct error *err)
{
	struct netlink n;
	size_t data;

	ipset_begin(&n, command, "hash:ip");
	data = netlink_open(&n, IPSET_ATTR_DATA);
	put_address(&n, IPSET_ATTR_IP, address);
	netlink_close(&n, data);
	return ipset_talk(&n, err);
}

int check_ipset(struct error *err)
{
	static const char *const types[] = {
		"bitmap:ip",	"bitmap:port",	   "hash:ip",
		"hash:ip,port", "hash:ip,port,ip", "hash:ip,port,net",
		"hash:net",	"hash:net,port",   "list:set",
	};
	struct error ignored = ERROR_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(types); i++)
		r = create_set(types[i], err);
	if (r == 0)
		r = address_in_set(IPSET_CMD_ADD, "10.9.0.1", err);
	if (r == 0)
		r = address_in_set(IPSET_CMD_TEST, "10.9.0.1", err);
	if (r == 0 && address_in_set(IPSET_CMD_TEST, "10.9.0.2", &ignored) == 0)
		r = error_set(err, -EBADMSG, "an address that was not added is in the set");
	return r;
}

int check_ipvs(struct error *err)
{
	static const char *const schedulers[] = { "rr", "wrr", "lc", "wlc", "sh" };
	static const struct extension match = { "ipvs", 0, false };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	struct {
		struct ip_vs_service_user service;
		struct ip_vs_dest_user dest;
	} both = { .service = { .protocol = IPPROTO_TCP,
				.addr = htonl(0x0a090001),
				.netmask = UINT32_MAX },
		   .dest = { .addr = htonl(0x7f000001),
			     .port = htons(80),
			     .conn_flags = IP_VS_CONN_F_MASQ,
			     .weight = 1 } };

	/* Whether an address is the host's own is known when there is a device. */
	if (link_up("lo", NULL, err) < 0)
		return err->code;
	for (size_t i = 0; i < ARRAY_SIZE(schedulers); i++) {
		both.service.port = htons((uint16_t)(1000 + i));
		both.service.protocol = i & 1 ? IPPROTO_UDP : IPPROTO_TCP;
		snprintf(both.service.sched_name, sizeof(both.service.sched_name), "%s",
			 schedulers[i]);
		if (setsockopt(fd, IPPROTO_IP, IP_VS_SO_SET_ADD, &both.service,
			       sizeof(both.service)) < 0)
			return error_sys(err, -errno, "virtual server with scheduler %s",
					 schedulers[i]);
		if (setsockopt(fd, IPPROTO_IP, IP_VS_SO_SET_ADDDEST, &both, sizeof(both)) < 0)
			return error_sys(err, -errno, "a server behind scheduler %s",
					 schedulers[i]);
	}
	return ask_revision(fd, &match, err);
}

const struct selfcheck filter_checks[] = {
	{ .feature = "netfilter", .run = check_netfilter, .host_net = false },
	{ .feature = "nat", .run = check_nat },
	{ .feature = "nftables", .run = check_nftables },
	{ .feature = "iptables", .run = check_nft_compat },
	{ .feature = "iptables-legacy", .run = check_iptables },
	{ .feature = "ipset", .run = check_ipset },
	{ .feature = "ipvs", .run = check_ipvs },
	{ .feature = "traffic-control", .run = check_traffic_control },
	{ .feature = NULL },
};
