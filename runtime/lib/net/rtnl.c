/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rtnl.h"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/alloc.h"

#define LIST_TRIES 5 /* of a listing that changes under way */

/* ---- listing -------------------------------------------------------------------------------------------------------- */

/* Any of the three kinds, by the size of its elements. */
struct list_of {
	char *v;
	size_t n, cap, size;
	int (*read)(uint16_t type, const void *data, size_t len, void *ret);
};

static int read_link(uint16_t type, const void *data, size_t len, void *ret)
{
	return net_link_read(type, data, len, ret);
}

static int read_ifaddr(uint16_t type, const void *data, size_t len, void *ret)
{
	return net_ifaddr_read(type, data, len, ret);
}

static int read_route(uint16_t type, const void *data, size_t len, void *ret)
{
	return net_route_read(type, data, len, ret);
}

static int on_entry(uint16_t type, const void *data, size_t len, void *arg)
{
	struct list_of *l = arg;
	int r;

	if (l->n >= NET_LIST_MAX)
		return -ENOBUFS;
	r = array_reserve(&l->v, &l->cap, l->n + 1, l->size);
	if (r < 0)
		return r;
	r = l->read(type, data, len, l->v + l->n * l->size);
	if (r > 0)
		l->n++;
	return r < 0 ? r : 0;
}

static int list(struct nl_sock *s, uint16_t type, const void *head, size_t head_len,
		struct list_of *l, struct error *err)
{
	struct nl_msg m;
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < LIST_TRIES; i++) {
		l->n = 0;
		nl_msg_init(&m, type, NLM_F_DUMP, head, head_len);
		r = nl_request(s, &m, on_entry, l, err);
	}
	if (r == 0 && !l->v && !(l->v = calloc(1, l->size)))
		return error_oom(err);
	if (r < 0)
		free(l->v);
	return r;
}

int net_links(struct nl_sock *s, struct net_link **ret, size_t *n, struct error *err)
{
	struct list_of l = { .size = sizeof(**ret), .read = read_link };
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	int r = list(s, RTM_GETLINK, &head, sizeof(head), &l, err);

	if (r < 0)
		return r;
	*ret = (struct net_link *)l.v;
	*n = l.n;
	return 0;
}

int net_ifaddrs(struct nl_sock *s, int family, struct net_ifaddr **ret, size_t *n,
		struct error *err)
{
	struct list_of l = { .size = sizeof(**ret), .read = read_ifaddr };
	struct ifaddrmsg head = { .ifa_family = (uint8_t)family };
	int r = list(s, RTM_GETADDR, &head, sizeof(head), &l, err);

	if (r < 0)
		return r;
	*ret = (struct net_ifaddr *)l.v;
	*n = l.n;
	return 0;
}

int net_routes(struct nl_sock *s, int family, struct net_route **ret, size_t *n, struct error *err)
{
	struct list_of l = { .size = sizeof(**ret), .read = read_route };
	struct rtmsg head = { .rtm_family = (uint8_t)family };
	int r = list(s, RTM_GETROUTE, &head, sizeof(head), &l, err);

	if (r < 0)
		return r;
	*ret = (struct net_route *)l.v;
	*n = l.n;
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------------------------------- */

int net_link_set(struct nl_sock *s, int index, const char *name, uint32_t mtu, uint32_t flags,
		 uint32_t mask, struct error *err)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC,
				  .ifi_index = index,
				  .ifi_flags = flags & mask,
				  .ifi_change = mask };
	struct nl_msg m;

	nl_msg_init(&m, RTM_SETLINK, 0, &head, sizeof(head));
	if (name)
		nl_put_str(&m, IFLA_IFNAME, name);
	if (mtu)
		nl_put_u32(&m, IFLA_MTU, mtu);
	return nl_request(s, &m, NULL, NULL, err);
}

