/* SPDX-License-Identifier: Apache-2.0 */
#include "selfcheck/link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <linux/veth.h>
#include <linux/vm_sockets.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xfrm.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/netlink.h"
#include "selfcheck/selfcheck.h"

/* Sockets, links, routes, IPsec. */

unsigned int if_nametoindex(const char *name);

#define MAKE (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)

/* Puts what the kind needs. */
static void put_info(struct netlink *n, const char *kind)
{
	const struct ifinfomsg none = { 0 };
	size_t peer;

	if (strcmp(kind, "veth") == 0) {
		peer = netlink_open(n, VETH_INFO_PEER);
		netlink_raw(n, &none, sizeof(none));
		netlink_str(n, IFLA_IFNAME, "peer0");
		netlink_close(n, peer);
	} else if (strcmp(kind, "vxlan") == 0) {
		netlink_u32(n, IFLA_VXLAN_ID, 42);
		netlink_be16(n, IFLA_VXLAN_PORT, 4789);
	} else if (strcmp(kind, "vlan") == 0) {
		const uint16_t id = 7;

		netlink_put(n, IFLA_VLAN_ID, &id, sizeof(id));
	} else if (strcmp(kind, "bridge") == 0) {
		netlink_u8(n, IFLA_BR_VLAN_FILTERING, 1);
	}
}

int link_add(const char *name, const char *kind, const char *lower, struct error *err)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct netlink n;
	size_t info, data;

	netlink_begin(&n, RTM_NEWLINK, MAKE, &head, sizeof(head));
	netlink_str(&n, IFLA_IFNAME, name);
	if (lower)
		netlink_u32(&n, IFLA_LINK, if_nametoindex(lower));
	info = netlink_open(&n, IFLA_LINKINFO);
	netlink_str(&n, IFLA_INFO_KIND, kind);
	data = netlink_open(&n, IFLA_INFO_DATA);
	put_info(&n, kind);
	netlink_close(&n, data);
	netlink_close(&n, info);
	if (netlink_talk(&n, NETLINK_ROUTE, err) < 0)
		return error_prefix(err, "link %s of kind %s", name, kind);
	return if_nametoindex(name) ? 0 : error_set(err, -ENODEV, "link %s is not there", name);
}

int link_up(const char *name, const char *address, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (address) {
		inet_pton(AF_INET, address, &addr.sin_addr);
		memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
		if (ioctl(fd, SIOCSIFADDR, &ifr) < 0)
			return error_sys(err, -errno, "address %s of %s", address, name);
		addr.sin_addr.s_addr = htonl(0xffffff00);
		memcpy(&ifr.ifr_netmask, &addr, sizeof(addr));
		if (strcmp(name, "lo") != 0 && ioctl(fd, SIOCSIFNETMASK, &ifr) < 0)
			return error_sys(err, -errno, "net mask of %s", name);
	}
	memset(&ifr.ifr_ifru, 0, sizeof(ifr.ifr_ifru));
	ifr.ifr_flags = IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? error_sys(err, -errno, "setting %s up", name)
						 : 0;
}

static int dummies(struct error *err)
{
	int r = link_add("sc0", "dummy", NULL, err);

	return r < 0 ? r : link_up("sc0", "10.9.0.1", err);
}

/* The other end, in a network namespace of its own: sends what it gets back. */
static int echo_peer(void *arg)
{
	const int *ready = arg;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(7) };
	socklen_t len = sizeof(addr);
	char c, buf[64];
	ssize_t n;
	int fd;

	if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "1", 1) != 1 ||
	    read(ready[0], &c, 1) != 1 || link_up("peer0", "10.9.0.2", NULL) < 0)
		return 1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || write(ready[1], "2", 1) != 1)
		return 2;
	n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&addr, &len);
	return n > 0 && sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&addr, len) == n ? 0 : 3;
}

static int move_link(const char *name, pid_t pid, struct error *err)
{
	const struct ifinfomsg head = { .ifi_index = (int)if_nametoindex(name) };
	struct netlink n;

	netlink_begin(&n, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, &head, sizeof(head));
	netlink_u32(&n, IFLA_NET_NS_PID, (uint32_t)pid);
	return netlink_talk(&n, NETLINK_ROUTE, err) < 0 ? error_prefix(err, "moving %s", name) : 0;
}

