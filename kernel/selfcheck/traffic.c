/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "base/compiler.h"
#include "base/fd.h"
#include "selfcheck/filter.h"
#include "selfcheck/link.h"

/* Queueing disciplines, filters and congestion control. */

unsigned int if_nametoindex(const char *name);

#define MAKE (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)

static int add_qdisc(const char *kind, uint32_t handle, uint32_t parent, struct error *err)
{
	const struct tcmsg head = { .tcm_family = AF_UNSPEC,
				    .tcm_ifindex = (int)if_nametoindex("sc0"),
				    .tcm_handle = handle,
				    .tcm_parent = parent };
	const struct tc_tbf_qopt tbf = {
		.rate = { .rate = 125000, .linklayer = TC_LINKLAYER_ETHERNET }, .limit = 100000
	};
	const struct tc_htb_glob htb = { .version = 3, .rate2quantum = 10 };
	struct netlink n;
	size_t options;

	netlink_begin(&n, RTM_NEWQDISC, MAKE, &head, sizeof(head));
	netlink_str(&n, TCA_KIND, kind);
	if (strcmp(kind, "ingress") != 0) {
		options = netlink_open(&n, TCA_OPTIONS);
		if (strcmp(kind, "tbf") == 0) {
			netlink_put(&n, TCA_TBF_PARMS, &tbf, sizeof(tbf));
			netlink_u32(&n, TCA_TBF_BURST, 20000);
		} else if (strcmp(kind, "htb") == 0) {
			netlink_put(&n, TCA_HTB_INIT, &htb, sizeof(htb));
		}
		netlink_close(&n, options);
	}
	return netlink_talk(&n, NETLINK_ROUTE, err) < 0
		       ? error_prefix(err, "queueing discipline %s", kind)
		       : 0;
}

/* All that comes in goes to another device: what connects a tap device with a container's network. */
static int add_mirred(struct error *err)
{
	const struct tcmsg head = { .tcm_ifindex = (int)if_nametoindex("sc0"),
				    .tcm_parent = 0xffff0000u,
				    .tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL)) };
	const struct tc_u32_sel all = { .flags = TC_U32_TERMINAL };
	const struct tc_mirred mirred = { .action = TC_ACT_STOLEN,
					  .eaction = TCA_EGRESS_REDIR,
					  .ifindex = if_nametoindex("sc1") };
	struct netlink n;
	size_t options, actions, action, inner;

	netlink_begin(&n, RTM_NEWTFILTER, MAKE, &head, sizeof(head));
	netlink_str(&n, TCA_KIND, "u32");
	options = netlink_open(&n, TCA_OPTIONS);
	netlink_put(&n, TCA_U32_SEL, &all, sizeof(all));
	actions = netlink_open(&n, TCA_U32_ACT);
	action = netlink_open(&n, 1);
	netlink_str(&n, TCA_ACT_KIND, "mirred");
	inner = netlink_open(&n, TCA_ACT_OPTIONS);
	netlink_put(&n, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	netlink_close(&n, inner);
	netlink_close(&n, action);
	netlink_close(&n, actions);
	netlink_close(&n, options);
	return netlink_talk(&n, NETLINK_ROUTE, err) < 0
		       ? error_prefix(err, "filter u32 with mirred")
		       : 0;
}

static int add_cgroup_filter(struct error *err)
{
	const struct tcmsg head = { .tcm_ifindex = (int)if_nametoindex("sc0"),
				    .tcm_parent = 0x10000,
				    .tcm_handle = 1,
				    .tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL)) };
	struct netlink n;
	size_t options;

	netlink_begin(&n, RTM_NEWTFILTER, MAKE, &head, sizeof(head));
	netlink_str(&n, TCA_KIND, "cgroup");
	options = netlink_open(&n, TCA_OPTIONS);
	netlink_close(&n, options);
	return netlink_talk(&n, NETLINK_ROUTE, err) < 0 ? error_prefix(err, "filter cgroup") : 0;
}

int check_traffic_control(struct error *err)
{
	/* Each takes the place of the one before, under a number of its own; htb, the last, is 1:, and has the filter of control groups. */
	static const char *const kinds[] = { "fq", "fq_codel", "tbf", "htb" };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = link_add("sc0", "dummy", NULL, err);

	if (r == 0)
		r = link_add("sc1", "dummy", NULL, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = add_qdisc(kinds[i], (uint32_t)(ARRAY_SIZE(kinds) - i) << 16, TC_H_ROOT, err);
	if (r == 0)
		r = add_cgroup_filter(err);
	if (r == 0)
		r = add_qdisc("ingress", 0xffff0000u, TC_H_INGRESS, err);
	if (r == 0)
		r = add_mirred(err);
	if (r == 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3) < 0)
		r = error_sys(err, -errno, "congestion control bbr");
	return r;
}
