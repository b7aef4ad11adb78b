/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/compiler.h"
#include "base/fd.h"
#include "selfcheck/filter.h"
#include "selfcheck/link.h"
#include "selfcheck/selfcheck.h"

/* nftables: a rule of each kind, and NAT that carries a connection. */

#define TABLE  "sc"
#define NFT(m) (NFNL_SUBSYS_NFTABLES << 8 | (m))
#define MAKE   (NLM_F_REQUEST | NLM_F_CREATE)

/* One number of an expression; its kind is its size in network byte order, 0 ends the list. */
struct value {
	uint16_t type;
	uint8_t size;
	uint64_t v;
};

struct expression {
	const char *name;
	const char *
		chain; /* filter, nat-in (prerouting), nat-out (postrouting), output; of `chains` */
	uint8_t family;
	struct value values[6];
};

/* Base chains by name: type, hook, priority. */
static const struct chain {
	const char *name, *type;
	uint32_t hook, priority;
} chains[] = {
	{ "filter", "filter", NF_INET_PRE_ROUTING, 0 },
	{ "input", "filter", NF_INET_LOCAL_IN, 0 },
	{ "nat-in", "nat", NF_INET_PRE_ROUTING, 0 },
	{ "nat-out", "nat", NF_INET_POST_ROUTING, 100 },
	{ "nat-local", "nat", NF_INET_LOCAL_OUT, 0 },
};

static const struct expression expressions[] = {
	{ "ct",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_CT_KEY, 4, NFT_CT_STATE }, { NFTA_CT_DREG, 4, NFT_REG_1 } } },
	{ "log", "filter", NFPROTO_INET, { { NFTA_LOG_LEVEL, 4, 6 } } },
	{ "limit",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_LIMIT_RATE, 8, 10 }, { NFTA_LIMIT_UNIT, 8, 1 } } },
	{ "masq", "nat-out", NFPROTO_INET, { { 0 } } },
	{ "masq", "nat-out", NFPROTO_IPV6, { { 0 } } },
	{ "redir", "nat-in", NFPROTO_INET, { { 0 } } },
	{ "nat",
	  "nat-out",
	  NFPROTO_IPV4,
	  { { NFTA_NAT_TYPE, 4, NFT_NAT_SNAT },
	    { NFTA_NAT_FAMILY, 4, NFPROTO_IPV4 },
	    { NFTA_NAT_REG_ADDR_MIN, 4, NFT_REG_1 } } },
	{ "reject", "input", NFPROTO_INET, { { NFTA_REJECT_TYPE, 4, NFT_REJECT_TCP_RST } } },
	{ "reject",
	  "input",
	  NFPROTO_IPV4,
	  { { NFTA_REJECT_TYPE, 4, NFT_REJECT_ICMP_UNREACH }, { NFTA_REJECT_ICMP_CODE, 1, 3 } } },
	{ "fib",
	  "filter",
	  NFPROTO_IPV4,
	  { { NFTA_FIB_DREG, 4, NFT_REG_1 },
	    { NFTA_FIB_RESULT, 4, NFT_FIB_RESULT_ADDRTYPE },
	    { NFTA_FIB_FLAGS, 4, NFTA_FIB_F_DADDR } } },
	{ "fib",
	  "filter",
	  NFPROTO_IPV6,
	  { { NFTA_FIB_DREG, 4, NFT_REG_1 },
	    { NFTA_FIB_RESULT, 4, NFT_FIB_RESULT_ADDRTYPE },
	    { NFTA_FIB_FLAGS, 4, NFTA_FIB_F_DADDR } } },
	{ "fib",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_FIB_DREG, 4, NFT_REG_1 },
	    { NFTA_FIB_RESULT, 4, NFT_FIB_RESULT_ADDRTYPE },
	    { NFTA_FIB_FLAGS, 4, NFTA_FIB_F_DADDR } } },
	{ "quota", "filter", NFPROTO_INET, { { NFTA_QUOTA_BYTES, 8, 1 << 20 } } },
	{ "tproxy",
	  "filter",
	  NFPROTO_IPV4,
	  { { NFTA_TPROXY_FAMILY, 4, NFPROTO_IPV4 }, { NFTA_TPROXY_REG_PORT, 4, NFT_REG_1 } } },
	{ "socket",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_SOCKET_KEY, 4, NFT_SOCKET_TRANSPARENT }, { NFTA_SOCKET_DREG, 4, NFT_REG_1 } } },
	{ "hash",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_HASH_SREG, 4, NFT_REG_1 },
	    { NFTA_HASH_DREG, 4, NFT_REG_2 },
	    { NFTA_HASH_LEN, 4, 4 },
	    { NFTA_HASH_MODULUS, 4, 8 } } },
	{ "numgen",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_NG_DREG, 4, NFT_REG_1 },
	    { NFTA_NG_MODULUS, 4, 4 },
	    { NFTA_NG_TYPE, 4, NFT_NG_RANDOM } } },
	{ "queue",
	  "filter",
	  NFPROTO_INET,
	  { { NFTA_QUEUE_NUM, 2, 1 }, { NFTA_QUEUE_TOTAL, 2, 1 } } },
};

