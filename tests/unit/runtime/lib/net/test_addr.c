/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <string.h>
#include <sys/socket.h>
#include "base/compiler.h"
#include "net/addr.h"

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *again;
		int family, prefix;
	} good[] = {
		{ "10.0.0.1", "10.0.0.1/32", AF_INET, 32 },
		{ "10.0.0.1/8", "10.0.0.1/8", AF_INET, 8 },
		{ "0.0.0.0/0", "0.0.0.0/0", AF_INET, 0 },
		{ "fe80::1", "fe80::1/128", AF_INET6, 128 },
		{ "2001:DB8:0:0::5/64", "2001:db8::5/64", AF_INET6, 64 },
		{ "::ffff:1.2.3.4/96", "::ffff:1.2.3.4/96", AF_INET6, 96 },
	};
	static const char *const bad[] = { "",
					   "10.0.0",
					   "10.0.0.256",
					   "10.0.0.1/33",
					   "10.0.0.1/",
					   "10.0.0.1/-1",
					   "1:2",
					   "::1/129",
					   "::1%lo",
					   "/8",
					   "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111" };
	char buf[NET_ADDR_TEXT_MAX];
	struct net_addr a;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(net_addr_parse(good[i].text, &a), 0);
		assert_int_equal(a.family, good[i].family);
		assert_int_equal(a.prefix, good[i].prefix);
		assert_string_equal(net_addr_text(&a, 1, buf), good[i].again);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(net_addr_parse(bad[i], &a), 0);
	memset(&a, 0, sizeof(a));
	assert_string_equal(net_addr_text(&a, 1, buf), "");
}

static void test_hardware_addresses(void **state)
{
	static const char *const bad[] = { "",	  "0",	   "02:",      "02:0",
					   "020", "02-03", "02:03:0g", "02:03:" };
	char text[3 * NET_MAC_MAX + 4] = "", buf[3 * NET_MAC_MAX + 1];
	uint8_t mac[NET_MAC_MAX];
	size_t n = 0;

	assert_int_equal(net_mac_parse("02:00:CA:fe:00:01", mac, &n), 0);
	assert_int_equal(n, 6);
	assert_string_equal(net_mac_text(mac, n, buf), "02:00:ca:fe:00:01");
	assert_string_equal(net_mac_text(mac, 0, buf), "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(net_mac_parse(bad[i], mac, &n), 0);
	for (int i = 0; i < NET_MAC_MAX; i++)
		memcpy(text + (i ? 3 * i - 1 : 0), &":aa"[!i], i ? 4 : 3);
	assert_int_equal(net_mac_parse(text, mac, &n), 0);
	assert_int_equal(n, NET_MAC_MAX);
	memcpy(text + 3 * NET_MAC_MAX - 1, ":aa", 4);
	assert_int_not_equal(net_mac_parse(text, mac, &n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_hardware_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
