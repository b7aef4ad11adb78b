# Netlink: links, addresses, routes, neighbours, and kernel events. Users also link base.
NET_SRCS := $(addprefix runtime/lib/net/,addr.c netlink.c rtnl.c rtnl_parse.c uevent.c)
$(eval $(call lib,net,$(NET_SRCS)))

$(foreach t,test_addr test_netlink test_rtnl,$(eval $(call unit,runtime/lib/net/$(t),net base,)))
$(eval $(call fuzz,netlink,net base,))
