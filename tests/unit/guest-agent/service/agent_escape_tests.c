/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out of a container that other runtimes once had. Parts of test_agent_local. */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/strbuf.h"
#include "unit/guest-agent/service/agent_tests.h"

#define FD_MAX 24

/* CVE-2024-21626: a descriptor or a working directory of the runtime that is still open in the container. */
void test_leaked_descriptors(void **state)
{
	char *list[] = { (char *)"sh", (char *)"-c", (char *)"ls /proc/$$/fd; true", NULL };
	char *where[] = { (char *)"sh", (char *)"-c", (char *)"readlink /proc/$$/cwd; true", NULL };
	struct error err = ERROR_INIT;
	struct strbuf out = STRBUF_INIT;
	Grpc__Process p;
	struct test_spec s;

	test_spec_init(&s, &client, list);
	assert_int_equal(agent_run(&client, "fds", &s, &out, NULL, &err), 0);
	assert_string_equal(out.buf, "0\n1\n2\n");
	for (int fd = 3; fd < FD_MAX; fd++) {
		char cwd[32];
		int r;

		snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", fd);
		test_spec_init(&s, &client, where);
		s.process.cwd = cwd;
		strbuf_reset(&out);
		r = agent_run(&client, "cwd", &s, &out, NULL, &err);
		if (r == 0)
			assert_string_equal(out.buf, "/\n");
		else
			assert_non_null(strstr(err.msg, "working directory"));
	}
	start_sleeper("joined");
	test_spec_init(&s, &client, list);
	p = s.process;
	assert_int_equal(agent_exec(&client, "joined", "fds", &p, &err), TTRPC_OK);
	strbuf_reset(&out);
	assert_int_equal(agent_read_all(&client, "joined", "fds", false, &out), 0);
	assert_string_equal(out.buf, "0\n1\n2\n");
	for (int fd = 3; fd < FD_MAX; fd++) {
		char cwd[32], id[16];

		snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", fd);
		snprintf(id, sizeof(id), "cwd%d", fd);
		test_spec_init(&s, &client, where);
		p = s.process;
		p.cwd = cwd;
		if (agent_exec(&client, "joined", id, &p, &err) != TTRPC_OK) {
			assert_non_null(strstr(err.msg, "working directory"));
			continue;
		}
		strbuf_reset(&out);
		assert_int_equal(agent_read_all(&client, "joined", id, false, &out), 0);
		assert_string_equal(out.buf, "/\n");
	}
	assert_int_equal(agent_remove(&client, "joined", 5), TTRPC_OK);
	strbuf_release(&out);
}

/* CVE-2019-5736: the runtime's own binary run inside the container, to be written to from there. */
void test_own_binary(void **state)
{
	char *args[] = { (char *)"/proc/self/exe", NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;
	Grpc__Process p;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_run(&client, "own", &s, NULL, NULL, &err), -TTRPC_PERMISSION_DENIED);
	assert_string_equal(err.msg,
			    "container \"own\": exec \"/proc/self/exe\": Permission denied");
	start_sleeper("joined");
	test_spec_init(&s, &client, args);
	p = s.process;
	assert_int_equal(agent_exec(&client, "joined", "own", &p, &err), TTRPC_PERMISSION_DENIED);
	assert_int_equal(agent_remove(&client, "joined", 5), TTRPC_OK);
}
