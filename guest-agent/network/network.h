/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETWORK_NETWORK_H
#define NETWORK_NETWORK_H

#include "net/rtnl.h"

/*
 * The guest's network as the host wants it: interfaces found by hardware address or PCI path, renamed, given their addresses;
 * all routes of the main table; fixed neighbours. Every function opens its own socket and waits for nobody but the kernel.
 */

#define NETWORK_MAX_ADDRS  1024 /* addresses of one interface */
#define NETWORK_MAX_ROUTES 16384
#define NETWORK_MAX_NEIGHS 16384

struct network_iface {
	const char *name;     /* that it gets; "": keep */
	const char *pci_path; /* "": find it by mac */
	uint8_t mac[NET_MAC_MAX];
	size_t mac_len; /* 0: find it by name */
	uint32_t mtu;	/* 0: keep */
	uint32_t
		flags; /* IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI, IFF_MULTICAST are taken; others are the kernel's */
	struct net_addr *addrs;
	size_t n_addrs;
};

/*
 * Brings the interface into that state: other addresses of it go, it is down while it changes and up in the end. If another interface
 * has the name, the two swap names. -EAGAIN: no such interface yet. Where the guest has no IPv6, IPv6 addresses are left out.
 */
int network_update_iface(const struct network_iface *want, struct error *err);

struct network_route {
	struct net_route rt; /* index is filled in here */
	const char *device;
};
/*
 * These routes instead of those of the main table that an earlier call or a program has put there; what the kernel itself made of the
 * addresses stays. Direct routes come first, then those through a gateway, default routes last, so the order of the list is of no
 * matter. A route that is there already is no error.
 */
int network_update_routes(struct network_route *routes, size_t n, struct error *err);

struct network_neigh {
	struct net_neigh n;
	const char *device;
};
int network_add_neighs(struct network_neigh *neighs, size_t n, struct error *err);

/* True unless this guest's kernel has no IPv6, or has it switched off. */
bool network_has_ipv6(void);

#endif
