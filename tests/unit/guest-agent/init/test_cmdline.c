/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "init/cmdline.h"

static struct agent_config parse_ok(const char *text)
{
	struct agent_config c;
	struct error err = ERROR_INIT;

	agent_config_preset(&c);
	assert_int_equal(agent_config_parse_cmdline(&c, text, &err), 0);
	return c;
}

static void parse_bad(const char *text, const char *want)
{
	struct agent_config c;
	struct error err = ERROR_INIT;

	agent_config_preset(&c);
	assert_int_equal(agent_config_parse_cmdline(&c, text, &err), -EINVAL);
	assert_string_equal(err.msg, want);
	agent_config_release(&c);
}

static void test_defaults(void **state)
{
	struct agent_config c =
		parse_ok("console=ttyS0 root=/dev/vda1 quiet agentlog=x agent_log=y\n");

	assert_int_equal(c.log_level, LOG_L_INFO);
	assert_string_equal(c.server_addr, "vsock://-1:1024");
	assert_int_equal(c.hotplug_usec, 3000000);
	assert_int_equal(c.pipe_size, 0);
	assert_int_equal(c.unsupported.n, 0);
	agent_config_release(&c);
}

static void test_values(void **state)
{
	struct agent_config c = parse_ok(
		"a  agent.log=debug\tagent.hotplug_timeout=10 agent.container_pipe_size=65536 "
		"agent.server_addr=\"unix:///a b\" agent.future=1");

	assert_int_equal(c.log_level, LOG_L_DEBUG);
	assert_int_equal(c.hotplug_usec, 10000000);
	assert_int_equal(c.pipe_size, 65536);
	assert_string_equal(c.server_addr, "unix:///a b");
	assert_int_equal(c.unsupported.n, 0);
	agent_config_release(&c);
	/* A later one wins, as everywhere on that line. */
	c = parse_ok("agent.log=debug agent.log=error");
	assert_int_equal(c.log_level, LOG_L_ERROR);
	agent_config_release(&c);
}

static void test_unsupported(void **state)
{
	struct agent_config c =
		parse_ok("agent.trace agent.passfd_listener_port=0 agent.https_proxy=x");

	assert_int_equal(c.unsupported.n, 2);
	assert_string_equal(c.unsupported.v[0], "agent.trace");
	assert_string_equal(c.unsupported.v[1], "agent.https_proxy");
	agent_config_release(&c);
}

static void test_ports(void **state)
{
	struct agent_config c =
		parse_ok("agent.debug_console agent.log_vport=1025 "
			 "agent.debug_console_vport=1026 agent.policy_file=/p.toml");

	assert_true(c.debug_console);
	assert_int_equal(c.debug_console_vport, 1026);
	assert_int_equal(c.log_vport, 1025);
	assert_string_equal(c.policy_file, "/p.toml");
	agent_config_release(&c);
	c = parse_ok("agent.debug_console=false");
	assert_false(c.debug_console);
	assert_string_equal(c.policy_file, "/etc/kata-opa/default-policy.toml");
	agent_config_release(&c);
}

static int parse_file(const char *text, struct agent_config *c, struct error *err)
{
	agent_config_preset(c);
	return agent_config_parse_file(c, text, strlen(text), "f", err);
}

static void test_file(void **state)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "log_level = \"loud\"\n", "f:1: log_level: bad value \"loud\"" },
		{ "hotplug_timeout = 0\n", "f:1: hotplug_timeout: bad value \"0\"" },
		{ "log_levle = \"info\"\n", "f:1: log_levle: this agent has no such setting" },
		{ "log_level = []\n",
		  "f:1: log_level: expected a string, an integer or a boolean" },
		{ "config_file = \"/x\"\n", "f:1: config_file: this agent has no such setting" },
	};
	struct error err = ERROR_INIT;
	struct agent_config c;

	assert_int_equal(
		parse_file("log_level = \"debug\"\nhotplug_timeout = 7\ndebug_console = true\n"
			   "debug_console_vport = 1026\nserver_addr = \"unix:///s\"\n"
			   "trace = true\nhttps_proxy = \"\"\n",
			   &c, &err),
		0);
	assert_int_equal(c.log_level, LOG_L_DEBUG);
	assert_int_equal(c.hotplug_usec, 7000000);
	assert_true(c.debug_console);
	assert_string_equal(c.server_addr, "unix:///s");
	assert_int_equal(c.unsupported.n, 1);
	agent_config_release(&c);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_file(bad[i].text, &c, &err), -EINVAL);
		assert_string_equal(err.msg, bad[i].want);
		agent_config_release(&c);
	}
}

static void test_bad(void **state)
{
	char *longer = malloc(AGENT_CMDLINE_MAX + 2);
	char addr[AGENT_ADDR_MAX + 64] = "agent.server_addr=";

	parse_bad("agent.log=loud", "kernel parameter agent.log: bad value \"loud\"");
	parse_bad("agent.log", "kernel parameter agent.log: bad value \"\"");
	parse_bad("agent.hotplug_timeout=0",
		  "kernel parameter agent.hotplug_timeout: bad value \"0\"");
	parse_bad("agent.hotplug_timeout=-1",
		  "kernel parameter agent.hotplug_timeout: bad value \"-1\"");
	parse_bad("agent.hotplug_timeout=99999999999",
		  "kernel parameter agent.hotplug_timeout: bad value \"99999999999\"");
	parse_bad("agent.container_pipe_size=1x",
		  "kernel parameter agent.container_pipe_size: bad value \"1x\"");
	parse_bad("agent.server_addr=", "kernel parameter agent.server_addr: empty");
	memset(addr + strlen(addr), 'a', AGENT_ADDR_MAX);
	parse_bad(addr, "kernel parameter agent.server_addr: too long");
	memset(longer, 'a', AGENT_CMDLINE_MAX + 1);
	longer[AGENT_CMDLINE_MAX + 1] = '\0';
	parse_bad(longer, "kernel command line: longer than 65536 bytes");
	free(longer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_values),
		cmocka_unit_test(test_unsupported), cmocka_unit_test(test_ports),
		cmocka_unit_test(test_file),	    cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
