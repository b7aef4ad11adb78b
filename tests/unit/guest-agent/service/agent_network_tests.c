/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network: pairs of veth in the agent's own network namespace. */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "net/rtnl.h"
#include "unit/guest-agent/service/agent_tests.h"

#define MAC_A	  "02:00:00:00:00:0a"
#define MAC_B	  "02:00:00:00:00:0b"
#define MAC_LATE  "02:00:00:00:00:0c"
#define MAC_NEVER "02:00:00:00:00:0d"

/* In a child, so that this program's own namespace stays. 0, or a positive errno. */
static int in_agent_netns(int (*fn)(void *data), void *data)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		char path[64];
		int fd;

		if (!agent_client_in_guest()) {
			snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)client.pid);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
				_exit(errno & 0xff);
		}
		_exit(-fn(data) & 0xff);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

struct pair {
	const char *name, *mac, *peer, *peer_mac;
};

static void put_end(struct nl_msg *m, const char *name, const char *mac)
{
	uint8_t bytes[NET_MAC_MAX];
	size_t n = 0;

	net_mac_parse(mac, bytes, &n);
	nl_put_str(m, IFLA_IFNAME, name);
	nl_put(m, IFLA_ADDRESS, bytes, n);
}

static int make_pair(void *data)
{
	const struct pair *p = data;
	struct ifinfomsg head = { 0 };
	struct nl_sock s = NL_SOCK_INIT;
	size_t info, more, peer;
	struct nl_msg m;
	int r = nl_open(&s, NETLINK_ROUTE, NULL);

	if (r < 0)
		return r;
	nl_msg_init(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	put_end(&m, p->name, p->mac);
	info = nl_nest_begin(&m, IFLA_LINKINFO);
	nl_put_str(&m, IFLA_INFO_KIND, "veth");
	more = nl_nest_begin(&m, IFLA_INFO_DATA);
	peer = nl_nest_begin(&m, 1 /* VETH_INFO_PEER: a fixed part and attributes */);
	memcpy(m.buf + m.len, &head, sizeof(head));
	m.len += NLMSG_ALIGN(sizeof(head));
	put_end(&m, p->peer, p->peer_mac);
	nl_nest_end(&m, peer);
	nl_nest_end(&m, more);
	nl_nest_end(&m, info);
	return nl_request(&s, &m, NULL, NULL, NULL);
}

/* ---- helpers for the calls ---- */

static Types__Interface *find_interface(const Grpc__Interfaces *list, const char *name)
{
	for (size_t i = 0; i < list->n_interfaces; i++)
		if (str_eq(list->interfaces[i]->name, name))
			return list->interfaces[i];
	return NULL;
}

static Grpc__Interfaces *list_interfaces(void)
{
	Grpc__ListInterfacesRequest req = GRPC__LIST_INTERFACES_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;

	assert_int_equal(agent_call_resp(&client, "grpc.AgentService", "ListInterfaces", &req.base,
					 &grpc__interfaces__descriptor, &resp, NULL),
			 TTRPC_OK);
	return (Grpc__Interfaces *)resp;
}

static bool has_addr(const Types__Interface *i, const char *addr, const char *mask)
{
	for (size_t n = 0; n < i->n_ipaddresses; n++)
		if (str_eq(i->ipaddresses[n]->address, addr) &&
		    str_eq(i->ipaddresses[n]->mask, mask))
			return true;
	return false;
}

static enum ttrpc_code update_interface(Types__Interface *i, struct error *err)
{
	Grpc__UpdateInterfaceRequest req = GRPC__UPDATE_INTERFACE_REQUEST__INIT;

	req.interface = i;
	return agent_call_resp(&client, "grpc.AgentService", "UpdateInterface", &req.base,
			       &types__interface__descriptor, NULL, err);
}

struct test_iface {
	Types__Interface msg;
	Types__IPAddress ips[2], *list[2];
};

static void iface_init(struct test_iface *t, const char *mac, const char *name, const char *v4,
		       const char *v6)
{
	const char *addrs[2] = { v4, v6 };

	types__interface__init(&t->msg);
	t->msg.hwaddr = (char *)mac;
	t->msg.name = t->msg.device = (char *)name;
	t->msg.ipaddresses = t->list;
	for (size_t i = 0; i < 2; i++) {
		if (!addrs[i])
			continue;
		types__ipaddress__init(&t->ips[i]);
		t->ips[i].address = (char *)addrs[i];
		t->ips[i].mask = (char *)(i ? "64" : "24");
		t->ips[i].family = i ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
		t->list[t->msg.n_ipaddresses++] = &t->ips[i];
	}
}

/* ---- tests ---- */

void test_interfaces(void **state)
{
	struct pair pair = { "v0", MAC_A, "v1", MAC_B };
	Grpc__Interfaces *list;
	struct error err = ERROR_INIT;
	struct test_iface t;
	Types__Interface *i;

	if (in_agent_netns(make_pair, &pair) != 0)
		skip_because("the kernel has no veth");
	iface_init(&t, MAC_A, "eth0", "10.1.2.3", "fd00::3");
	t.msg.mtu = 1400;
	if (update_interface(&t.msg, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	/* The other end wants the same name: they swap. */
	iface_init(&t, MAC_B, "eth0", "10.1.2.4", NULL);
	if (update_interface(&t.msg, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	list = list_interfaces();
	assert_null(find_interface(list, "lo"));
	i = find_interface(list, "eth0");
	assert_non_null(i);
	assert_string_equal(i->hwaddr, MAC_B);
	assert_true(has_addr(i, "10.1.2.4", "24"));
	i = find_interface(list, "v1");
	assert_non_null(i);
	assert_string_equal(i->hwaddr, MAC_A);
	assert_string_equal(i->type, "veth");
	assert_int_equal(i->mtu, 1400);
	assert_true(i->raw_flags & IFF_UP);
	assert_true(has_addr(i, "10.1.2.3", "24"));
	protobuf_c_message_free_unpacked(&list->base, NULL);
	/* Other addresses go, and back to the names. */
	iface_init(&t, MAC_A, "eth0", "10.1.3.3", "fd00::4");
	assert_int_equal(update_interface(&t.msg, &err), TTRPC_OK);
	list = list_interfaces();
	i = find_interface(list, "eth0");
	assert_non_null(i);
	assert_true(has_addr(i, "10.1.3.3", "24"));
	assert_false(has_addr(i, "10.1.2.3", "24"));
	assert_false(has_addr(i, "fd00::3", "64"));
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		assert_true(has_addr(i, "fd00::4", "64"));
	protobuf_c_message_free_unpacked(&list->base, NULL);
}

void test_bad_interfaces(void **state)
{
	static const struct {
		const char *mac, *name, *addr, *want;
	} cases[] = {
		{ "02:00", "a/b", "10.0.0.1", "\"a/b\" is not an interface name" },
		{ "02:00", "sixteen-letters-", NULL,
		  "\"sixteen-letters-\" is not an interface name" },
		{ "nonsense", "x", NULL, "\"nonsense\" is not a hardware address" },
		{ MAC_A, "x", "10.0.0.300", "\"10.0.0.300\" is not an IP address" },
		{ "", "", NULL, "interface: neither hwAddr, devicePath nor name" },
	};
	struct error err = ERROR_INIT;
	struct test_iface t;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		iface_init(&t, cases[i].mac, cases[i].name, cases[i].addr, NULL);
		assert_int_equal(update_interface(&t.msg, &err), TTRPC_INVALID_ARGUMENT);
		assert_string_equal(err.msg, cases[i].want);
	}
	iface_init(&t, MAC_A, "x", "10.0.0.1", NULL);
	t.ips[0].mask = (char *)"33";
	assert_int_equal(update_interface(&t.msg, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "address 10.0.0.1: \"33\" is not a prefix length");
	iface_init(&t, "", "x", NULL, NULL);
	t.msg.devicepath = (char *)"../../x";
	assert_int_equal(update_interface(&t.msg, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "\"../../x\" is not a PCI path");
	assert_int_equal(update_interface(NULL, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "interface: missing");
}

/* The device of the guest that boot_agent.py has put at a PCI path, with that address. */
void test_interface_by_pci(void **state)
{
	struct error err = ERROR_INIT;
	Grpc__Interfaces *list;
	Types__Interface *i;
	struct test_iface t;

	if (!getenv("KATA_TEST_NIC_PCI")) {
		skip_because("only in a guest");
	}
	iface_init(&t, "", "net7", "10.8.0.2", NULL);
	t.msg.devicepath = getenv("KATA_TEST_NIC_PCI");
	if (update_interface(&t.msg, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	list = list_interfaces();
	i = find_interface(list, "net7");
	assert_non_null(i);
	assert_string_equal(i->hwaddr, "02:00:00:00:00:66");
	assert_true(has_addr(i, "10.8.0.2", "24"));
	protobuf_c_message_free_unpacked(&list->base, NULL);
}

struct answer {
	bool done;
	enum ttrpc_code code;
	char msg[ERROR_MSG_MAX];
};

static void on_answer(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		      void *data)
{
	struct answer *a = data;

	a->done = true;
	a->code = code;
	if (err)
		snprintf(a->msg, sizeof(a->msg), "%s", err->msg);
}

/* One that comes after it was asked for, and one that never comes; other calls go on meanwhile. */
void test_late_interface(void **state)
{
	struct pair pair = { "v2", MAC_LATE, "v3", "02:00:00:00:00:0e" };
	Grpc__UpdateInterfaceRequest req = GRPC__UPDATE_INTERFACE_REQUEST__INIT;
	struct answer late = { 0 }, never = { 0 };
	struct test_iface t;

	iface_init(&t, MAC_NEVER, "eth8", NULL, NULL);
	req.interface = &t.msg;
	assert_int_equal(ttrpc_client_call(client.ttrpc, "grpc.AgentService", "UpdateInterface",
					   &req.base, &types__interface__descriptor, 0, on_answer,
					   &never, NULL),
			 0);
	iface_init(&t, MAC_LATE, "eth9", "10.7.7.7", NULL);
	assert_int_equal(ttrpc_client_call(client.ttrpc, "grpc.AgentService", "UpdateInterface",
					   &req.base, &types__interface__descriptor, 0, on_answer,
					   &late, NULL),
			 0);
	protobuf_c_message_free_unpacked(&list_interfaces()->base, NULL);
	assert_false(late.done);
	if (in_agent_netns(make_pair, &pair) != 0)
		skip_because("the kernel has no veth");
	while (!late.done)
		assert_true(loop_step(client.loop, 10000) >= 0);
	if (late.code != TTRPC_OK)
		fail_msg("%s", late.msg);
	assert_false(never.done);
	while (!never.done)
		assert_true(loop_step(client.loop, 10000) >= 0);
	assert_int_equal(never.code, TTRPC_DEADLINE_EXCEEDED);
	assert_string_equal(never.msg, "no network interface has the address " MAC_NEVER);
}

static enum ttrpc_code update_routes(Types__Route **list, size_t n, Grpc__Routes **ret,
				     struct error *err)
{
	Grpc__UpdateRoutesRequest req = GRPC__UPDATE_ROUTES_REQUEST__INIT;
	Grpc__Routes routes = GRPC__ROUTES__INIT;
	ProtobufCMessage *resp = NULL;
	enum ttrpc_code code;

	routes.routes = list;
	routes.n_routes = n;
	req.routes = &routes;
	code = agent_call_resp(&client, "grpc.AgentService", "UpdateRoutes", &req.base,
			       &grpc__routes__descriptor, &resp, err);
	if (code == TTRPC_OK && ret)
		*ret = (Grpc__Routes *)resp;
	else if (code == TTRPC_OK)
		protobuf_c_message_free_unpacked(resp, NULL);
	return code;
}

static void route_init(Types__Route *r, const char *dest, const char *gateway, const char *source,
		       uint32_t flags)
{
	types__route__init(r);
	r->dest = (char *)dest;
	r->gateway = (char *)gateway;
	r->source = (char *)source;
	r->device = (char *)"eth0";
	r->flags = flags;
}

static Types__Route *find_route(const Grpc__Routes *list, const char *dest, const char *gateway)
{
	for (size_t i = 0; i < list->n_routes; i++)
		if (str_eq(list->routes[i]->dest, dest) &&
		    str_eq(list->routes[i]->gateway, gateway))
			return list->routes[i];
	return NULL;
}

void test_routes(void **state)
{
	Types__Route r[6], *list[6];
	struct error err = ERROR_INIT;
	Grpc__Interfaces *ifaces = list_interfaces();
	Grpc__Routes *now = NULL;
	bool there = find_interface(ifaces, "eth0") != NULL;
	struct test_iface t;

	protobuf_c_message_free_unpacked(&ifaces->base, NULL);
	if (!there)
		skip_because("the kernel has no veth");
	iface_init(&t, MAC_A, "eth0", "10.1.2.3", "fd00::3");
	assert_int_equal(update_interface(&t.msg, &err), TTRPC_OK);
	iface_init(&t, MAC_B, "eth1", NULL, NULL); /* its carrier */
	assert_int_equal(update_interface(&t.msg, &err), TTRPC_OK);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++)
		list[i] = &r[i];
	/* The order is wrong on purpose: the default route needs the last but one. */
	route_init(&r[0], "", "172.16.0.1", "", 0);
	route_init(&r[1], "192.0.2.0/24", "172.16.0.1", "10.1.2.3", 0);
	route_init(&r[2], "198.51.100.0/24", "203.0.113.1", "", 4 /* RTNH_F_ONLINK */);
	route_init(&r[3], "10.1.2.0/24", "", "10.1.2.3", 0); /* the kernel's own: no error */
	route_init(&r[4], "172.16.0.1", "", "", 0);
	route_init(&r[5], "fd01::/64", "fd00::1", "", 0);
	r[1].mtu = 1300;
	r[4].scope = RT_SCOPE_LINK;
	r[5].family = TYPES__IPFAMILY__v6;
	if (update_routes(list, 6, &now, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	assert_non_null(find_route(now, "", "172.16.0.1"));
	assert_non_null(find_route(now, "172.16.0.1/32", ""));
	assert_non_null(find_route(now, "198.51.100.0/24", "203.0.113.1"));
	assert_non_null(find_route(now, "10.1.2.0/24", ""));
	assert_int_equal(find_route(now, "192.0.2.0/24", "172.16.0.1")->mtu, 1300);
	assert_string_equal(find_route(now, "192.0.2.0/24", "172.16.0.1")->source, "10.1.2.3");
	assert_string_equal(find_route(now, "192.0.2.0/24", "172.16.0.1")->device, "eth0");
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		assert_non_null(find_route(now, "fd01::/64", "fd00::1"));
	protobuf_c_message_free_unpacked(&now->base, NULL);
	/* The next list is instead, not in addition. */
	route_init(&r[0], "0.0.0.0/0", "10.1.2.1", "", 0);
	assert_int_equal(update_routes(list, 1, &now, &err), TTRPC_OK);
	assert_non_null(find_route(now, "", "10.1.2.1"));
	assert_null(find_route(now, "", "172.16.0.1"));
	assert_null(find_route(now, "172.16.0.1/32", ""));
	protobuf_c_message_free_unpacked(&now->base, NULL);
}

void test_bad_routes(void **state)
{
	Types__Route r, *list[1] = { &r };
	struct error err = ERROR_INIT;

	route_init(&r, "10.0.0.0/33", "", "", 0);
	assert_int_equal(update_routes(list, 1, NULL, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "route: destination \"10.0.0.0/33\" is not an IP address");
	route_init(&r, "10.0.0.0/8", "fe80::1", "", 0);
	assert_int_equal(update_routes(list, 1, NULL, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg,
			    "route: IPv4 and IPv6 in one route (\"10.0.0.0/8\", \"fe80::1\")");
	route_init(&r, "10.0.0.0/8", "", "", 0);
	r.device = (char *)"nope0";
	assert_int_equal(update_routes(list, 1, NULL, &err), TTRPC_NOT_FOUND);
	assert_string_equal(err.msg, "route: no network interface \"nope0\"");
	r.device = (char *)"";
	assert_int_equal(update_routes(list, 1, NULL, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "route: neither device nor gateway");
}

static int arp_has(void *data)
{
	char line[256];
	int r = -ENOENT;
	FILE *f = fopen("/proc/thread-self/net/arp", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, data))
			r = 0;
	if (f)
		fclose(f);
	return r;
}

void test_neighbours(void **state)
{
	Types__IPAddress ip = TYPES__IPADDRESS__INIT;
	Types__ARPNeighbor n = TYPES__ARPNEIGHBOR__INIT, *list[1] = { &n };
	Grpc__ARPNeighbors all = GRPC__ARPNEIGHBORS__INIT;
	Grpc__AddARPNeighborsRequest req = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	struct error err = ERROR_INIT;
	enum ttrpc_code code;

	ip.address = (char *)"10.1.2.77";
	n.toipaddress = &ip;
	n.device = (char *)"eth0";
	n.lladdr = (char *)"02:11:22:33:44:55";
	n.state = 0x80; /* NUD_PERMANENT */
	all.arpneighbors = list;
	all.n_arpneighbors = 1;
	req.neighbors = &all;
	code = agent_call(&client, "AddARPNeighbors", &req.base, &err);
	if (code == TTRPC_NOT_FOUND)
		skip_because("the kernel has no veth");
	assert_int_equal(code, TTRPC_OK);
	assert_int_equal(in_agent_netns(arp_has, (void *)"02:11:22:33:44:55"), 0);
	n.lladdr = (char *)"x";
	assert_int_equal(agent_call(&client, "AddARPNeighbors", &req.base, &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "neighbour: \"x\" is not a hardware address");
}

void test_iptables(void **state)
{
	static const char rules[] = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n"
				    ":OUTPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.9/32 -j DROP\n"
				    "COMMIT\n";
	Grpc__GetIPTablesRequest get = GRPC__GET_IPTABLES_REQUEST__INIT;
	Grpc__SetIPTablesRequest set = GRPC__SET_IPTABLES_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	struct error err = ERROR_INIT;
	enum ttrpc_code code;
	char *text;

	set.data.data = (uint8_t *)rules;
	set.data.len = sizeof(rules) - 1;
	code = agent_call_resp(&client, "grpc.AgentService", "SetIPTables", &set.base,
			       &grpc__set_iptables_response__descriptor, NULL, &err);
	if (code == TTRPC_NOT_FOUND) {
		assert_string_equal(err.msg, "the guest has no program \"iptables-restore\"");
		return;
	}
	if (code != TTRPC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(agent_call_resp(&client, "grpc.AgentService", "GetIPTables", &get.base,
					 &grpc__get_iptables_response__descriptor, &resp, &err),
			 TTRPC_OK);
	text = strndup((char *)((Grpc__GetIPTablesResponse *)resp)->data.data,
		       ((Grpc__GetIPTablesResponse *)resp)->data.len);
	assert_non_null(strstr(text, "-A INPUT -s 192.0.2.9/32 -j DROP"));
	free(text);
	protobuf_c_message_free_unpacked(resp, NULL);
	set.data.data = (uint8_t *)"*filter\nnonsense\n";
	set.data.len = 17;
	assert_int_equal(agent_call_resp(&client, "grpc.AgentService", "SetIPTables", &set.base,
					 &grpc__set_iptables_response__descriptor, NULL, &err),
			 TTRPC_INTERNAL);
	assert_non_null(str_after(err.msg, "iptables-restore: exit code "));
}
