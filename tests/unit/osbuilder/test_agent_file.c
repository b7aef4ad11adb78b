/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_file.h"
#include "base/file.h"
#include "base/parse.h"
#include "support/tool.h"

static int enter(void **state)
{
	*state = tool_tmpdir();
	return chdir(*state);
}

static int leave(void **state)
{
	assert_int_equal(chdir("/"), 0);
	tool_rmdir(*state);
	return 0;
}

static void test_hash(void **state)
{
	struct agent_file a = AGENT_FILE_INIT;
	struct error err = ERROR_INIT;
	char hex[SHA_HEX_MAX];

	assert_int_equal(file_write_atomic(AT_FDCWD, "agent", 0644, "abc", 3, &err), 0);
	assert_int_equal(agent_file_open(&a, "agent", &err), 0);
	assert_int_equal(a.size, 3);
	assert_int_equal(agent_file_hash(&a, &err), 0);
	hex_encode(hex, a.sha256, sizeof(a.sha256));
	/* FIPS 180-2, B.1 */
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(truncate("agent", 2), 0);
	assert_int_equal(agent_file_hash(&a, &err), -ENODATA);
	assert_string_equal(err.msg, "agent 'agent': file ends at offset 2, 1 bytes early");
	agent_file_release(&a);
	assert_int_equal(a.fd, -1);
	agent_file_release(&a);
}

/* Nothing that never ends, and nothing that waits to be opened. */
static void test_refused(void **state)
{
	static const char *const paths[] = { "/dev/zero", ".", "fifo" };
	struct agent_file none = AGENT_FILE_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct agent_file a = AGENT_FILE_INIT;

		assert_int_equal(agent_file_open(&a, paths[i], &err), -EINVAL);
		assert_non_null(strstr(err.msg, "' is not a regular file"));
		agent_file_release(&a);
	}
	assert_int_equal(agent_file_open(&none, "none", &err), -ENOENT);
	assert_string_equal(err.msg, "agent 'none': No such file or directory");
	assert_non_null(err.hint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hash, enter, leave),
		cmocka_unit_test_setup_teardown(test_refused, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