static int ask_peer(int *ready, pid_t pid, const char *local, struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { 10, 0 };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(7) };
	char c, buf[8] = "";
	int r;

	if (read(ready[0], &c, 1) != 1)
		return error_set(err, -EIO, "the peer did not start");
	r = move_link("peer0", pid, err);
	if (r == 0)
		r = link_up(local, "10.9.0.1", err);
	if (r < 0 || write(ready[1], "m", 1) != 1 || read(ready[0], &c, 1) != 1)
		return r < 0 ? r : error_set(err, -EIO, "the peer has no address");
	inet_pton(AF_INET, "10.9.0.2", &addr.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sendto(fd, "ping", 4, 0, (const struct sockaddr *)&addr, sizeof(addr)) != 4 ||
	    recv(fd, buf, 4, 0) != 4 || strcmp(buf, "ping") != 0)
		return error_sys(err, -errno, "the peer does not answer");
	return 0;
}

/* Talks to peer0 in another namespace, over the device `local`. */
static int talk_over(const char *local, struct error *err)
{
	int here[2], r;
	pid_t pid;

	if (fd_socketpair(here, 0) < 0)
		return error_sys(err, -errno, "socket pair");
	pid = fork();
	if (pid == 0) {
		int ends[2] = { here[1], here[1] };

		close(here[0]);
		_exit(echo_peer(ends));
	}
	close(here[1]);
	r = ask_peer((int[]){ here[0], here[0] }, pid, local, err);
	close(here[0]);
	return r;
}

static int veth(struct error *err)
{
	int r = link_add("sc0", "veth", NULL, err);

	return r < 0 ? r : talk_over("sc0", err);
}

static int enslave(const char *name, const char *master, struct error *err)
{
	const struct ifinfomsg head = { .ifi_index = (int)if_nametoindex(name) };
	struct netlink n;

	netlink_begin(&n, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, &head, sizeof(head));
	netlink_u32(&n, IFLA_MASTER, if_nametoindex(master));
	return netlink_talk(&n, NETLINK_ROUTE, err) < 0
		       ? error_prefix(err, "%s in %s", name, master)
		       : 0;
}

static int bridge(struct error *err)
{
	int r = link_add("br0", "bridge", NULL, err);

	if (r == 0)
		r = link_add("sc0", "veth", NULL, err);
	if (r == 0)
		r = enslave("sc0", "br0", err);
	if (r == 0)
		r = link_up("sc0", NULL, err);
	if (r == 0)
		r = talk_over("br0", err);
	if (r == 0)
		r = check_text("/sys/class/net/br0/bridge/vlan_filtering", "1", err);
	return r < 0 ? r : link_add("br0.7", "vlan", "br0", err);
}

static int over_dummy(const char *kind, struct error *err)
{
	int r = link_add("sc0", "dummy", NULL, err);

	return r < 0 ? r : link_add("top0", kind, "sc0", err);
}

static int macvlan(struct error *err)
{
	char tap[64], dev[300];
	int r = over_dummy("macvlan", err);

	if (r == 0)
		r = link_add("tap0", "macvtap", "sc0", err);
	if (r < 0)
		return r;
	if (!check_entry("/sys/class/net/tap0/macvtap", "tap", tap, sizeof(tap)))
		return error_set(err, -ENOENT, "macvtap has no character device");
	/* devtmpfs has nodes of the first namespace only. */
	snprintf(dev, sizeof(dev), "/sys/class/net/tap0/macvtap/%s/dev", tap);
	return access(dev, R_OK) < 0 ? error_sys(err, -errno, "%s", dev) : 0;
}

static int ipvlan(struct error *err)
{
	return over_dummy("ipvlan", err);
}

static int vxlan(struct error *err)
{
	int r = over_dummy("vxlan", err);

	return r < 0 ? r : link_up("top0", "10.8.0.1", err);
}

