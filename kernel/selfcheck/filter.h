/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFCHECK_FILTER_H
#define SELFCHECK_FILTER_H

#include "base/error.h"
#include "selfcheck/netlink.h"

/* Netfilter over nfnetlink, in parts: nft.c nftables, xtables.c iptables and IP sets. */

/* The checks that filter_checks[] lists. */
int check_netfilter(struct error *err);
int check_nat(struct error *err);
int check_nftables(struct error *err);
int check_nft_compat(struct error *err);
int check_iptables(struct error *err);
int check_ipset(struct error *err);
int check_ipvs(struct error *err);
int check_traffic_control(struct error *err);

/*
 * Connects to 127.0.0.1:1000 over TCP, where nobody listens, and is answered by a server on port 2000: what a redirecting rule must do.
 * from: the address that the server must see, in text.
 */
int check_redirected(const char *from, struct error *err);

#endif