static void batch(struct netlink *n, bool begin)
{
	const struct nfgenmsg head = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	if (begin)
		netlink_begin(n, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, &head, sizeof(head));
	else
		netlink_next(n, NFNL_MSG_BATCH_END, NLM_F_REQUEST, &head, sizeof(head));
}

/* A table with one chain. The last message of a batch must ask for the acknowledgement: `flags`. */
static void put_chain(struct netlink *n, uint8_t family, const struct chain *c, uint16_t flags)
{
	const struct nfgenmsg head = { .nfgen_family = family };
	size_t hook;

	netlink_next(n, NFT(NFT_MSG_NEWTABLE), MAKE, &head, sizeof(head));
	netlink_str(n, NFTA_TABLE_NAME, TABLE);
	netlink_next(n, NFT(NFT_MSG_NEWCHAIN), MAKE | flags, &head, sizeof(head));
	netlink_str(n, NFTA_CHAIN_TABLE, TABLE);
	netlink_str(n, NFTA_CHAIN_NAME, c->name);
	netlink_str(n, NFTA_CHAIN_TYPE, c->type);
	hook = netlink_open(n, NFTA_CHAIN_HOOK);
	netlink_be32(n, NFTA_HOOK_HOOKNUM, c->hook);
	netlink_be32(n, NFTA_HOOK_PRIORITY, c->priority);
	netlink_close(n, hook);
}

struct rule {
	size_t list;
};

static struct rule begin_rule(struct netlink *n, uint8_t family, const char *chain)
{
	const struct nfgenmsg head = { .nfgen_family = family };

	netlink_next(n, NFT(NFT_MSG_NEWRULE), MAKE | NLM_F_APPEND | NLM_F_ACK, &head, sizeof(head));
	netlink_str(n, NFTA_RULE_TABLE, TABLE);
	netlink_str(n, NFTA_RULE_CHAIN, chain);
	return (struct rule){ netlink_open(n, NFTA_RULE_EXPRESSIONS) };
}

static void put_expression(struct netlink *n, const struct expression *e)
{
	const size_t element = netlink_open(n, NFTA_LIST_ELEM);
	size_t data;

	netlink_str(n, NFTA_EXPR_NAME, e->name);
	data = netlink_open(n, NFTA_EXPR_DATA);
	for (const struct value *v = e->values; v < e->values + ARRAY_SIZE(e->values) && v->size;
	     v++) {
		if (v->size == 1)
			netlink_u8(n, v->type, (uint8_t)v->v);
		else if (v->size == 2)
			netlink_be16(n, v->type, (uint16_t)v->v);
		else if (v->size == 4)
			netlink_be32(n, v->type, (uint32_t)v->v);
		else
			netlink_be64(n, v->type, v->v);
	}
	netlink_close(n, data);
	netlink_close(n, element);
}

/* Loads bytes into register 1. */
static void put_immediate(struct netlink *n, const void *bytes, size_t len)
{
	const size_t element = netlink_open(n, NFTA_LIST_ELEM);
	size_t data, value;

	netlink_str(n, NFTA_EXPR_NAME, "immediate");
	data = netlink_open(n, NFTA_EXPR_DATA);
	netlink_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	value = netlink_open(n, NFTA_IMMEDIATE_DATA);
	netlink_put(n, NFTA_DATA_VALUE, bytes, len);
	netlink_close(n, value);
	netlink_close(n, data);
	netlink_close(n, element);
}

static int end_rule(struct netlink *n, struct rule rule, const char *what, struct error *err)
{
	netlink_close(n, rule.list);
	batch(n, false);
	return netlink_talk(n, NETLINK_NETFILTER, err) < 0
		       ? error_prefix(err, "nft rule \"%s\"", what)
		       : 0;
}

static const struct chain *find_chain(const char *name)
{
	const struct chain *c = chains;

	while (strcmp(c->name, name) != 0)
		c++;
	return c;
}

static int add_rule(const struct expression *e, const void *immediate, size_t len,
		    struct error *err)
{
	struct netlink n;
	struct rule rule;

	batch(&n, true);
	put_chain(&n, e->family, find_chain(e->chain), 0);
	rule = begin_rule(&n, e->family, e->chain);
	put_immediate(&n, immediate, len);
	put_expression(&n, e);
	return end_rule(&n, rule, e->name, err);
}

