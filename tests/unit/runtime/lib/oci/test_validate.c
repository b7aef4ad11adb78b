/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "oci/spec.h"

#include <sched.h>
#include <string.h>
#include "base/strbuf.h"

/* A valid document, with room for one change at each place. */
#define SPEC(version, process, root, rest) \
	"{\"ociVersion\": " version ", \"process\": " process ", \"root\": " root rest "}"
#define PROCESS "{\"args\": [\"sh\"], \"cwd\": \"/\"}"
#define ROOT	"{\"path\": \"rootfs\"}"

static const struct {
	const char *json, *want; /* NULL: valid */
} cases[] = {
	{ SPEC("\"1.0.0\"", PROCESS, ROOT, ""), NULL },
	{ SPEC("\"1.2.1\"", PROCESS, ROOT, ", \"hooks\": {\"poststop\": [{\"path\": \"/x\"}]}"),
	  NULL },
	{ SPEC("null", PROCESS, ROOT, ""), "ociVersion: missing" },
	{ SPEC("\"2.0.0\"", PROCESS, ROOT, ""),
	  "ociVersion: \"2.0.0\" is not supported, only 1.x is" },
	{ SPEC("\"1.0.0\"", "null", ROOT, ""), "process: missing" },
	{ SPEC("\"1.0.0\"", "{\"cwd\": \"/\"}", ROOT, ""), "process.args: missing or empty" },
	{ SPEC("\"1.0.0\"", "{\"args\": [\"\"], \"cwd\": \"/\"}", ROOT, ""),
	  "process.args[0]: empty command" },
	{ SPEC("\"1.0.0\"", "{\"args\": [\"sh\"]}", ROOT, ""), "process.cwd: missing" },
	{ SPEC("\"1.0.0\"", "{\"args\": [\"sh\"], \"cwd\": \"tmp\"}", ROOT, ""),
	  "process.cwd: \"tmp\" is not an absolute path" },
	{ SPEC("\"1.0.0\"",
	       "{\"args\": [\"sh\"], \"cwd\": \"/\", \"capabilities\": {\"permitted\": [\"CAP_KILL\", \"CAP_FLY\"]}}",
	       ROOT, ""),
	  "process.capabilities.permitted[1]: unknown capability \"CAP_FLY\"" },
	{ SPEC("\"1.0.0\"",
	       "{\"args\": [\"sh\"], \"cwd\": \"/\", \"rlimits\": [{\"type\": \"NOFILE\", \"hard\": 1, \"soft\": 1}]}",
	       ROOT, ""),
	  "process.rlimits[0].type: unknown limit \"NOFILE\"" },
	{ SPEC("\"1.0.0\"",
	       "{\"args\": [\"sh\"], \"cwd\": \"/\", \"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"hard\": 1, \"soft\": 1},"
	       "{\"type\": \"RLIMIT_CPU\", \"hard\": 1, \"soft\": 1}]}",
	       ROOT, ""),
	  "process.rlimits[1].type: RLIMIT_CPU was given already" },
	{ SPEC("\"1.0.0\"", PROCESS, "null", ""), "root.path: missing" },
	{ SPEC("\"1.0.0\"", PROCESS, "{\"path\": \"\"}", ""), "root.path: missing" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT,
	       ", \"mounts\": [{\"destination\": \"/a\"}, {\"destination\": \"b\"}]"),
	  "mounts[1].destination: \"b\" is not an absolute path" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT, ", \"hooks\": {\"prestart\": [{\"path\": \"x\"}]}"),
	  "hooks.prestart[0].path: \"x\" is not an absolute path" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT,
	       ", \"hooks\": {\"startContainer\": [{\"path\": \"/x\", \"timeout\": 0}]}"),
	  "hooks.startContainer[0].timeout: 0 is not positive" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT,
	       ", \"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"uts\"}, {\"type\": \"pid\"}]}"),
	  "linux.namespaces[2].type: pid was given already" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT,
	       ", \"linux\": {\"devices\": [{\"path\": \"dev/x\", \"type\": \"c\"}]}"),
	  "linux.devices[0].path: \"dev/x\" is not an absolute path" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT, ", \"linux\": {\"maskedPaths\": [\"/a\", \"\"]}"),
	  "linux.maskedPaths[1]: missing" },
	{ SPEC("\"1.0.0\"", PROCESS, ROOT, ", \"linux\": {\"readonlyPaths\": [\"x\"]}"),
	  "linux.readonlyPaths[0]: \"x\" is not an absolute path" },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_oci_spec_ struct oci_spec *spec = NULL;
		struct error err = ERROR_INIT;
		int r;

		if (oci_spec_parse(cases[i].json, strlen(cases[i].json), &spec, &err) < 0)
			fail_msg("%s: %s", cases[i].json, err.msg);
		r = oci_spec_validate(spec, &err);
		if (cases[i].want ? r != -EINVAL || strcmp(err.msg, cases[i].want) != 0 : r != 0)
			fail_msg("%s: got %d \"%s\", want \"%s\"", cases[i].json, r, err.msg,
				 cases[i].want ? cases[i].want : "");
	}
}

static void test_namespaces(void **state)
{
	assert_string_equal(oci_ns_name(OCI_NS_PID), "pid");
	assert_string_equal(oci_ns_name(OCI_NS_NETWORK), "network");
	assert_string_equal(oci_ns_name(OCI_NS_TIME), "time");
	assert_int_equal(oci_ns_clone_flag(OCI_NS_MOUNT), CLONE_NEWNS);
	assert_int_equal(oci_ns_clone_flag(OCI_NS_NETWORK), CLONE_NEWNET);
	for (int t = 0; t < OCI_NS_MAX; t++) {
		assert_non_null(oci_ns_name(t));
		assert_int_not_equal(oci_ns_clone_flag(t), 0);
	}
}

static void test_free_null(void **state)
{
	assert_null(oci_spec_free(NULL));
	assert_null(oci_process_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_free_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
