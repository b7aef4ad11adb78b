/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's network, in a namespace of this test's own. */
#include "support/cmocka_all.h"

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "net/rtnl.h"

static struct nl_sock sock = NL_SOCK_INIT;

static int make_dummy(const char *name)
{
	struct ifinfomsg head = { 0 };
	struct error err = ERROR_INIT;
	struct nl_msg m;
	size_t nest;
	int r;

	nl_msg_init(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	nl_put_str(&m, IFLA_IFNAME, name);
	nest = nl_nest_begin(&m, IFLA_LINKINFO);
	/* Every kernel that runs containers has it; dummy is missing on some. */
	nl_put_str(&m, IFLA_INFO_KIND, "veth");
	nl_nest_end(&m, nest);
	r = nl_request(&sock, &m, NULL, NULL, &err);
	if (r < 0)
		print_message("%s\n", err.msg);
	return r;
}

static int find_link(const char *name, struct net_link *ret)
{
	struct net_link *links = NULL;
	size_t n = 0;
	int found = -1;

	assert_int_equal(net_links(&sock, &links, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(links[i].name, name))
			continue;
		*ret = links[i];
		found = 0;
	}
	free(links);
	return found;
}

static void test_links(void **state)
{
	struct error err = ERROR_INIT;
	struct net_link l, lo;

	assert_int_equal(find_link("lo", &lo), 0);
	assert_true(lo.flags & IFF_LOOPBACK);
	assert_int_equal(net_link_set(&sock, lo.index, NULL, 0, IFF_UP, IFF_UP, &err), 0);
	assert_int_equal(find_link("t0", &l), 0);
	assert_string_equal(l.kind, "veth");
	assert_int_equal(l.mac_len, 6);
	assert_int_equal(net_link_set(&sock, l.index, "renamed", 1400, 0, 0, &err), 0);
	assert_int_equal(find_link("renamed", &l), 0);
	assert_int_equal(l.mtu, 1400);
	assert_int_equal(net_link_set(&sock, l.index, "t0", 0, IFF_UP, IFF_UP, &err), 0);
	assert_int_equal(net_link_set(&sock, 9999, NULL, 0, IFF_UP, IFF_UP, &err), -ENODEV);
	assert_string_equal(err.msg, "No such device");
}

static void test_addrs_and_routes(void **state)
{
	struct net_ifaddr a = { 0 }, *list = NULL;
	struct net_route rt = { .family = AF_INET, .scope = RT_SCOPE_LINK }, *routes = NULL;
	struct error err = ERROR_INIT;
	struct net_link l;
	size_t n = 0, hits = 0;

	assert_int_equal(find_link("t0", &l), 0);
	a.index = rt.index = l.index;
	assert_int_equal(net_addr_parse("10.9.8.7/20", &a.addr), 0);
	assert_int_equal(net_ifaddr_add(&sock, &a, &err), 0);
	assert_int_equal(net_ifaddr_add(&sock, &a, &err), 0); /* replaces */
	assert_int_equal(net_ifaddrs(&sock, AF_INET, &list, &n, &err), 0);
	for (size_t i = 0; i < n; i++)
		hits += list[i].index == l.index && list[i].addr.prefix == 20;
	assert_int_equal(hits, 1);
	free(list);
	assert_int_equal(net_addr_parse("192.0.2.0/24", &rt.dest), 0);
	assert_int_equal(net_addr_parse("10.9.8.7", &rt.source), 0);
	rt.mtu = 1200;
	rt.priority = 5;
	assert_int_equal(net_route_add(&sock, &rt, &err), 0);
	assert_int_equal(net_route_add(&sock, &rt, &err), -EEXIST);
	assert_int_equal(net_routes(&sock, AF_INET, &routes, &n, &err), 0);
	hits = 0;
	for (size_t i = 0; i < n; i++) {
		if (routes[i].priority != 5)
			continue;
		hits++;
		assert_int_equal(routes[i].mtu, 1200);
		assert_int_equal(routes[i].dest.prefix, 24);
		assert_int_equal(routes[i].index, l.index);
		assert_int_equal(routes[i].table, RT_TABLE_MAIN);
		assert_memory_equal(routes[i].source.bytes, "\x0a\x09\x08\x07", 4);
		assert_int_equal(net_route_del(&sock, &routes[i], &err), 0);
	}
	assert_int_equal(hits, 1);
	free(routes);
	assert_int_equal(net_ifaddr_del(&sock, &a, &err), 0);
	assert_int_equal(net_ifaddr_del(&sock, &a, &err), -EADDRNOTAVAIL);
}

static void test_neighbour(void **state)
{
	struct net_neigh nb = { .state = 0x80 /* NUD_PERMANENT */, .mac_len = 6 };
	struct error err = ERROR_INIT;
	struct net_link l;
	char line[256];
	int hits = 0;
	FILE *f;

	assert_int_equal(find_link("t0", &l), 0);
	nb.index = l.index;
	nb.mac[0] = 2;
	nb.mac[5] = 0x2a;
	assert_int_equal(net_addr_parse("10.9.8.1", &nb.addr), 0);
	assert_int_equal(net_neigh_set(&sock, &nb, &err), 0);
	assert_int_equal(net_neigh_set(&sock, &nb, &err), 0);
	f = fopen("/proc/thread-self/net/arp", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		hits += strstr(line, "10.9.8.1 ") && strstr(line, "02:00:00:00:00:2a");
	fclose(f);
	assert_int_equal(hits, 1);
}

static int setup(void **state)
{
	struct error err = ERROR_INIT;

	if (nl_open(&sock, NETLINK_ROUTE, &err) < 0) {
		print_message("%s\n", err.msg);
		return -1;
	}
	return make_dummy("t0");
}

static int teardown(void **state)
{
	nl_close(&sock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_addrs_and_routes),
		cmocka_unit_test(test_neighbour),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		printf("1..1\nok 1 - netlink # SKIP needs the right to make a network namespace\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
