/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

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
		parse_ok("agent.debug_console agent.log_vport=0 agent.debug_console_vport=1026");

	assert_int_equal(c.unsupported.n, 2);
	assert_string_equal(c.unsupported.v[0], "agent.debug_console");
	assert_string_equal(c.unsupported.v[1], "agent.debug_console_vport");
	agent_config_release(&c);
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
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
