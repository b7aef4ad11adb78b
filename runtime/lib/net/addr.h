/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Addresses as text and as bytes. IPv4 and IPv6 with a prefix length; hardware addresses of any link type.
 */

#define NET_MAC_MAX	  32 /* MAX_ADDR_LEN, include/linux/netdevice.h */
#define NET_ADDR_TEXT_MAX 64 /* an IPv6 address with "/128" and the NUL */

struct net_addr {
	int family;	/* AF_INET, AF_INET6; AF_UNSPEC (0): no address */
	uint8_t prefix; /* at most 8 * net_addr_size() */
	uint8_t bytes[16];
};

/* 4, 16, or 0 for AF_UNSPEC. */
size_t net_addr_size(int family);
/* "10.0.0.1", "fe80::1/64"; without a prefix length all bits. -EINVAL; *ret is written on success only. */
int net_addr_parse(const char *text, struct net_addr *ret);
/* The address, with its prefix length when with_prefix. "" for AF_UNSPEC. Returns buf. */
char *net_addr_text(const struct net_addr *a, int with_prefix, char buf[NET_ADDR_TEXT_MAX]);

/* "02:00:ca:fe:00:01": pairs of hex digits with colons. -EINVAL. */
int net_mac_parse(const char *text, uint8_t mac[NET_MAC_MAX], size_t *ret_len);
/* buf of 3 * len bytes, at least 1. Returns buf. */
char *net_mac_text(const uint8_t *mac, size_t len, char *buf);

#endif
