/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message_json.h"

#include <string.h>
#include "support/cmocka_all.h"
#include "wire/agent.pb-c.h"
#include "wire/csi.pb-c.h"
#include "wire/health.pb-c.h"

/* The object into an empty message; -errno with the text in err. */
static int parse_into(struct message_builder *b, const ProtobufCMessageDescriptor *desc,
		      const char *json, ProtobufCMessage **ret, struct error *err)
{
	struct json_doc *doc = NULL;
	int r = json_doc_parse(json, strlen(json), JSON_MAX_BYTES, &doc, err);

	if (r < 0)
		return r;
	*ret = message_new(b, desc);
	assert_non_null(*ret);
	r = message_merge_json(b, *ret, json_doc_root(doc), err);
	json_doc_free(doc); /* nothing of the message may point into it */
	return r;
}

static void assert_json(const ProtobufCMessage *msg, const char *want)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	json_out_init(&o, &sb, NULL);
	message_to_json(msg, &o, NULL);
	assert_int_equal(json_out_finish(&o), 0);
	assert_string_equal(sb.buf, want);
}

#define assert_reject(desc, json, want)                                                     \
	do {                                                                                \
		_cleanup_message_builder_ struct message_builder b_ = MESSAGE_BUILDER_INIT; \
		struct error err_ = ERROR_INIT;                                             \
		ProtobufCMessage *msg_ = NULL;                                              \
		assert_int_equal(parse_into(&b_, &(desc), (json), &msg_, &err_), -EINVAL);  \
		assert_string_equal(err_.msg, (want));                                      \
	} while (0)

static void test_scalars(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;
	Grpc__CopyFileRequest *c;

	assert_int_equal(
		parse_into(&b, &grpc__copy_file_request__descriptor,
			   "{\"path\":\"/x\",\"file_size\":\"-9223372036854775808\","
			   "\"fileMode\":\"420\",\"dir_mode\":488.0,\"uid\":-1,\"gid\":1e3,"
			   "\"offset\":9223372036854775807,\"data\":\"AP8=\"}",
			   &msg, &err),
		0);
	c = (Grpc__CopyFileRequest *)msg;
	assert_string_equal(c->path, "/x");
	assert_true(c->file_size == INT64_MIN);
	assert_int_equal(c->file_mode, 420);
	assert_int_equal(c->dir_mode, 488);
	assert_int_equal(c->uid, -1);
	assert_int_equal(c->gid, 1000);
	assert_true(c->offset == INT64_MAX);
	assert_int_equal(c->data.len, 2);
	assert_memory_equal(c->data.data, "\0\xff", 2);
	assert_json(msg, "{\"path\":\"/x\",\"file_size\":\"-9223372036854775808\","
			 "\"file_mode\":420,\"dir_mode\":488,\"uid\":-1,\"gid\":1000,"
			 "\"offset\":\"9223372036854775807\",\"data\":\"AP8=\"}");
}

static void test_nested(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;
	const char *text =
		"{\"hostname\":\"h\",\"dns\":[\"1.1.1.1\",\"8.8.8.8\"],\"storages\":[{\"driver\":\"blk\","
		"\"driver_options\":[],\"source\":\"\",\"fstype\":\"ext4\",\"options\":[\"ro\"],"
		"\"mount_point\":\"/m\",\"fs_group\":{\"group_id\":7,"
		"\"group_change_policy\":\"OnRootMismatch\"},\"shared\":true}],"
		"\"sandbox_pidns\":false,\"sandbox_id\":\"s\",\"guest_hook_path\":\"\","
		"\"kernel_modules\":[{\"name\":\"m\",\"parameters\":[]}]}";

	assert_int_equal(
		parse_into(&b, &grpc__create_sandbox_request__descriptor, text, &msg, &err), 0);
	assert_json(msg, text);
	/* null leaves a field as it is, an object is merged, a list is replaced. */
	{
		struct json_doc *doc = NULL;
		const char *more = "{\"hostname\":null,\"dns\":[\"9.9.9.9\"],\"storages\":[]}";

		assert_int_equal(json_doc_parse(more, strlen(more), 1000, &doc, &err), 0);
		assert_int_equal(message_merge_json(&b, msg, json_doc_root(doc), &err), 0);
		json_doc_free(doc);
		assert_json(msg, "{\"hostname\":\"h\",\"dns\":[\"9.9.9.9\"],\"storages\":[],"
				 "\"sandbox_pidns\":false,\"sandbox_id\":\"s\","
				 "\"guest_hook_path\":\"\",\"kernel_modules\":[{\"name\":\"m\","
				 "\"parameters\":[]}]}");
	}
}

