/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_RTNL_H
#define NET_RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include "net/addr.h"
#include "net/netlink.h"

/*
 * Links, addresses, routes and neighbours of the network namespace that the socket was opened in (NETLINK_ROUTE). What is listed is
 * in one allocation that the caller frees.
 */

#define NET_LIST_MAX 65536 /* entries of one listing; -ENOBUFS beyond */

struct net_link {
	int index;
	char name[IFNAMSIZ];
	uint32_t mtu, flags; /* IFF_* */
	uint16_t type;	     /* ARPHRD_* */
	char kind[16];	     /* "veth", "dummy"; "" for hardware */
	uint8_t mac[NET_MAC_MAX];
	size_t mac_len;
};

struct net_ifaddr {
	int index;
	uint8_t scope; /* RT_SCOPE_* */
	struct net_addr addr;
};

struct net_route {
	int family;
	struct net_addr dest;		 /* AF_UNSPEC: default */
	struct net_addr gateway, source; /* AF_UNSPEC: none. source: RTA_PREFSRC */
	int index;			 /* of the device; 0: none */
	uint8_t scope, protocol,
		type;	/* RT_SCOPE_*, RTPROT_*, RTN_*; protocol and type 0: boot, unicast */
	uint32_t flags; /* RTNH_F_ONLINK ... */
	uint32_t table, mtu, priority; /* table 0: main; mtu and priority 0: none */
};

struct net_neigh {
	int index;
	struct net_addr addr;
	uint8_t mac[NET_MAC_MAX];
	size_t mac_len;
	uint16_t state; /* NUD_* */
	uint8_t flags;	/* NTF_* */
};

int net_links(struct nl_sock *s, struct net_link **ret, size_t *n, struct error *err);
/* family: AF_INET, AF_INET6 or AF_UNSPEC for both. */
int net_ifaddrs(struct nl_sock *s, int family, struct net_ifaddr **ret, size_t *n,
		struct error *err);
int net_routes(struct nl_sock *s, int family, struct net_route **ret, size_t *n, struct error *err);

/* Only what is asked: name NULL or mtu 0 change nothing; of flags the bits of mask. */
int net_link_set(struct nl_sock *s, int index, const char *name, uint32_t mtu, uint32_t flags,
		 uint32_t mask, struct error *err);
int net_ifaddr_add(struct nl_sock *s, const struct net_ifaddr *a, struct error *err);
int net_ifaddr_del(struct nl_sock *s, const struct net_ifaddr *a, struct error *err);
/* -EEXIST when it is there already. */
int net_route_add(struct nl_sock *s, const struct net_route *rt, struct error *err);
int net_route_del(struct nl_sock *s, const struct net_route *rt, struct error *err);
/* Adds, or replaces what is known of the address. */
int net_neigh_set(struct nl_sock *s, const struct net_neigh *n, struct error *err);

/*
 * One message (the bytes after the header). 1: filled in; 0: of another kind, passed over; -EBADMSG. What the listings are made of, and the
 * fuzzer's entry.
 */
int net_link_read(uint16_t type, const void *data, size_t len, struct net_link *ret);
int net_ifaddr_read(uint16_t type, const void *data, size_t len, struct net_ifaddr *ret);
int net_route_read(uint16_t type, const void *data, size_t len, struct net_route *ret);

#endif
