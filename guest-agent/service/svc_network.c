/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/alloc.h"
#include "base/arena.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "network/network.h"
#include "service/agent.h"
#include "wire/agent.pb-c.h"

/* ---- addresses between text and bytes ------------------------------------------------------------------------------- */

/* An address that must be of this family, if the message says one. mask: decimal prefix length, "" for all bits. */
static int read_ip(const Types__IPAddress *ip, struct net_addr *ret, struct error *err)
{
	uint32_t prefix;
	int r = net_addr_parse(ip->address, ret);

	if (r < 0)
		return error_set(err, r, "\"%s\" is not an IP address", ip->address);
	if (!*ip->mask)
		return 0;
	if (parse_u32(ip->mask, 10, &prefix) < 0 || prefix > 8 * net_addr_size(ret->family))
		return error_set(err, -EINVAL, "address %s: \"%s\" is not a prefix length",
				 ip->address, ip->mask);
	ret->prefix = (uint8_t)prefix;
	return 0;
}

static int read_route_addr(const char *what, const char *text, struct net_addr *ret,
			   struct error *err)
{
	if (!*text)
		return 0;
	if (net_addr_parse(text, ret) < 0)
		return error_set(err, -EINVAL, "route: %s \"%s\" is not an IP address", what, text);
	return 0;
}

static Types__IPFamily family_of(int family)
{
	return family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

/* ---- UpdateInterface ------------------------------------------------------------------------------------------------ */

struct iface_call {
	struct ttrpc_call *call;
	const Types__Interface *msg;
	struct network_iface want;
	struct hotplug_wait *wait;
};

static void iface_call_free(struct iface_call *c)
{
	free(c->want.addrs);
	free(c);
}

static int read_iface(const Types__Interface *msg, struct network_iface *w, struct error *err)
{
	int r = 0;

	w->name = msg->name;
	w->pci_path = msg->devicepath;
	w->flags = msg->raw_flags;
	w->mtu = (uint32_t)msg->mtu;
	if (strlen(msg->name) >= IFNAMSIZ || strchr(msg->name, '/') || str_eq(msg->name, ".") ||
	    str_eq(msg->name, ".."))
		return error_set(err, -EINVAL, "\"%.64s\" is not an interface name", msg->name);
	if (msg->mtu > INT32_MAX)
		return error_set(err, -EINVAL, "mtu: too large");
	if (*msg->hwaddr && net_mac_parse(msg->hwaddr, w->mac, &w->mac_len) < 0)
		return error_set(err, -EINVAL, "\"%.128s\" is not a hardware address", msg->hwaddr);
	if (!*msg->hwaddr && !*msg->devicepath && !*msg->name)
		return error_set(err, -EINVAL, "interface: neither hwAddr, devicePath nor name");
	if (msg->n_ipaddresses > NETWORK_MAX_ADDRS)
		return error_set(err, -EINVAL, "more than %d addresses", NETWORK_MAX_ADDRS);
	w->addrs = new0_array(struct net_addr, msg->n_ipaddresses);
	if (!w->addrs)
		return error_oom(err);
	for (size_t i = 0; r == 0 && i < msg->n_ipaddresses; i++)
		r = read_ip(msg->ipaddresses[i], &w->addrs[w->n_addrs++], err);
	return r;
}

static int try_iface(void *data, struct error *err)
{
	struct iface_call *c = data;

	return network_update_iface(&c->want, err);
}

static void on_iface(const struct error *err, void *data)
{
	struct iface_call *c = data;

	if (err)
		ttrpc_call_error(c->call, err);
	else
		ttrpc_call_reply(c->call, &c->msg->base);
	iface_call_free(c);
}

static void on_iface_cancel(struct ttrpc_call *call, void *data)
{
	struct iface_call *c = data;

	hotplug_cancel(c->wait);
	iface_call_free(c);
}

void svc_update_interface(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__UpdateInterfaceRequest *req = (const Grpc__UpdateInterfaceRequest *)msg;
	struct iface_call *c = new0(struct iface_call);
	struct agent *a = data;
	struct error err = ERROR_INIT;
	int r = c ? 0 : error_oom(&err);

	if (r == 0 && !req->interface)
		r = error_set(&err, -EINVAL, "interface: missing");
	if (r == 0) {
		c->call = call;
		c->msg = req->interface;
		r = read_iface(c->msg, &c->want, &err);
	}
	if (r == 0) {
		ttrpc_call_on_cancel(call, on_iface_cancel, c);
		r = hotplug_wait(a->hotplug, a->config->hotplug_usec, try_iface, on_iface, c,
				 &c->wait);
		if (r == 0)
			return;
		error_oom(&err);
	}
	ttrpc_call_error(call, &err);
	if (c)
		iface_call_free(c);
}

/* ---- ListInterfaces ------------------------------------------------------------------------------------------------- */

static int fill_addrs(struct arena *mem, Types__Interface *m, int index,
		      const struct net_ifaddr *addrs, size_t n)
{
	char text[NET_ADDR_TEXT_MAX];

	m->ipaddresses = arena_new_array(mem, Types__IPAddress *, n + 1);
	for (size_t i = 0; m->ipaddresses && i < n; i++) {
		Types__IPAddress *ip;

		if (addrs[i].index != index)
			continue;
		ip = arena_new(mem, Types__IPAddress);
		if (!ip)
			return -ENOMEM;
		types__ipaddress__init(ip);
		ip->family = family_of(addrs[i].addr.family);
		ip->address = arena_strdup(mem, net_addr_text(&addrs[i].addr, 0, text));
		ip->mask = arena_printf(mem, "%u", addrs[i].addr.prefix);
		if (!ip->address || !ip->mask)
			return -ENOMEM;
		m->ipaddresses[m->n_ipaddresses++] = ip;
	}
	return m->ipaddresses ? 0 : -ENOMEM;
}

static int fill_iface(struct arena *mem, Types__Interface *m, const struct net_link *l,
		      const struct net_ifaddr *addrs, size_t n)
{
	char mac[3 * NET_MAC_MAX + 1];

	types__interface__init(m);
	m->device = m->name = arena_strdup(mem, l->name);
	m->mtu = l->mtu;
	m->hwaddr = arena_strdup(mem, net_mac_text(l->mac, l->mac_len, mac));
	m->type = arena_strdup(mem, l->kind);
	m->raw_flags = l->flags;
	if (!m->name || !m->hwaddr || !m->type)
		return -ENOMEM;
	return fill_addrs(mem, m, l->index, addrs, n);
}

/* The loopback interface is the guest's own affair, as for upstream's agent. */
void svc_list_interfaces(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_INIT;
	_cleanup_free_ struct net_link *links = NULL;
	_cleanup_free_ struct net_ifaddr *addrs = NULL;
	_cleanup_arena_ struct arena mem = ARENA_INIT;
	Grpc__Interfaces resp = GRPC__INTERFACES__INIT;
	struct error err = ERROR_INIT;
	size_t n_links = 0, n_addrs = 0;
	int r = nl_open(&s, NETLINK_ROUTE, &err);

	if (r == 0)
		r = net_links(&s, &links, &n_links, &err);
	if (r == 0)
		r = net_ifaddrs(&s, AF_UNSPEC, &addrs, &n_addrs, &err);
	if (r == 0 && !(resp.interfaces = arena_new_array(&mem, Types__Interface *, n_links + 1)))
		r = error_oom(&err);
	for (size_t i = 0; r == 0 && i < n_links; i++) {
		Types__Interface *m;

		if (links[i].flags & IFF_LOOPBACK)
			continue;
		m = arena_new(&mem, Types__Interface);
		if (!m || fill_iface(&mem, m, &links[i], addrs, n_addrs) < 0)
			r = error_oom(&err);
		else
			resp.interfaces[resp.n_interfaces++] = m;
	}
	if (r < 0)
		ttrpc_call_error(call, &err);
	else
		ttrpc_call_reply(call, &resp.base);
}

/* ---- routes --------------------------------------------------------------------------------------------------------- */

static const char *name_of(const struct net_link *links, size_t n, int index)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].index == index)
			return links[i].name;
	return "";
}