/* A packet that a program writes into the tunnel comes out of the guest's socket. */
static int tun(struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC),
			 tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	_cleanup_fd_ int sock = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 253);
	struct ifreq ifr = { .ifr_name = "tun0" }, tap_ifr = { .ifr_name = "tap0" };
	const struct timeval patience = { 10, 0 };
	/* IPv4, 24 bytes, protocol 253 (for experiments), 10.9.0.2 to 10.9.0.1; the sum is set below. */
	uint8_t packet[24] = { 0x45, 0, 0, 24, 0,  0, 0, 0, 64,	 253, 0,   0,
			       10,   9, 0, 2,  10, 9, 0, 1, 't', 'e', 's', 't' };
	uint32_t sum = 0;
	char buf[64];

	ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
	tap_ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 || tap < 0 ||
	    ioctl(tap, TUNSETIFF, &tap_ifr) < 0)
		return error_sys(err, -errno, "/dev/net/tun");
	if (link_up("tun0", "10.9.0.1", err) < 0)
		return err->code;
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)(packet[i] << 8 | packet[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	packet[10] = (uint8_t)(~sum >> 8);
	packet[11] = (uint8_t)~sum;
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (write(fd, packet, sizeof(packet)) != sizeof(packet) ||
	    recv(sock, buf, sizeof(buf), 0) != sizeof(packet))
		return error_sys(err, -errno, "a packet through tun0");
	return memcmp(buf + 20, "test", 4) == 0
		       ? 0
		       : error_set(err, -EBADMSG, "tun0 changed the packet");
}

static int sockets(struct error *err)
{
	static const struct {
		int family, type;
		const char *name;
	} all[] = {
		{ AF_UNIX, SOCK_STREAM, "unix" },    { AF_INET, SOCK_STREAM, "tcp" },
		{ AF_INET6, SOCK_STREAM, "tcp6" },   { AF_INET, SOCK_DGRAM, "udp" },
		{ AF_INET6, SOCK_DGRAM, "udp6" },    { AF_PACKET, SOCK_RAW, "packet" },
		{ AF_NETLINK, SOCK_RAW, "netlink" },
	};
	const struct ip_mreqn group = { { htonl(0xe0000105) }, { htonl(INADDR_LOOPBACK) }, 0 };
	_cleanup_fd_ int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const int fd = socket(all[i].family, all[i].type | SOCK_CLOEXEC, 0);

		if (fd < 0)
			return error_sys(err, -errno, "socket %s", all[i].name);
		close(fd);
	}
	if (link_up("lo", NULL, err) < 0)
		return err->code;
	if (setsockopt(udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return error_sys(err, -errno, "multicast group");
	return check_write("/proc/sys/net/ipv4/tcp_syncookies", "1", err);
}

static int diag(const char *name, const void *request, size_t len, struct error *err)
{
	struct netlink n;

	netlink_begin(&n, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, request, len);
	if (netlink_talk(&n, NETLINK_SOCK_DIAG, err) < 0)
		return error_prefix(err, "%s sockets", name);
	return n.len ? 0 : error_set(err, -ENOENT, "no %s socket is listed", name);
}

static int socket_diag(struct error *err)
{
	_cleanup_fd_ int un = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), packet = -1, tcp = -1;
	const struct unix_diag_req u = { .sdiag_family = AF_UNIX,
					 .udiag_states = UINT32_MAX,
					 .udiag_show = UDIAG_SHOW_NAME };
	const struct packet_diag_req p = { .sdiag_family = AF_PACKET,
					   .pdiag_show = PACKET_SHOW_INFO };
	const struct inet_diag_req_v2 i = { .sdiag_family = AF_INET,
					    .sdiag_protocol = IPPROTO_TCP,
					    .idiag_states = UINT32_MAX };
	int r;

	packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (un < 0 || packet < 0 || tcp < 0 || listen(tcp, 1) < 0)
		return error_sys(err, -errno, "sockets");
	r = diag("unix", &u, sizeof(u), err);
	if (r == 0)
		r = diag("packet", &p, sizeof(p), err);
	return r < 0 ? r : diag("tcp", &i, sizeof(i), err);
}

static int vsock_bind(int fd, unsigned int port)
{
	const struct sockaddr_vm addr = { .svm_family = AF_VSOCK,
					  .svm_cid = VMADDR_CID_ANY,
					  .svm_port = port };

	return bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0
		       ? -errno
		       : 0;
}

/* What a host hears of it is the agent's channel, which every sandbox uses. */
static int vsock(struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || vsock_bind(fd, 1024) < 0)
		return error_sys(err, -errno, "vsock socket");
	if (access("/sys/bus/virtio/drivers/vmw_vsock_virtio_transport", F_OK) < 0)
		return error_sys(err, -errno, "transport over virtio");
	return access("/dev/vsock", R_OK) < 0 ? error_sys(err, -errno, "/dev/vsock") : 0;
}

