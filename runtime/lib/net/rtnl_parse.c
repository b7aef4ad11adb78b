/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include "net/rtnl.h"

/* Reads the fixed part and the attributes after it. */
static int open_message(const void *data, size_t len, void *head, size_t n, struct nl_attr *attrs,
			size_t n_attrs)
{
	size_t skip = NLMSG_ALIGN(n);

	if (len < n)
		return -EBADMSG;
	memcpy(head, data, n);
	if (skip >= len) {
		memset(attrs, 0, n_attrs * sizeof(*attrs));
		return 0;
	}
	return nl_parse((const uint8_t *)data + skip, len - skip, attrs, n_attrs);
}

static int read_addr(const struct nl_attr *a, int family, unsigned int prefix, struct net_addr *ret)
{
	size_t n = net_addr_size(family);

	if (!a->data)
		return 0;
	if (!n || a->len != n || prefix > 8 * n)
		return -EBADMSG;
	ret->family = family;
	ret->prefix = (uint8_t)prefix;
	memcpy(ret->bytes, a->data, n);
	return 0;
}

int net_link_read(uint16_t type, const void *data, size_t len, struct net_link *ret)
{
	struct nl_attr attrs[IFLA_LINKINFO + 1], info[IFLA_INFO_KIND + 1];
	struct ifinfomsg head;
	int r;

	if (type != RTM_NEWLINK)
		return 0;
	r = open_message(data, len, &head, sizeof(head), attrs, ARRAY_SIZE(attrs));
	if (r < 0)
		return r;
	*ret = (struct net_link){ .index = head.ifi_index,
				  .flags = head.ifi_flags,
				  .type = head.ifi_type,
				  .mtu = nl_attr_u32(&attrs[IFLA_MTU], 0) };
	nl_attr_str(&attrs[IFLA_IFNAME], ret->name, sizeof(ret->name));
	if (attrs[IFLA_ADDRESS].data && attrs[IFLA_ADDRESS].len <= NET_MAC_MAX) {
		ret->mac_len = attrs[IFLA_ADDRESS].len;
		memcpy(ret->mac, attrs[IFLA_ADDRESS].data, ret->mac_len);
	}
	if (attrs[IFLA_LINKINFO].data) {
		r = nl_parse(attrs[IFLA_LINKINFO].data, attrs[IFLA_LINKINFO].len, info,
			     ARRAY_SIZE(info));
		if (r < 0)
			return r;
		nl_attr_str(&info[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
	}
	return ret->name[0] ? 1 : -EBADMSG;
}

int net_ifaddr_read(uint16_t type, const void *data, size_t len, struct net_ifaddr *ret)
{
	struct nl_attr attrs[IFA_LOCAL + 1];
	struct ifaddrmsg head;
	const struct nl_attr *a;
	int r;

	if (type != RTM_NEWADDR)
		return 0;
	r = open_message(data, len, &head, sizeof(head), attrs, ARRAY_SIZE(attrs));
	if (r < 0)
		return r;
	if (!net_addr_size(head.ifa_family))
		return 0;
	/* IFA_ADDRESS is the peer of a point-to-point link; IFA_LOCAL, where it is there, is this end. */
	a = &attrs[attrs[IFA_LOCAL].data ? IFA_LOCAL : IFA_ADDRESS];
	*ret = (struct net_ifaddr){ .index = (int)head.ifa_index, .scope = head.ifa_scope };
	r = read_addr(a, head.ifa_family, head.ifa_prefixlen, &ret->addr);
	return r < 0 ? r : a->data ? 1 : -EBADMSG;
}

int net_route_read(uint16_t type, const void *data, size_t len, struct net_route *ret)
{
	struct nl_attr attrs[RTA_TABLE + 1], metrics[RTAX_MTU + 1];
	unsigned int all;
	struct rtmsg head;
	int r;

	if (type != RTM_NEWROUTE)
		return 0;
	r = open_message(data, len, &head, sizeof(head), attrs, ARRAY_SIZE(attrs));
	if (r < 0)
		return r;
	if (!net_addr_size(head.rtm_family) || head.rtm_flags & RTM_F_CLONED)
		return 0;
	all = (unsigned int)net_addr_size(head.rtm_family) * 8;
	*ret = (struct net_route){ .family = head.rtm_family,
				   .scope = head.rtm_scope,
				   .protocol = head.rtm_protocol,
				   .type = head.rtm_type,
				   .flags = head.rtm_flags,
				   .table = nl_attr_u32(&attrs[RTA_TABLE], head.rtm_table),
				   .index = (int)nl_attr_u32(&attrs[RTA_OIF], 0),
				   .priority = nl_attr_u32(&attrs[RTA_PRIORITY], 0) };
	if (read_addr(&attrs[RTA_DST], head.rtm_family, head.rtm_dst_len, &ret->dest) < 0 ||
	    read_addr(&attrs[RTA_GATEWAY], head.rtm_family, all, &ret->gateway) < 0 ||
	    read_addr(&attrs[RTA_PREFSRC], head.rtm_family, all, &ret->source) < 0)
		return -EBADMSG;
	if (attrs[RTA_METRICS].data) {
		r = nl_parse(attrs[RTA_METRICS].data, attrs[RTA_METRICS].len, metrics,
			     ARRAY_SIZE(metrics));
		if (r < 0)
			return r;
		ret->mtu = nl_attr_u32(&metrics[RTAX_MTU], 0);
	}
	return 1;
}