static void test_maps(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	const char *text = "{\"cache\":\"1\",\"use_hierarchy\":true,\"stats\":{\"anon\":\"5\","
			   "\"a \\\"key\\\"\":\"18446744073709551615\"}}";
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;
	Grpc__MemoryStats *m;

	assert_int_equal(parse_into(&b, &grpc__memory_stats__descriptor, text, &msg, &err), 0);
	m = (Grpc__MemoryStats *)msg;
	assert_int_equal(m->n_stats, 2);
	assert_string_equal(m->stats[1]->key, "a \"key\"");
	assert_true(m->stats[1]->value == UINT64_MAX);
	assert_json(msg, text);
	/* Messages as values. */
	text = "{\"hugetlb_stats\":{\"2MB\":{\"usage\":\"1\",\"max_usage\":\"2\",\"failcnt\":\"3\"}}}";
	assert_int_equal(parse_into(&b, &grpc__cgroup_stats__descriptor, text, &msg, &err), 0);
	assert_json(msg, text);
}

static void test_oneofs(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;

	assert_int_equal(
		parse_into(&b, &grpc__mem_agent_memcg_config__descriptor, "{}", &msg, &err), 0);
	assert_json(msg, "{}");
	assert_int_equal(parse_into(&b, &grpc__mem_agent_memcg_config__descriptor,
				    "{\"swap\":false,\"periodSecs\":\"0\"}", &msg, &err),
			 0);
	assert_json(msg, "{\"swap\":false,\"period_secs\":\"0\"}");
}

static void test_enums(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;

	assert_int_equal(parse_into(&b, &grpc__health_check_response__descriptor,
				    "{\"status\":\"SERVING\"}", &msg, &err),
			 0);
	assert_int_equal(((Grpc__HealthCheckResponse *)msg)->status, 1);
	assert_json(msg, "{\"status\":\"SERVING\"}");
	assert_int_equal(parse_into(&b, &grpc__health_check_response__descriptor, "{\"status\":2}",
				    &msg, &err),
			 0);
	assert_json(msg, "{\"status\":\"NOT_SERVING\"}");
	assert_int_equal(parse_into(&b, &grpc__health_check_response__descriptor, "{\"status\":99}",
				    &msg, &err),
			 0);
	assert_json(msg, "{\"status\":99}");
}

/* What an agent sends is not always text. */
static void test_bad_text_out(void **state)
{
	Grpc__Metrics m = GRPC__METRICS__INIT;

	m.metrics = (char *)"a\xff\n\xc3\xa4";
	assert_json(&m.base, "{\"metrics\":\"a\\\\xff\\n\xc3\xa4\"}");
}

static void test_reject(void **state)
{
#define SANDBOX grpc__create_sandbox_request__descriptor
#define COPY	grpc__copy_file_request__descriptor
	assert_reject(SANDBOX, "[]", "(root): expected an object, got an array");
	assert_reject(SANDBOX, "{\"nope\":1}", "nope: grpc.CreateSandboxRequest has no such field");
	assert_reject(SANDBOX, "{\"storages\":[{},{\"fsGroup\":{\"x\":1}}]}",
		      "storages[1].fsGroup.x: grpc.FSGroup has no such field");
	assert_reject(SANDBOX, "{\"Sandbox_id\":\"x\"}",
		      "Sandbox_id: grpc.CreateSandboxRequest has no such field");
	assert_reject(SANDBOX, "{\"sandbox_id\":\"x\",\"sandboxId\":\"y\"}",
		      "sandboxId: given twice, under both of its names");
	assert_reject(SANDBOX, "{\"hostname\":5}", "hostname: expected a string, got a number");
	assert_reject(SANDBOX, "{\"dns\":\"x\"}", "dns: expected an array, got a string");
	assert_reject(SANDBOX, "{\"dns\":[\"a\",null]}", "dns[1]: expected a string, got null");
	assert_reject(SANDBOX, "{\"storages\":[null]}",
		      "storages[0]: expected an object, got null");
	assert_reject(SANDBOX, "{\"sandbox_pidns\":1}",
		      "sandbox_pidns: expected a boolean, got a number");
	assert_reject(SANDBOX,
		      "{\"storages\":[{\"fs_group\":{\"group_change_policy\":\"Never\"}}]}",
		      "storages[0].fs_group.group_change_policy: types.FSGroupChangePolicy has no "
		      "value \"Never\"");
	assert_reject(COPY, "{\"uid\":2147483648}", "uid: 2147483648 does not fit 32 bits");
	assert_reject(COPY, "{\"file_mode\":\"4294967296\"}",
		      "file_mode: 4294967296 does not fit 32 bits");
	assert_reject(COPY, "{\"file_mode\":\"-1\"}",
		      "file_mode: not a number of 64 bits without a sign");
	assert_reject(COPY, "{\"offset\":\"0x10\"}", "offset: not a number of 64 bits");
	assert_reject(COPY, "{\"offset\":\"\"}", "offset: not a number of 64 bits");
	assert_reject(COPY, "{\"data\":\"Zg=\"}", "data: not base64");
	assert_reject(COPY, "{\"data\":[1]}", "data: expected a string, got an array");
	assert_reject(grpc__memory_stats__descriptor, "{\"stats\":[]}",
		      "stats: expected an object, got an array");
	assert_reject(grpc__memory_stats__descriptor, "{\"stats\":{\"a b\":\"x\"}}",
		      "stats[\"a b\"]: not a number of 64 bits without a sign");
}

