/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"
#include "base/strbuf.h"
#include "service/policy.h"
#include "wire/agent.pb-c.h"

static const struct ttrpc_method methods[] = {
	{ "CreateContainer", &grpc__create_container_request__descriptor, NULL },
	{ "StartContainer", &grpc__start_container_request__descriptor, NULL },
	{ "OnlineCPUMem", &grpc__online_cpumem_request__descriptor, NULL },
	{ "CopyFile", &grpc__copy_file_request__descriptor, NULL },
	{ "MemAgentMemcgSet", &grpc__mem_agent_memcg_config__descriptor, NULL },
};

static struct policy *parse(const char *text, struct error *err)
{
	struct policy *p = NULL;

	return policy_parse(text, strlen(text), "p", methods, ARRAY_SIZE(methods), &p, err) < 0
		       ? NULL
		       : p;
}

static struct policy *must_parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct policy *p = parse(text, &err);

	if (!p)
		fail_msg("%s", err.msg);
	return p;
}

static int start(const struct policy *p, const char *cid)
{
	Grpc__StartContainerRequest req = GRPC__START_CONTAINER_REQUEST__INIT;
	struct error err = ERROR_INIT;
	int r;

	req.container_id = (char *)cid;
	r = policy_check(p, &methods[1], &req.base, &err);
	if (r < 0)
		assert_string_equal(err.msg, "StartContainerRequest is blocked by policy");
	return r;
}

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		int want;
	} cases[] = {
		{ "", "", 1 },
		{ "", "a", 0 },
		{ "*", "", 1 },
		{ "*", "a/b", 1 },
		{ "a*", "a", 1 },
		{ "a*c", "abcbc", 1 },
		{ "a*c", "abcb", 0 },
		{ "?", "", 0 },
		{ "a?c", "abc", 1 },
		{ "*a*b", "xaxxb", 1 },
		{ "**", "x", 1 },
		{ "a", "ab", 0 },
		{ "/run/*/x", "/run/a/b/x", 1 },
		{ "[a]", "a", 0 },
	};
	/* Many stars must not take exponential time. */
	static const char stars[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
	char text[2001];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(policy_match(cases[i].pattern, cases[i].text), cases[i].want);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(policy_match(stars, text), 0);
}

static void test_names(void **state)
{
	struct policy *p = must_parse("format = 1\n");

	assert_int_equal(start(NULL, "a"), 0); /* no policy at all */
	assert_int_equal(start(p, "a"), -EPERM);
	policy_free(p);
	p = must_parse("format = 1\n[[allow]]\nrpc = [\"CopyFile\", \"Start*\"]\n");
	assert_int_equal(start(p, "a"), 0);
	policy_free(p);
	p = must_parse("format = 1\n[[allow]]\nrpc = \"CopyFile\"\n[[allow]]\nrpc = \"*\"\n");
	assert_int_equal(start(p, "a"), 0);
	policy_free(p);
}

static void test_fields(void **state)
{
	struct policy *p = must_parse("format = 1\n[[allow]]\nrpc = \"StartContainer\"\n"
				      "fields = { container_id = [\"web-*\", \"db\"] }\n");

	assert_int_equal(start(p, "web-1"), 0);
	assert_int_equal(start(p, "db"), 0);
	assert_int_equal(start(p, "db2"), -EPERM);
	policy_free(p);
}

/* Through messages and lists: every one of a list has to match, and what is missing does not. */
static void test_nested(void **state)
{
	static const char text[] =
		"format = 1\n[[allow]]\nrpc = \"CreateContainer\"\n"
		"[allow.fields]\n\"OCI.Process.Args\" = [\"/bin/*\", \"-v\"]\n"
		"\"storages.driver\" = \"blk\"\n\"OCI.Root.Readonly\" = \"true\"\n";
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	Grpc__Storage st = GRPC__STORAGE__INIT, other = GRPC__STORAGE__INIT;
	Grpc__Storage *storages[] = { &st, &other };
	Grpc__Process process = GRPC__PROCESS__INIT;
	Grpc__Root root = GRPC__ROOT__INIT;
	Grpc__Spec spec = GRPC__SPEC__INIT;
	char *args[] = { (char *)"/bin/true", (char *)"-v" };
	struct policy *p = must_parse(text);

	assert_int_equal(policy_check(p, &methods[0], &req.base, NULL), -EPERM); /* no spec */
	req.oci = &spec;
	spec.process = &process;
	spec.root = &root;
	root.readonly = 1;
	process.args = args;
	process.n_args = 2;
	assert_int_equal(policy_check(p, &methods[0], &req.base, NULL), 0);
	req.storages = storages;
	req.n_storages = 2;
	st.driver = other.driver = (char *)"blk";
	assert_int_equal(policy_check(p, &methods[0], &req.base, NULL), 0);
	other.driver = (char *)"bind";
	assert_int_equal(policy_check(p, &methods[0], &req.base, NULL), -EPERM);
	req.n_storages = 1;
	args[1] = (char *)"/sbin/x";
	assert_int_equal(policy_check(p, &methods[0], &req.base, NULL), -EPERM);
	args[1] = (char *)"-v";
	root.readonly = 0;
	assert_int_equal(policy_check(p, &methods[0], &req.base, NULL), -EPERM);
	policy_free(p);
}