static int change_ifaddr(struct nl_sock *s, const struct net_ifaddr *a, uint16_t type,
			 uint16_t flags, struct error *err)
{
	struct ifaddrmsg head = { .ifa_family = (uint8_t)a->addr.family,
				  .ifa_prefixlen = a->addr.prefix,
				  .ifa_scope = a->scope,
				  .ifa_index = (uint32_t)a->index };
	size_t n = net_addr_size(a->addr.family);
	struct nl_msg m;

	/* The host has found the address free: without this the guest could not bind to it for a second. */
	if (a->addr.family == AF_INET6 && type == RTM_NEWADDR)
		head.ifa_flags = IFA_F_NODAD;
	nl_msg_init(&m, type, flags, &head, sizeof(head));
	nl_put(&m, IFA_LOCAL, a->addr.bytes, n);
	nl_put(&m, IFA_ADDRESS, a->addr.bytes, n);
	if (a->addr.family == AF_INET && type == RTM_NEWADDR && a->addr.prefix < 31) {
		uint8_t brd[4];

		for (unsigned int i = 0; i < 4; i++) {
			unsigned int host = a->addr.prefix >= 8 * (i + 1) ? 0
					    : a->addr.prefix <= 8 * i
						    ? 0xff
						    : 0xffu >> (a->addr.prefix - 8 * i);

			brd[i] = (uint8_t)(a->addr.bytes[i] | host);
		}
		nl_put(&m, IFA_BROADCAST, brd, sizeof(brd));
	}
	return nl_request(s, &m, NULL, NULL, err);
}

int net_ifaddr_add(struct nl_sock *s, const struct net_ifaddr *a, struct error *err)
{
	return change_ifaddr(s, a, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, err);
}

int net_ifaddr_del(struct nl_sock *s, const struct net_ifaddr *a, struct error *err)
{
	return change_ifaddr(s, a, RTM_DELADDR, 0, err);
}

static int change_route(struct nl_sock *s, const struct net_route *rt, uint16_t type,
			uint16_t flags, struct error *err)
{
	uint32_t table = rt->table ? rt->table : RT_TABLE_MAIN;
	size_t n = net_addr_size(rt->family);
	struct rtmsg head = { .rtm_family = (uint8_t)rt->family,
			      .rtm_dst_len = rt->dest.prefix,
			      .rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC,
			      .rtm_protocol = rt->protocol ? rt->protocol : RTPROT_BOOT,
			      .rtm_scope = rt->scope,
			      .rtm_type = rt->type ? rt->type : RTN_UNICAST,
			      .rtm_flags = rt->flags };
	struct nl_msg m;

	nl_msg_init(&m, type, flags, &head, sizeof(head));
	nl_put_u32(&m, RTA_TABLE, table);
	if (rt->dest.family)
		nl_put(&m, RTA_DST, rt->dest.bytes, n);
	if (rt->gateway.family)
		nl_put(&m, RTA_GATEWAY, rt->gateway.bytes, n);
	if (rt->source.family)
		nl_put(&m, RTA_PREFSRC, rt->source.bytes, n);
	if (rt->index)
		nl_put_u32(&m, RTA_OIF, (uint32_t)rt->index);
	if (rt->priority)
		nl_put_u32(&m, RTA_PRIORITY, rt->priority);
	if (rt->mtu) {
		size_t nest = nl_nest_begin(&m, RTA_METRICS);

		nl_put_u32(&m, RTAX_MTU, rt->mtu);
		nl_nest_end(&m, nest);
	}
	return nl_request(s, &m, NULL, NULL, err);
}

int net_route_add(struct nl_sock *s, const struct net_route *rt, struct error *err)
{
	return change_route(s, rt, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, err);
}

int net_route_del(struct nl_sock *s, const struct net_route *rt, struct error *err)
{
	struct net_route bare = *rt;

	bare.flags = 0; /* a listing's: dead, link down ... */
	return change_route(s, &bare, RTM_DELROUTE, 0, err);
}

int net_neigh_set(struct nl_sock *s, const struct net_neigh *n, struct error *err)
{
	struct ndmsg head = { .ndm_family = (uint8_t)n->addr.family,
			      .ndm_ifindex = n->index,
			      .ndm_state = n->state,
			      .ndm_flags = n->flags };
	struct nl_msg m;

	nl_msg_init(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
	nl_put(&m, NDA_DST, n->addr.bytes, net_addr_size(n->addr.family));
	if (n->mac_len)
		nl_put(&m, NDA_LLADDR, n->mac, n->mac_len);
	return nl_request(s, &m, NULL, NULL, err);
}