static void test_limit(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;

	/* An empty Storage takes 3 bytes here and 30 times that as a message. */
	assert_int_equal(strbuf_addstr(&sb, "{\"storages\":[{}"), 0);
	for (int i = 0; i < 400000; i++)
		assert_int_equal(strbuf_addstr(&sb, ",{}"), 0);
	assert_int_equal(strbuf_addstr(&sb, "]}"), 0);
	assert_int_equal(parse_into(&b, &SANDBOX, sb.buf, &msg, &err), -EMSGSIZE);
	assert_string_equal(err.msg, "the message takes more than 33554432 bytes of memory");
}

#define SET(path, text, append) \
	message_set_text(&b, msg, (path), (text), strlen(text), (append), &err)

static void test_text(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	ProtobufCMessage *msg = message_new(&b, &grpc__exec_process_request__descriptor);
	Grpc__ExecProcessRequest *e = (Grpc__ExecProcessRequest *)msg;
	struct error err = ERROR_INIT;

	assert_non_null(msg);
	assert_int_equal(SET("container_id", "c", false), 0);
	assert_int_equal(SET("execId", "e", false), 0);
	assert_int_equal(SET("stdin_port", "0x10", false), 0);
	assert_int_equal(SET("process.Terminal", "yes", false), 0);
	assert_int_equal(SET("process.User.UID", "4294967295", false), 0);
	assert_int_equal(SET("process.Args", "sh", false), 0);
	assert_int_equal(SET("process.Args", "-c", true), 0);
	assert_int_equal(SET("process.Args", "", true), 0);
	assert_string_equal(e->container_id, "c");
	assert_string_equal(e->exec_id, "e");
	assert_int_equal(e->stdin_port, 16);
	assert_true(e->process->terminal);
	assert_true(e->process->user->uid == UINT32_MAX);
	assert_int_equal(e->process->n_args, 3);
	assert_string_equal(e->process->args[1], "-c");
	assert_int_equal(SET("process.Args", "true", false), 0);
	assert_int_equal(e->process->n_args, 1);
	assert_int_equal(SET("process.Env", "json://[\"A=1\",\"B=2\"]", false), 0);
	assert_int_equal(e->process->n_env, 2);
	assert_int_equal(SET("process.Rlimits", "{\"Type\":\"RLIMIT_CORE\",\"Hard\":\"5\"}", false),
			 0);
	assert_int_equal(SET("process.Rlimits", "{\"Type\":\"RLIMIT_CPU\"}", true), 0);
	assert_int_equal(e->process->n_rlimits, 2);
	assert_true(e->process->rlimits[0]->hard == 5);
}