static void test_numbers(void **state)
{
	struct policy *p =
		must_parse("format = 1\n[[allow]]\nrpc = \"CopyFile\"\n"
			   "fields = { uid = \"-1\", file_size = \"12\" }\n"
			   "[[allow]]\nrpc = \"OnlineCPUMem\"\nfields = { nb_cpus = \"4\" }\n"
			   "[[allow]]\nrpc = \"MemAgentMemcgSet\"\n"
			   "fields = { swap = \"false\" }\n");
	Grpc__CopyFileRequest copy = GRPC__COPY_FILE_REQUEST__INIT;
	Grpc__OnlineCPUMemRequest cpus = GRPC__ONLINE_CPUMEM_REQUEST__INIT;
	Grpc__MemAgentMemcgConfig mem = GRPC__MEM_AGENT_MEMCG_CONFIG__INIT;

	copy.uid = -1;
	copy.file_size = 12;
	assert_int_equal(policy_check(p, &methods[3], &copy.base, NULL), 0);
	copy.uid = 0;
	assert_int_equal(policy_check(p, &methods[3], &copy.base, NULL), -EPERM);
	cpus.nb_cpus = 4;
	assert_int_equal(policy_check(p, &methods[2], &cpus.base, NULL), 0);
	cpus.nb_cpus = 44;
	assert_int_equal(policy_check(p, &methods[2], &cpus.base, NULL), -EPERM);
	assert_int_equal(policy_check(p, &methods[4], &mem.base, NULL), -EPERM); /* not set */
	mem.has_swap_case = GRPC__MEM_AGENT_MEMCG_CONFIG__HAS_SWAP_SWAP;
	assert_int_equal(policy_check(p, &methods[4], &mem.base, NULL), 0);
	policy_free(p);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "# allow all\n\npackage agent_policy\n\ndefault CreateContainerRequest := true\n",
		  "p: this is a Rego policy, which this agent cannot evaluate; it takes rules in TOML" },
		{ "", "p: format is missing (format = 1)" },
		{ "format = 2\n", "p:1: format: 2 is not between 1 and 1" },
		{ "format = 1\nallow = [1]\n", "p:2: allow[0]: expected a table, got an integer" },
		{ "format = 1\n[[allow]]\n", "p:2: allow[0]: rpc is missing" },
		{ "format = 1\n[[allow]]\nrpc = 1\n",
		  "p:3: allow[0].rpc: expected a string, got an integer" },
		{ "format = 1\n[[allow]]\nrpc = []\n", "p:3: allow[0].rpc: an empty list" },
		{ "format = 1\n[[allow]]\nrpc = [\"StartContainer\", \"Strt\"]\n",
		  "p:3: allow[0].rpc[1]: the service has no such call" },
		{ "format = 1\n[[allow]]\nrpc = \"StartContainer\"\nfields = { conatiner_id = \"a\" }\n",
		  "p:4: allow[0].fields.conatiner_id: StartContainerRequest has no field \"conatiner_id\"" },
		{ "format = 1\n[[allow]]\nrpc = \"*\"\nfields = { container_id = \"a\" }\n",
		  "p:4: allow[0].fields.container_id: OnlineCPUMemRequest has no field \"container_id\"" },
		{ "format = 1\n[[allow]]\nrpc = \"CreateContainer\"\nfields = { OCI = \"a\" }\n",
		  "p:4: allow[0].fields.OCI: CreateContainerRequest.OCI is a message: name its fields" },
		{ "format = 1\n[[allow]]\nrpc = \"CreateContainer\"\nfields.\"exec_id.x\" = \"a\"\n",
		  "p:4: allow[0].fields.\"exec_id.x\": CreateContainerRequest.exec_id is not a message" },
		{ "format = 1\n[[allow]]\nrpc = \"CopyFile\"\nfields = { data = \"a\" }\n",
		  "p:4: allow[0].fields.data: CopyFileRequest.data has no text to compare" },
		{ "format = 1\n[[allow]]\nrpc = \"CopyFile\"\nfields = { path = 1 }\n",
		  "p:4: allow[0].fields.path: expected a string, got an integer" },
		{ "format = 1\n[[deny]]\nrpc = \"CopyFile\"\n", "p:2: deny: unknown key" },
		{ "format = 1\n[[allow]]\nrpc = \"CopyFile\"\nfeilds = {}\n",
		  "p:4: allow[0].feilds: unknown key" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;

		assert_null(parse(cases[i].text, &err));
		assert_string_equal(err.msg, cases[i].want);
		assert_int_equal(err.code, -EINVAL);
	}
}

static void test_large(void **state)
{
	struct error err = ERROR_INIT;
	struct policy *p = NULL;
	char *text = calloc(1, POLICY_MAX_BYTES + 2);

	memset(text, '#', POLICY_MAX_BYTES + 1);
	assert_int_equal(policy_parse(text, POLICY_MAX_BYTES + 1, "p", methods, 1, &p, &err),
			 -EFBIG);
	assert_string_equal(err.msg, "p: longer than 1048576 bytes");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_names),
		cmocka_unit_test(test_fields),	 cmocka_unit_test(test_nested),
		cmocka_unit_test(test_numbers),	 cmocka_unit_test(test_refused),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
