/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_NETDEV_H
#define SERVICE_NETDEV_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

/* /proc/net/dev (proc(5)): counters of interfaces. */
#define NETDEV_MAX	64 /* interfaces that are reported */
#define NETDEV_TEXT_MAX 262144

enum netdev_column { /* in the file's order */
		     NETDEV_RX_BYTES,
		     NETDEV_RX_PACKETS,
		     NETDEV_RX_ERRORS,
		     NETDEV_RX_DROPPED,
		     NETDEV_RX_FIFO,
		     NETDEV_RX_FRAME,
		     NETDEV_RX_COMPRESSED,
		     NETDEV_RX_MULTICAST,
		     NETDEV_TX_BYTES,
		     NETDEV_TX_PACKETS,
		     NETDEV_TX_ERRORS,
		     NETDEV_TX_DROPPED,
		     NETDEV_TX_FIFO,
		     NETDEV_TX_COLLISIONS,
		     NETDEV_TX_CARRIER,
		     NETDEV_TX_COMPRESSED,
		     NETDEV_COLUMNS,
};

struct netdev_stats {
	char name[IF_NAMESIZE];
	uint64_t v[NETDEV_COLUMNS];
};

/* The number of interfaces; lines that are none are passed over. */
size_t netdev_parse(const char *text, struct netdev_stats ret[NETDEV_MAX]);

#endif