static void test_text_values(void **state)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	ProtobufCMessage *msg = message_new(&b, &COPY);
	Grpc__CopyFileRequest *c = (Grpc__CopyFileRequest *)msg;
	struct error err = ERROR_INIT;

	assert_non_null(msg);
	assert_int_equal(SET("file_mode", "0644", false), 0);
	assert_int_equal(c->file_mode, 0644);
	assert_int_equal(SET("offset", "-9223372036854775808", false), 0);
	assert_true(c->offset == INT64_MIN);
	assert_int_equal(SET("data", "plain", false), 0);
	assert_int_equal(c->data.len, 5);
	assert_int_equal(SET("data", "hex:00fF", false), 0);
	assert_int_equal(c->data.len, 2);
	assert_memory_equal(c->data.data, "\0\xff", 2);
	assert_int_equal(SET("data", "base64:Zm9v", false), 0);
	assert_memory_equal(c->data.data, "foo", 3);
	assert_int_equal(message_set_text(&b, msg, "data", "a\0b", 3, false, &err), 0);
	assert_int_equal(c->data.len, 3);
	/* Maps, and an entry that is set again. */
	msg = message_new(&b, &grpc__spec__descriptor);
	assert_non_null(msg);
	assert_int_equal(SET("Annotations.io.kata/x", "1", false), 0);
	assert_int_equal(SET("Annotations.y", "2", false), 0);
	assert_int_equal(SET("Annotations.io.kata/x", "3", false), 0);
	assert_int_equal(((Grpc__Spec *)msg)->n_annotations, 2);
	assert_string_equal(((Grpc__Spec *)msg)->annotations[0]->value, "3");
	assert_int_equal(SET("Linux.CgroupsPath", "/x", false), 0);
	assert_string_equal(((Grpc__Spec *)msg)->linux_->cgroupspath, "/x");
	/* Members of oneofs know that they are set. */
	msg = message_new(&b, &grpc__mem_agent_memcg_config__descriptor);
	assert_non_null(msg);
	assert_int_equal(SET("swap", "off", false), 0);
	assert_json(msg, "{\"swap\":false}");
	assert_ptr_equal(message_find_path(&grpc__exec_process_request__descriptor, "process.nope"),
			 NULL);
	assert_ptr_equal(
		message_find_path(&grpc__exec_process_request__descriptor, "process.Args.x"), NULL);
	assert_int_equal(message_find_path(&grpc__exec_process_request__descriptor,
					   "process.User.UID")
				 ->type,
			 PROTOBUF_C_TYPE_UINT32);
}

static void test_text_reject(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *desc;
		const char *path, *text, *want;
	} cases[] = {
		{ &COPY, "nope", "1", "nope: grpc.CopyFileRequest has no field \"nope\"" },
		{ &COPY, "path.x", "1",
		  "path.x: grpc.CopyFileRequest.path has no fields of its own" },
		{ &COPY, "", "1", ": grpc.CopyFileRequest has no field \"\"" },
		{ &COPY, "uid", "2147483648", "uid: \"2147483648\" does not fit" },
		{ &COPY, "uid", "12x", "uid: \"12x\" is not a number" },
		{ &COPY, "uid", "", "uid: \"\" is not a number" },
		{ &COPY, "file_mode", "-1", "file_mode: \"-1\" is not a number" },
		{ &COPY, "file_mode", "4294967296", "file_mode: \"4294967296\" does not fit" },
		{ &COPY, "offset", "9223372036854775808",
		  "offset: \"9223372036854775808\" does not fit" },
		{ &COPY, "offset", "--1", "offset: \"--1\" is not a number" },
		{ &COPY, "file_mode", "089", "file_mode: \"089\" is not a number" },
		{ &COPY, "data", "hex:abc", "data: not hexadecimal" },
		{ &COPY, "data", "base64:a", "data: not base64" },
		{ &COPY, "uid", "json://\"x\"", "uid: (root): not a number of 64 bits" },
		{ &SANDBOX, "sandbox_pidns", "maybe",
		  "sandbox_pidns: \"maybe\" is neither true nor false" },
		{ &SANDBOX, "storages.driver", "x",
		  "storages.driver: grpc.CreateSandboxRequest.storages has no fields of its own" },
		{ &SANDBOX, "storages", "{\"x\":1}",
		  "storages: x: grpc.Storage has no such field" },
		{ &SANDBOX, "dns", "json://{}", "dns: (root): expected an array, got an object" },
		{ &grpc__health_check_response__descriptor, "status", "FINE",
		  "status: grpc.HealthCheckResponse.ServingStatus has no value \"FINE\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
		ProtobufCMessage *msg = message_new(&b, cases[i].desc);
		struct error err = ERROR_INIT;

		assert_non_null(msg);
		assert_int_equal(SET(cases[i].path, cases[i].text, false), -EINVAL);
		assert_string_equal(err.msg, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),	    cmocka_unit_test(test_nested),
		cmocka_unit_test(test_maps),	    cmocka_unit_test(test_oneofs),
		cmocka_unit_test(test_enums),	    cmocka_unit_test(test_bad_text_out),
		cmocka_unit_test(test_reject),	    cmocka_unit_test(test_limit),
		cmocka_unit_test(test_text),	    cmocka_unit_test(test_text_values),
		cmocka_unit_test(test_text_reject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
