/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "container/hooks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/time.h"

static void test_state(void **state)
{
	struct oci_kv notes[] = { { (char *)"a.b", (char *)"say \"hi\"" },
				  { (char *)"c", (char *)"" } };
	struct oci_spec spec;
	_cleanup_free_ char *with = NULL, *without = NULL;

	memset(&spec, 0, sizeof(spec));
	spec.oci_version = (char *)"1.1.0";
	without = hooks_state(&spec, "id", "stopped", 0, "/b");
	assert_string_equal(
		without,
		"{\"ociVersion\":\"1.1.0\",\"id\":\"id\",\"status\":\"stopped\",\"bundle\":\"/b\"}");
	spec.annotations = notes;
	spec.n_annotations = 2;
	with = hooks_state(&spec, "id", "creating", 12, "/b");
	assert_string_equal(with, "{\"ociVersion\":\"1.1.0\",\"id\":\"id\",\"status\":\"creating\","
				  "\"pid\":12,\"bundle\":\"/b\","
				  "\"annotations\":{\"a.b\":\"say \\\"hi\\\"\",\"c\":\"\"}}");
}

static int run_script(const char *script, int64_t timeout, struct error *err)
{
	char *args[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct oci_hook h = { .path = (char *)"/bin/sh",
			      .args = { args, 3 },
			      .has_timeout = timeout > 0,
			      .timeout = timeout };
	struct oci_hook_list list = { &h, 1 };

	error_clear(err);
	return hooks_run(&list, "prestart", "{\"x\":1}", err);
}

static void test_run(void **state)
{
	char path[] = "/tmp/test-hooks-XXXXXX", script[128];
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	snprintf(script, sizeof(script), "cat > %s; echo >> %s; echo ${HOME-none} >> %s", path,
		 path, path);
	assert_int_equal(run_script(script, 10, &err), 0);
	assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
	assert_string_equal(text.buf, "{\"x\":1}\nnone\n");
	unlink(path);
}

static void test_failures(void **state)
{
	struct oci_hook missing = { .path = (char *)"/no/such/hook" };
	struct oci_hook_list list = { &missing, 1 };
	struct error err = ERROR_INIT;
	uint64_t begin = time_mono_usec();

	assert_int_equal(run_script("echo one >&2; echo two >&2; exit 3", 0, &err), -EIO);
	assert_string_equal(err.msg, "prestart hook /bin/sh: exit status 3: one two");
	assert_int_equal(run_script("kill -9 $$", 0, &err), -EIO);
	assert_string_equal(err.msg, "prestart hook /bin/sh: ended by signal 9");
	assert_int_equal(run_script("exec sleep 30", 1, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "prestart hook /bin/sh: did not end in 1 s");
	assert_true(time_mono_usec() - begin < 20 * USEC_PER_SEC);
	error_clear(&err);
	assert_int_equal(hooks_run(&list, "poststop", "{}", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "poststop hook /no/such/hook: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