static int fill_route(struct arena *mem, Types__Route *m, const struct net_route *rt,
		      const char *device)
{
	char text[NET_ADDR_TEXT_MAX];

	types__route__init(m);
	m->dest = arena_strdup(mem, net_addr_text(&rt->dest, 1, text));
	m->gateway = arena_strdup(mem, net_addr_text(&rt->gateway, 0, text));
	m->source = arena_strdup(mem, net_addr_text(&rt->source, 0, text));
	m->device = arena_strdup(mem, device);
	m->scope = rt->scope;
	m->family = family_of(rt->family);
	m->flags = rt->flags;
	m->mtu = rt->mtu;
	return m->dest && m->gateway && m->source && m->device ? 0 : -ENOMEM;
}

static int list_routes(struct nl_sock *s, struct arena *mem, Grpc__Routes *resp, struct error *err)
{
	_cleanup_free_ struct net_route *routes = NULL;
	_cleanup_free_ struct net_link *links = NULL;
	size_t n_routes = 0, n_links = 0;
	int r = net_links(s, &links, &n_links, err);

	if (r == 0)
		r = net_routes(s, AF_UNSPEC, &routes, &n_routes, err);
	if (r == 0 && !(resp->routes = arena_new_array(mem, Types__Route *, n_routes + 1)))
		r = error_oom(err);
	for (size_t i = 0; r == 0 && i < n_routes; i++) {
		Types__Route *m;

		if (routes[i].table != RT_TABLE_MAIN || routes[i].type != RTN_UNICAST)
			continue;
		m = arena_new(mem, Types__Route);
		if (!m ||
		    fill_route(mem, m, &routes[i], name_of(links, n_links, routes[i].index)) < 0)
			r = error_oom(err);
		else
			resp->routes[resp->n_routes++] = m;
	}
	return r;
}

