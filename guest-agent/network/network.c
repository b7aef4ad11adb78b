/* SPDX-License-Identifier: Apache-2.0 */
#include "network/network.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "device/device.h"

#define OWN_FLAGS (IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST)
#define RANK_MAX  3	      /* of rank() */
#define SWAP_NAME "kata-swap" /* for the moment in which two interfaces swap names */

struct links {
	struct net_link *v;
	size_t n;
};

static void links_release(struct links *l)
{
	free(l->v);
}

static struct net_link *by_name(const struct links *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].name, name))
			return &l->v[i];
	return NULL;
}

static struct net_link *by_mac(const struct links *l, const uint8_t *mac, size_t len)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].mac_len == len && memcmp(l->v[i].mac, mac, len) == 0)
			return &l->v[i];
	return NULL;
}

bool network_has_ipv6(void)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	return file_read(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/disable_ipv6", 16, &text, NULL) ==
		       0 &&
	       text.buf[0] == '0';
}

/* ---- interfaces ----------------------------------------------------------------------------------------------------- */

static int find_iface(const struct links *l, const struct network_iface *want,
		      struct net_link **ret, struct error *err)
{
	char mac[3 * NET_MAC_MAX + 1];

	if (*want->pci_path) {
		_cleanup_free_ char *name = NULL;
		int r = device_net_by_pci("/sys", want->pci_path, &name, err);

		if (r < 0)
			return r;
		*ret = by_name(l, name);
	} else if (want->mac_len) {
		*ret = by_mac(l, want->mac, want->mac_len);
	} else {
		*ret = by_name(l, want->name);
	}
	if (*ret)
		return 0;
	if (want->mac_len)
		return error_set(err, -EAGAIN, "no network interface has the address %s",
				 net_mac_text(want->mac, want->mac_len, mac));
	return error_set(err, -EAGAIN, "no network interface \"%s\"", want->name);
}

/* Frees the wanted name and takes it. Both are down meanwhile: the kernel (before 6.2) renames no interface that is up. */
static int rename_iface(struct nl_sock *s, struct links *l, struct net_link *link, const char *name,
			struct error *err)
{
	struct net_link *other = by_name(l, name);
	int r = 0;

	/* One request a step: within a request the name comes before the flags. */
	if (other && other->flags & IFF_UP)
		r = net_link_set(s, other->index, NULL, 0, 0, IFF_UP, err);
	if (r == 0 && other)
		r = net_link_set(s, other->index, SWAP_NAME, 0, 0, 0, err);
	if (r == 0)
		r = net_link_set(s, link->index, name, 0, 0, 0, err);
	if (r == 0 && other)
		r = net_link_set(s, other->index, link->name, 0, 0, 0, err);
	if (r == 0 && other && other->flags & IFF_UP)
		r = net_link_set(s, other->index, NULL, 0, IFF_UP, IFF_UP, err);
	return r < 0 ? error_prefix(err, "interface \"%s\": cannot rename it to \"%s\"", link->name,
				    name)
		     : 0;
}

static bool wants_addr(const struct network_iface *want, const struct net_addr *a)
{
	for (size_t i = 0; i < want->n_addrs; i++)
		if (want->addrs[i].family == a->family && want->addrs[i].prefix == a->prefix &&
		    memcmp(want->addrs[i].bytes, a->bytes, sizeof(a->bytes)) == 0)
			return true;
	return false;
}

/* The kernel's own link-local address comes and goes with the link. */
static bool is_kernels(const struct net_addr *a, uint8_t scope)
{
	return a->family == AF_INET6 && scope == RT_SCOPE_LINK;
}

static int set_addrs(struct nl_sock *s, int index, const struct network_iface *want,
		     struct error *err)
{
	_cleanup_free_ struct net_ifaddr *have = NULL;
	bool ipv6 = network_has_ipv6();
	char text[NET_ADDR_TEXT_MAX];
	size_t n = 0;
	int r = net_ifaddrs(s, AF_UNSPEC, &have, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (have[i].index != index || is_kernels(&have[i].addr, have[i].scope) ||
		    wants_addr(want, &have[i].addr))
			continue;
		/* A secondary address goes with its first one. */
		r = net_ifaddr_del(s, &have[i], err);
		if (r == -EADDRNOTAVAIL)
			r = 0;
		if (r < 0)
			error_prefix(err, "cannot remove %s",
				     net_addr_text(&have[i].addr, 1, text));
	}
	for (size_t i = 0; r == 0 && i < want->n_addrs; i++) {
		struct net_ifaddr a = { .index = index, .addr = want->addrs[i] };

		if (a.addr.family == AF_INET6 && !ipv6)
			continue;
		r = net_ifaddr_add(s, &a, err);
		if (r < 0)
			error_prefix(err, "cannot add %s", net_addr_text(&a.addr, 1, text));
	}
	return r;
}