/* A chain for what comes in through a device. */
static int netdev_chain(struct error *err)
{
	const struct nfgenmsg head = { .nfgen_family = NFPROTO_NETDEV };
	struct netlink n;
	size_t hook;

	batch(&n, true);
	netlink_next(&n, NFT(NFT_MSG_NEWTABLE), MAKE, &head, sizeof(head));
	netlink_str(&n, NFTA_TABLE_NAME, TABLE);
	netlink_next(&n, NFT(NFT_MSG_NEWCHAIN), MAKE | NLM_F_ACK, &head, sizeof(head));
	netlink_str(&n, NFTA_CHAIN_TABLE, TABLE);
	netlink_str(&n, NFTA_CHAIN_NAME, "ingress");
	netlink_str(&n, NFTA_CHAIN_TYPE, "filter");
	hook = netlink_open(&n, NFTA_CHAIN_HOOK);
	netlink_be32(&n, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
	netlink_be32(&n, NFTA_HOOK_PRIORITY, 0);
	netlink_str(&n, NFTA_HOOK_DEV, "lo");
	netlink_close(&n, hook);
	batch(&n, false);
	return netlink_talk(&n, NETLINK_NETFILTER, err) < 0
		       ? error_prefix(err, "nft chain of a device")
		       : 0;
}

int check_nftables(struct error *err)
{
	const uint32_t number = htonl(0x0a090001);
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(expressions); i++)
		r = add_rule(&expressions[i], &number, sizeof(number), err);
	return r < 0 ? r : netdev_chain(err);
}

/* Answers one connection on port 2000. */
static int serve(const char *from, int ready)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c = -1;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(2000) };
	socklen_t len = sizeof(addr);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 1) < 0 ||
	    write(ready, "r", 1) != 1)
		return 1;
	c = accept(fd, (struct sockaddr *)&addr, &len);
	return c < 0 || write(c, addr.sin_addr.s_addr == inet_addr(from) ? "y" : "n", 1) != 1;
}

int check_redirected(const char *from, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in addr = { .sin_family = AF_INET,
					  .sin_port = htons(1000),
					  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct timeval patience = { 10, 0 };
	int ready[2];
	char c;

	if (link_up("lo", NULL, err) < 0)
		return err->code;
	if (fd_pipe(ready, 0) < 0)
		return error_sys(err, -errno, "pipe");
	if (fork() == 0)
		_exit(serve(from, ready[1]));
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		return error_set(err, -EIO, "the server does not start");
	close(ready[0]);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || read(fd, &c, 1) != 1)
		return error_sys(err, -errno, "a redirected connection");
	return c == 'y' ? 0
			: error_set(err, -EBADMSG, "the server did not see the address %s", from);
}

/* Port 1000 of this host leads to 2000, and all that goes out comes from 127.0.0.9. */
int check_nat(struct error *err)
{
	static const struct expression to_2000 = {
		"redir", "nat-local", NFPROTO_IPV4, { { NFTA_REDIR_REG_PROTO_MIN, 4, NFT_REG_1 } }
	};
	static const struct expression from_9 = { "nat",
						  "nat-out",
						  NFPROTO_IPV4,
						  { { NFTA_NAT_TYPE, 4, NFT_NAT_SNAT },
						    { NFTA_NAT_FAMILY, 4, NFPROTO_IPV4 },
						    { NFTA_NAT_REG_ADDR_MIN, 4, NFT_REG_1 } } };
	const uint16_t port = htons(2000);
	const uint32_t nine = inet_addr("127.0.0.9");
	int r = add_rule(&to_2000, &port, sizeof(port), err);

	if (r == 0)
		r = add_rule(&from_9, &nine, sizeof(nine), err);
	return r < 0 ? r : check_redirected("127.0.0.9", err);
}

/* Connection tracking sees the connection that NAT needed; logging and queueing to programs answer. */
int check_netfilter(struct error *err)
{
	const struct nfgenmsg head = { .nfgen_family = AF_INET };
	const struct nfulnl_msg_config_cmd log = { NFULNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_cmd queue = { .command = NFQNL_CFG_CMD_BIND,
						    .pf = htons(AF_INET) };
	const struct nfgenmsg group = { .nfgen_family = AF_INET, .res_id = htons(5) };
	struct netlink n;
	int r = check_nat(err);

	if (r < 0)
		return r;
	netlink_begin(&n, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		      NLM_F_REQUEST | NLM_F_DUMP, &head, sizeof(head));
	if (netlink_talk(&n, NETLINK_NETFILTER, err) < 0)
		return error_prefix(err, "connection tracking");
	if (!n.len)
		return error_set(err, -ENOENT, "no connection is tracked");
	netlink_begin(&n, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK,
		      &group, sizeof(group));
	netlink_put(&n, NFULA_CFG_CMD, &log, sizeof(log));
	if (netlink_talk(&n, NETLINK_NETFILTER, err) < 0)
		return error_prefix(err, "logging to programs");
	netlink_begin(&n, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK,
		      &group, sizeof(group));
	netlink_put(&n, NFQA_CFG_CMD, &queue, sizeof(queue));
	if (netlink_talk(&n, NETLINK_NETFILTER, err) < 0)
		return error_prefix(err, "queueing to programs");
	return access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) < 0
		       ? error_sys(err, -errno, "filtering in bridges")
		       : 0;
}