static void reply_routes(struct ttrpc_call *call, int r, struct error *err)
{
	_cleanup_nl_ struct nl_sock s = NL_SOCK_INIT;
	_cleanup_arena_ struct arena mem = ARENA_INIT;
	Grpc__Routes resp = GRPC__ROUTES__INIT;

	if (r == 0)
		r = nl_open(&s, NETLINK_ROUTE, err);
	if (r == 0)
		r = list_routes(&s, &mem, &resp, err);
	if (r < 0)
		ttrpc_call_error(call, err);
	else
		ttrpc_call_reply(call, &resp.base);
}

void svc_list_routes(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct error err = ERROR_INIT;

	reply_routes(call, 0, &err);
}

static int read_route(const Types__Route *m, struct network_route *ret, struct error *err)
{
	struct net_route *rt = &ret->rt;

	ret->device = m->device;
	if (read_route_addr("destination", m->dest, &rt->dest, err) < 0 ||
	    read_route_addr("gateway", m->gateway, &rt->gateway, err) < 0 ||
	    read_route_addr("source", m->source, &rt->source, err) < 0)
		return err->code;
	/* "0.0.0.0/0" and "::/0" are the default route, too; the family may be said by any of the addresses. */
	rt->family = rt->dest.family			? rt->dest.family
		     : rt->gateway.family		? rt->gateway.family
		     : rt->source.family		? rt->source.family
		     : m->family == TYPES__IPFAMILY__v6 ? AF_INET6
							: AF_INET;
	if ((rt->gateway.family && rt->gateway.family != rt->family) ||
	    (rt->source.family && rt->source.family != rt->family))
		return error_set(err, -EINVAL, "route: IPv4 and IPv6 in one route (\"%s\", \"%s\")",
				 m->dest, m->gateway);
	if (rt->dest.family && !rt->dest.prefix)
		rt->dest = (struct net_addr){ 0 };
	if (m->scope > UINT8_MAX)
		return error_set(err, -EINVAL, "route: scope %u is not one", m->scope);
	if (!*m->device && !rt->gateway.family)
		return error_set(err, -EINVAL, "route: neither device nor gateway");
	rt->scope = (uint8_t)m->scope;
	rt->flags = m->flags & RTNH_F_ONLINK; /* the others tell of a state */
	rt->mtu = m->mtu;
	return 0;
}

void svc_update_routes(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__UpdateRoutesRequest *req = (const Grpc__UpdateRoutesRequest *)msg;
	size_t n = req->routes ? req->routes->n_routes : 0;
	_cleanup_free_ struct network_route *routes = NULL;
	struct error err = ERROR_INIT;
	int r = 0;

	if (n > NETWORK_MAX_ROUTES)
		r = error_set(&err, -EINVAL, "more than %d routes", NETWORK_MAX_ROUTES);
	else if (!(routes = new0_array(struct network_route, n)))
		r = error_oom(&err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_route(req->routes->routes[i], &routes[i], &err);
	if (r == 0)
		r = network_update_routes(routes, n, &err);
	reply_routes(call, r, &err);
}

/* ---- AddARPNeighbors ------------------------------------------------------------------------------------------------ */

static int read_neigh(const Types__ARPNeighbor *m, struct network_neigh *ret, struct error *err)
{
	if (!m->toipaddress)
		return error_set(err, -EINVAL, "neighbour: no address");
	if (read_ip(m->toipaddress, &ret->n.addr, err) < 0)
		return error_prefix(err, "neighbour");
	if (*m->lladdr && net_mac_parse(m->lladdr, ret->n.mac, &ret->n.mac_len) < 0)
		return error_set(err, -EINVAL, "neighbour: \"%.128s\" is not a hardware address",
				 m->lladdr);
	if (m->state < 0 || m->state > UINT16_MAX || m->flags < 0 || m->flags > UINT8_MAX)
		return error_set(err, -EINVAL, "neighbour %s: state or flags out of range",
				 m->toipaddress->address);
	ret->device = m->device;
	ret->n.state = m->state ? (uint16_t)m->state : NUD_PERMANENT;
	ret->n.flags = (uint8_t)m->flags;
	return 0;
}

void svc_add_arp_neighbors(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__AddARPNeighborsRequest *req = (const Grpc__AddARPNeighborsRequest *)msg;
	size_t n = req->neighbors ? req->neighbors->n_arpneighbors : 0;
	_cleanup_free_ struct network_neigh *list = NULL;
	struct error err = ERROR_INIT;
	int r = 0;

	if (n > NETWORK_MAX_NEIGHS)
		r = error_set(&err, -EINVAL, "more than %d neighbours", NETWORK_MAX_NEIGHS);
	else if (!(list = new0_array(struct network_neigh, n)))
		r = error_oom(&err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_neigh(req->neighbors->arpneighbors[i], &list[i], &err);
	if (r == 0)
		r = network_add_neighs(list, n, &err);
	agent_reply_empty(call, r, &err);
}
