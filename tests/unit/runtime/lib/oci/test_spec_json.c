/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "oci/spec.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "codec/json.h"
#include "support/oci_dump.h"

#define FULL_JSON "tests/fuzz/corpus/oci_json/full.json"

static struct oci_spec *parse_ok(const char *json)
{
	struct oci_spec *spec = NULL;
	struct error err = ERROR_INIT;

	if (oci_spec_parse(json, strlen(json), &spec, &err) < 0)
		fail_msg("%s", err.msg);
	return spec;
}

/* Every key of the document that uses all keys ends in the struct: what is dumped is what was written. */
static void test_all_keys(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT, want = STRBUF_INIT, got = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct error err = ERROR_INIT;
	struct json_out o;

	assert_int_equal(file_read(AT_FDCWD, FULL_JSON, OCI_SPEC_MAX_BYTES, &text, &err), 0);
	assert_int_equal(json_doc_parse(text.buf, text.len, text.len, &doc, &err), 0);
	json_out_init(&o, &want, "\t");
	json_out_value(&o, NULL, json_doc_root(doc));
	assert_int_equal(json_out_finish(&o), 0);
	spec = parse_ok(text.buf);
	assert_int_equal(oci_dump(spec, &got), 0);
	assert_string_equal(got.buf, want.buf);
	assert_int_equal(oci_spec_validate(spec, &err), 0);
	assert_true(spec->process->rlimits[0].hard == UINT64_MAX);
	assert_true(spec->linux_.resources->cpu.has_burst);
	assert_null(spec->process->args.v[spec->process->args.n]);
	assert_string_equal(oci_spec_annotation(spec, "com.example.gpu-cores"), "2");
	assert_null(oci_spec_annotation(spec, "com.example"));
}

/* What the agent protocol cannot carry, so that the dump of the test above does not know it. */
static void test_host_keys(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	const struct oci_linux *l;
	struct error err = ERROR_INIT;

	assert_int_equal(file_read(AT_FDCWD, "tests/fuzz/corpus/oci_json/host.json",
				   OCI_SPEC_MAX_BYTES, &text, &err),
			 0);
	spec = parse_ok(text.buf);
	l = &spec->linux_;
	assert_string_equal(spec->process->scheduler.policy, "SCHED_FIFO");
	assert_int_equal(spec->process->scheduler.priority, 3);
	assert_int_equal(spec->process->scheduler.flags.n, 1);
	assert_true(spec->process->scheduler.period == 7);
	assert_string_equal(spec->process->io_priority.klass, "IOPRIO_CLASS_BE");
	assert_int_equal(spec->process->io_priority.priority, 4);
	assert_string_equal(spec->process->exec_cpu_affinity.final, "1");
	assert_int_equal(spec->mounts[0].uid_mappings[0].host_id, 2);
	assert_int_equal(spec->mounts[0].gid_mappings[0].size, 6);
	assert_string_equal(l->personality, "LINUX32");
	assert_int_equal(l->n_personality_flags, 1);
	assert_true(l->monotonic.has && l->boottime.has);
	assert_int_equal(l->monotonic.secs, -7);
	assert_int_equal(l->monotonic.nanosecs, 8);
	assert_true(l->has_intel_rdt && l->has_net_devices && l->has_memory_policy);
}

static void test_default(void **state)
{
	for (int rootless = 0; rootless < 2; rootless++) {
		_cleanup_free_ char *json = oci_spec_default_json("kata", rootless, NULL);
		_cleanup_oci_spec_ struct oci_spec *spec = NULL;
		struct error err = ERROR_INIT;

		assert_non_null(json);
		assert_non_null(strstr(json, "\n\t\"hostname\": \"kata\",\n"));
		spec = parse_ok(json);
		assert_int_equal(oci_spec_validate(spec, &err), 0);
		assert_string_equal(spec->process->args.v[0], "sh");
		assert_int_equal(spec->process->args.n, 1);
		assert_true(spec->process->terminal);
		assert_true(spec->process->no_new_privileges);
		assert_string_equal(spec->root_path, "rootfs");
		assert_true(spec->root_readonly);
		assert_int_equal(spec->n_mounts, 7);
		assert_int_equal(spec->mounts[2].options.n, rootless ? 5 : 6);
		assert_int_equal(spec->linux_.n_namespaces, 6);
		assert_int_equal(spec->linux_.namespaces[1].type,
				 rootless ? OCI_NS_USER : OCI_NS_NETWORK);
		assert_int_equal(spec->linux_.n_uid_mappings, rootless);
		assert_int_equal(spec->linux_.masked_paths.n, 10);
		assert_true((spec->linux_.resources != NULL) == !rootless);
	}
}