int network_update_iface(const struct network_iface *want, struct error *err)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_INIT;
	_cleanup_(links_release) struct links l = { NULL, 0 };
	struct net_link *link = NULL;
	int r = nl_open(&s, NETLINK_ROUTE, err);

	if (r == 0)
		r = net_links(&s, &l.v, &l.n, err);
	if (r == 0)
		r = find_iface(&l, want, &link, err);
	if (r < 0 || !link)
		return r;
	/* A wrong mask or a busy name must not leave the interface down without a word. */
	if (link->flags & IFF_UP)
		r = net_link_set(&s, link->index, NULL, 0, 0, IFF_UP, err);
	if (r == 0 && *want->name && !str_eq(want->name, link->name))
		r = rename_iface(&s, &l, link, want->name, err);
	if (r == 0 && want->mtu && want->mtu != link->mtu)
		r = net_link_set(&s, link->index, NULL, want->mtu, 0, 0, err);
	if (r == 0)
		r = set_addrs(&s, link->index, want, err);
	if (r == 0)
		r = net_link_set(&s, link->index, NULL, 0, IFF_UP | (want->flags & OWN_FLAGS),
				 IFF_UP | (want->flags & OWN_FLAGS), err);
	return r < 0 ? error_prefix(err, "interface \"%s\"", *want->name ? want->name : link->name)
		     : 0;
}

/* ---- routes --------------------------------------------------------------------------------------------------------- */

/* Direct ones make gateways reachable; a default route is last, when whatever it needs is there. */
static int rank(const struct network_route *r)
{
	if (!r->rt.dest.family)
		return r->rt.gateway.family ? RANK_MAX : 2;
	return r->rt.gateway.family ? 1 : 0;
}

static int clear_routes(struct nl_sock *s, struct error *err)
{
	_cleanup_free_ struct net_route *have = NULL;
	size_t n = 0;
	int r = net_routes(s, AF_UNSPEC, &have, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (have[i].table != RT_TABLE_MAIN || have[i].protocol == RTPROT_KERNEL ||
		    have[i].protocol == RTPROT_RA)
			continue;
		r = net_route_del(s, &have[i], err);
		if (r == -ESRCH) /* it went together with another */
			r = 0;
	}
	return r < 0 ? error_prefix(err, "cannot remove routes") : 0;
}

static int add_route(struct nl_sock *s, const struct links *l, struct network_route *route,
		     struct error *err)
{
	const struct net_link *link = *route->device ? by_name(l, route->device) : NULL;
	char dest[NET_ADDR_TEXT_MAX], gateway[NET_ADDR_TEXT_MAX];
	int r;

	if (!link && *route->device)
		return error_set(err, -ENOENT, "route: no network interface \"%s\"", route->device);
	route->rt.index = link ? link->index : 0;
	/* What callers mean who leave the scope out: this link's neighbours, unless a router is named. */
	if (route->rt.family == AF_INET && !route->rt.scope && !route->rt.gateway.family)
		route->rt.scope = RT_SCOPE_LINK;
	r = net_route_add(s, &route->rt, err);
	if (r == -EEXIST)
		return 0;
	if (r < 0) {
		net_addr_text(&route->rt.dest, 1, dest);
		net_addr_text(&route->rt.gateway, 0, gateway);
		return error_prefix(err, "route to %s%s%s%s%s", *dest ? dest : "default",
				    *gateway ? " via " : "", gateway, link ? " dev " : "",
				    link ? link->name : "");
	}
	return 0;
}

int network_update_routes(struct network_route *routes, size_t n, struct error *err)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_INIT;
	_cleanup_(links_release) struct links l = { NULL, 0 };
	bool ipv6 = network_has_ipv6();
	int r = nl_open(&s, NETLINK_ROUTE, err);

	if (r == 0)
		r = net_links(&s, &l.v, &l.n, err);
	if (r == 0)
		r = clear_routes(&s, err);
	for (int turn = 0; turn <= RANK_MAX; turn++)
		for (size_t i = 0; r == 0 && i < n; i++)
			if (rank(&routes[i]) == turn && (routes[i].rt.family == AF_INET || ipv6))
				r = add_route(&s, &l, &routes[i], err);
	return r;
}

/* ---- neighbours ----------------------------------------------------------------------------------------------------- */

int network_add_neighs(struct network_neigh *neighs, size_t n, struct error *err)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_INIT;
	_cleanup_(links_release) struct links l = { NULL, 0 };
	char text[NET_ADDR_TEXT_MAX];
	int r = nl_open(&s, NETLINK_ROUTE, err);

	if (r == 0)
		r = net_links(&s, &l.v, &l.n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct net_link *link = by_name(&l, neighs[i].device);

		if (!link)
			return error_set(err, -ENOENT, "neighbour: no network interface \"%s\"",
					 neighs[i].device);
		neighs[i].n.index = link->index;
		r = net_neigh_set(&s, &neighs[i].n, err);
		if (r < 0)
			error_prefix(err, "neighbour %s dev %s",
				     net_addr_text(&neighs[i].n.addr, 0, text), link->name);
	}
	return r;
}