static int vsock_diag(struct error *err)
{
	_cleanup_fd_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct vsock_diag_req v = { .sdiag_family = AF_VSOCK, .vdiag_states = UINT32_MAX };

	if (fd < 0 || vsock_bind(fd, 1025) < 0)
		return error_sys(err, -errno, "vsock socket");
	return diag("vsock", &v, sizeof(v), err);
}

static int add_rule(int family, struct error *err)
{
	const struct fib_rule_hdr head = { .family = (uint8_t)family,
					   .table = RT_TABLE_UNSPEC,
					   .action = FR_ACT_TO_TBL };
	struct netlink n;

	netlink_begin(&n, RTM_NEWRULE, MAKE, &head, sizeof(head));
	netlink_u32(&n, FRA_TABLE, 1000);
	netlink_u32(&n, FRA_PRIORITY, 100);
	netlink_u32(&n, FRA_FWMARK, 5);
	return netlink_talk(&n, NETLINK_ROUTE, err) < 0
		       ? error_prefix(err, "rule of family %d", family)
		       : 0;
}

static int policy_routing(struct error *err)
{
	int r = add_rule(AF_INET, err);

	return r < 0 ? r : add_rule(AF_INET6, err);
}

/* A security association with AES-GCM, as an overlay network makes one. */
static int ipsec(struct error *err)
{
	struct {
		struct xfrm_algo_aead head;
		uint8_t key[20];
	} aead = {
		.head = { .alg_name = "rfc4106(gcm(aes))", .alg_key_len = 160, .alg_icv_len = 128 }
	};
	struct xfrm_usersa_info sa = { .family = AF_INET, .mode = XFRM_MODE_TRANSPORT, .reqid = 1 };
	struct netlink n;

	sa.id.proto = IPPROTO_ESP;
	sa.id.spi = htonl(0x1000);
	sa.id.daddr.a4 = htonl(0x0a090002);
	sa.saddr.a4 = htonl(0x0a090001);
	sa.lft.soft_byte_limit = sa.lft.hard_byte_limit = XFRM_INF;
	sa.lft.soft_packet_limit = sa.lft.hard_packet_limit = XFRM_INF;
	netlink_begin(&n, XFRM_MSG_NEWSA, MAKE, &sa, sizeof(sa));
	netlink_put(&n, XFRMA_ALG_AEAD, &aead, sizeof(aead.head) + sizeof(aead.key));
	return netlink_talk(&n, NETLINK_XFRM, err) < 0 ? error_prefix(err, "security association")
						       : 0;
}

const struct selfcheck link_checks[] = {
	{ .feature = "network-devices", .run = dummies },
	{ .feature = "veth", .run = veth },
	{ .feature = "bridge", .run = bridge },
	{ .feature = "macvlan", .run = macvlan },
	{ .feature = "ipvlan", .run = ipvlan },
	{ .feature = "vxlan", .run = vxlan },
	{ .feature = "tun", .run = tun },
	{ .feature = "sockets", .run = sockets },
	{ .feature = "socket-diag", .run = socket_diag },
	{ .feature = "vsock", .run = vsock },
	{ .feature = "vsock-diag", .run = vsock_diag },
	{ .feature = "policy-routing", .run = policy_routing },
	{ .feature = "ipsec", .run = ipsec },
	{ .feature = NULL },
};