static void test_absent(void **state)
{
	_cleanup_oci_spec_ struct oci_spec *spec =
		parse_ok("{\"process\": null, \"future\": {\"x\": [1]}, \"mounts\": [],"
			 "\"linux\": {\"resources\": {\"devices\": [{\"allow\": true}],"
			 "\"memory\": null}, \"devices\": null}}");
	const struct oci_resources *res = spec->linux_.resources;

	assert_null(spec->process);
	assert_null(spec->root_path);
	assert_null(spec->mounts);
	assert_null(spec->linux_.seccomp);
	assert_int_equal(res->n_devices, 1);
	assert_int_equal(res->devices[0].type, 'a');
	assert_int_equal(res->devices[0].major, -1);
	assert_null(res->devices[0].access);
	assert_false(res->memory.has_limit);
}

/* Documents that must be refused, with the whole message. */
static const struct {
	const char *json, *want;
} rejects[] = {
	{ "[]", "(root): expected an object, got an array" },
	{ "{\"ociVersion\": 1}", "ociVersion: expected a string, got a number" },
	{ "{\"ociVersion\": \"1.0\", \"ociVersion\": \"1.0\"}",
	  "line 1 column 34: duplicate object key near '\"ociVersion\"'" },
	{ "{\"process\": []}", "process: expected an object, got an array" },
	{ "{\"process\": {\"args\": \"sh\"}}", "process.args: expected an array, got a string" },
	{ "{\"process\": {\"args\": [\"sh\", \"-c\", 3]}}",
	  "process.args[2]: expected a string, got a number" },
	{ "{\"process\": {\"args\": [null]}}", "process.args[0]: expected a string, got null" },
	{ "{\"process\": {\"terminal\": 1}}",
	  "process.terminal: expected a boolean, got a number" },
	{ "{\"process\": {\"user\": {\"uid\": -1}}}",
	  "process.user.uid: -1 is not between 0 and 4294967295" },
	{ "{\"process\": {\"user\": {\"uid\": 1.5}}}",
	  "process.user.uid: expected an integer, got a number with a fraction" },
	{ "{\"process\": {\"user\": {\"additionalGids\": [1, 4294967296]}}}",
	  "process.user.additionalGids[1]: 4294967296 is not between 0 and 4294967295" },
	{ "{\"process\": {\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"hard\": 1}]}}",
	  "process.rlimits[0].soft: missing" },
	{ "{\"process\": {\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"hard\": -1, \"soft\": 1}]}}",
	  "process.rlimits[0].hard: -1 is negative" },
	{ "{\"process\": {\"capabilities\": {\"ambient\": {}}}}",
	  "process.capabilities.ambient: expected an array, got an object" },
	{ "{\"process\": {\"oomScoreAdj\": 2147483648}}",
	  "process.oomScoreAdj: 2147483648 is not between -2147483648 and 2147483647" },
	{ "{\"process\": {\"consoleSize\": {\"height\": \"a\"}}}",
	  "process.consoleSize.height: expected an integer, got a string" },
	{ "{\"root\": \"rootfs\"}", "root: expected an object, got a string" },
	{ "{\"root\": {\"path\": true}}", "root.path: expected a string, got a boolean" },
	{ "{\"mounts\": {}}", "mounts: expected an array, got an object" },
	{ "{\"mounts\": [{\"destination\": \"/\"}, 5]}",
	  "mounts[1]: expected an object, got a number" },
	{ "{\"mounts\": [{\"source\": \"/\"}]}", "mounts[0].destination: missing" },
	{ "{\"hooks\": {\"poststop\": [{\"args\": []}]}}", "hooks.poststop[0].path: missing" },
	{ "{\"annotations\": {\"a.b/c\": 1}}",
	  "annotations[\"a.b/c\"]: expected a string, got a number" },
	{ "{\"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"moon\"}]}}",
	  "linux.namespaces[1].type: unknown namespace \"moon\"" },
	{ "{\"linux\": {\"devices\": [{\"path\": \"/dev/a\", \"type\": \"x\"}]}}",
	  "linux.devices[0].type: unknown type \"x\", expected one of \"cbup\"" },
	{ "{\"linux\": {\"devices\": [{\"path\": \"/dev/a\"}]}}",
	  "linux.devices[0].type: missing" },
	{ "{\"linux\": {\"resources\": {\"blockIO\": {\"weight\": 65536}}}}",
	  "linux.resources.blockIO.weight: 65536 is not between 0 and 65535" },
	{ "{\"linux\": {\"resources\": {\"memory\": {\"limit\": 9223372036854775808}}}}",
	  "linux.resources.memory.limit: 9223372036854775808 is not between -9223372036854775808 and 9223372036854775807" },
	{ "{\"linux\": {\"resources\": {\"cpu\": 5}}}",
	  "linux.resources.cpu: expected an object, got a number" },
	{ "{\"linux\": {\"seccomp\": {}}}", "linux.seccomp.defaultAction: missing" },
	{ "{\"linux\": {\"seccomp\": {\"defaultAction\": \"A\", \"syscalls\": [{\"names\": [1], \"action\": \"B\"}]}}}",
	  "linux.seccomp.syscalls[0].names[0]: expected a string, got a number" },
	{ "{\"linux\": {\"sysctl\": {\"kernel.x\": 1}}}",
	  "linux.sysctl[\"kernel.x\"]: expected a string, got a number" },
};

