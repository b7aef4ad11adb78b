/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's answers about the network and its device events. First byte: which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include "base/alloc.h"
#include "net/rtnl.h"
#include "net/uevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_message(uint16_t type, const void *data, size_t len, void *arg)
{
	struct net_link link;
	struct net_ifaddr addr;
	struct net_route route;
	char text[NET_ADDR_TEXT_MAX], mac[3 * NET_MAC_MAX + 1];

	if (net_link_read(type, data, len, &link) > 0)
		net_mac_text(link.mac, link.mac_len, mac);
	if (net_ifaddr_read(type, data, len, &addr) > 0)
		net_addr_text(&addr.addr, 1, text);
	if (net_route_read(type, data, len, &route) > 0)
		net_addr_text(&route.dest, 1, text);
	return 0;
}

static void fuzz_text(const char *text)
{
	uint8_t mac[NET_MAC_MAX];
	struct net_addr a;
	size_t n;

	net_addr_parse(text, &a);
	net_mac_parse(text, mac, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct uevent ev;
	char *text;

	if (!size)
		return 0;
	text = mem_dup0(data + 1, size - 1);
	if (!text)
		return 0;
	switch (data[0]) {
	case 'u':
		if (uevent_parse(text, size - 1, &ev) == 0 && (!*ev.action || !*ev.devpath))
			abort();
		break;
	case 't':
		fuzz_text(text);
		break;
	default:
		nl_answer(text, size - 1, 1, on_message, NULL, &err);
	}
	free(text);
	return 0;
}
