/* SPDX-License-Identifier: Apache-2.0 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/parse.h"

size_t net_addr_size(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

int net_addr_parse(const char *text, struct net_addr *ret)
{
	struct net_addr a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint32_t prefix = (uint32_t)net_addr_size(a.family) * 8;
	char host[INET6_ADDRSTRLEN];

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(a.family, host, a.bytes) != 1)
		return -EINVAL;
	if (slash &&
	    (parse_u32(slash + 1, 10, &prefix) < 0 || prefix > net_addr_size(a.family) * 8))
		return -EINVAL;
	a.prefix = (uint8_t)prefix;
	*ret = a;
	return 0;
}

char *net_addr_text(const struct net_addr *a, int with_prefix, char buf[NET_ADDR_TEXT_MAX])
{
	size_t n;

	if (!net_addr_size(a->family) || !inet_ntop(a->family, a->bytes, buf, NET_ADDR_TEXT_MAX)) {
		buf[0] = '\0';
		return buf;
	}
	n = strlen(buf);
	if (with_prefix)
		snprintf(buf + n, NET_ADDR_TEXT_MAX - n, "/%u", a->prefix);
	return buf;
}

int net_mac_parse(const char *text, uint8_t mac[NET_MAC_MAX], size_t *ret_len)
{
	size_t n = strlen(text), len = (n + 1) / 3;

	if (n < 2 || n % 3 != 2 || len > NET_MAC_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		const char *p = text + 3 * i;

		if (hex_decode(&mac[i], 1, (char[]){ p[0], p[1], '\0' }) < 0 ||
		    (i + 1 < len && p[2] != ':'))
			return -EINVAL;
	}
	*ret_len = len;
	return 0;
}

char *net_mac_text(const uint8_t *mac, size_t len, char *buf)
{
	buf[0] = '\0';
	for (size_t i = 0; i < len; i++) {
		hex_encode(buf + 3 * i, &mac[i], 1);
		buf[3 * i + 2] = i + 1 < len ? ':' : '\0';
	}
	return buf;
}