static void test_rejects(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rejects); i++) {
		struct oci_spec *spec = NULL;
		struct error err = ERROR_INIT;
		int r = oci_spec_parse(rejects[i].json, strlen(rejects[i].json), &spec, &err);

		if (r != -EINVAL || strcmp(err.msg, rejects[i].want) != 0)
			fail_msg("%s: got %d \"%s\", want \"%s\"", rejects[i].json, r, err.msg,
				 rejects[i].want);
		assert_null(spec);
	}
}

/* The wording of syntax errors is jansson's; that there is one line with the position is ours. */
static void test_syntax(void **state)
{
	static const char *const bad[] = { "",	   " ",		  "{",	      "{\"a\": }",
					   "{} x", "{\"a\": 01}", "{'a': 1}", "\xff" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct oci_spec *spec = NULL;
		struct error err = ERROR_INIT;

		assert_int_equal(oci_spec_parse(bad[i], strlen(bad[i]), &spec, &err), -EINVAL);
		assert_int_equal(strncmp(err.msg, "line 1 column ", 14), 0);
		assert_null(strchr(err.msg, '\n'));
	}
}

static void test_limits(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct oci_spec *spec = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(strbuf_addstr(&sb, "{\"process\": {\"env\": [\"\""), 0);
	for (int i = 0; i < OCI_SPEC_MAX_ITEMS; i++)
		assert_int_equal(strbuf_addstr(&sb, ",\"\""), 0);
	assert_int_equal(strbuf_addstr(&sb, "]}}"), 0);
	assert_int_equal(oci_spec_parse(sb.buf, sb.len, &spec, &err), -EINVAL);
	assert_string_equal(err.msg, "process.env: more than 65536 elements");
	while (sb.len <= OCI_SPEC_MAX_BYTES)
		assert_int_equal(strbuf_addstr(&sb, "                                "), 0);
	assert_int_equal(oci_spec_parse(sb.buf, sb.len, &spec, &err), -EFBIG);
	assert_string_equal(err.msg, "larger than 4194304 bytes");
}

static void test_load(void **state)
{
	char dir[] = "/tmp/test_spec_json.XXXXXX";
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *json = oci_spec_default_json("x", false, NULL);
	struct error err = ERROR_INIT;
	char want[128];
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(oci_spec_load(fd, "/bundle", &spec, &err), -ENOENT);
	assert_string_equal(err.msg, "/bundle/config.json: No such file or directory");
	assert_int_equal(file_write_atomic(fd, "config.json", 0600, "{\"root\": 1}", 11, &err), 0);
	assert_int_equal(oci_spec_load(fd, "/bundle", &spec, &err), -EINVAL);
	snprintf(want, sizeof(want), "/bundle/config.json: root: expected an object, got a number");
	assert_string_equal(err.msg, want);
	assert_int_equal(file_write_atomic(fd, "config.json", 0600, json, strlen(json), &err), 0);
	assert_int_equal(oci_spec_load(fd, "/bundle", &spec, &err), 0);
	assert_string_equal(spec->hostname, "x");
	close(fd);
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void test_process(void **state)
{
	static const char json[] = "{\"args\": [\"id\"], \"cwd\": \"/\", \"user\": {\"uid\": 7}}";
	static const char bad[] = "{\"args\": [\"id\", 1]}";
	struct oci_process_doc *doc = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(oci_process_parse(json, sizeof(json) - 1, &doc, &err), 0);
	assert_string_equal(doc->process.args.v[0], "id");
	assert_int_equal(doc->process.user.uid, 7);
	doc = oci_process_free(doc);
	assert_int_equal(oci_process_parse(bad, sizeof(bad) - 1, &doc, &err), -EINVAL);
	assert_string_equal(err.msg, "args[1]: expected a string, got a number");
	assert_int_equal(oci_process_parse("[]", 2, &doc, &err), -EINVAL);
	assert_string_equal(err.msg, "(root): expected an object, got an array");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys), cmocka_unit_test(test_host_keys),
		cmocka_unit_test(test_default),	 cmocka_unit_test(test_absent),
		cmocka_unit_test(test_rejects),	 cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_load),
		cmocka_unit_test(test_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
