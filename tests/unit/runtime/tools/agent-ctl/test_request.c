/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/request.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "support/cmocka_all.h"
#include "wire/agent.pb-c.h"

struct built {
	struct ctl_line line;
	struct ctl_request req;
	struct error err;
	int r;
};

static void built_release(struct built *b)
{
	ctl_line_release(&b->line);
	ctl_request_release(&b->req);
}
#define _cleanup_built_ _cleanup_(built_release)

static struct built build(struct ctl_values *v, const char *text)
{
	struct built b = { CTL_LINE_INIT, CTL_REQUEST_INIT, ERROR_INIT, 0 };

	assert_int_equal(ctl_line_parse(text, &b.line, &b.err), 0);
	b.r = ctl_request_build(v, b.line.name, &b.line, &b.req, &b.err);
	return b;
}

static void assert_built(struct ctl_values *v, const char *text, const char *want)
{
	_cleanup_built_ struct built b = build(v, text);
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;

	if (b.r < 0)
		fail_msg("%s: %s", text, error_text(&b.err));
	json_out_init(&o, &sb, NULL);
	message_to_json(b.req.msg, &o, NULL);
	assert_int_equal(json_out_finish(&o), 0);
	assert_string_equal(sb.buf, want);
}

static void assert_refused(struct ctl_values *v, const char *text, const char *want)
{
	_cleanup_built_ struct built b = build(v, text);

	assert_true(b.r < 0);
	assert_string_equal(b.err.msg, want);
}

static void test_methods(void **state)
{
	const ProtobufCServiceDescriptor *service = NULL;
	size_t n = 0;

	for (size_t i = 0; ctl_services[i]; i++)
		n += ctl_services[i]->n_methods;
	assert_int_equal(n, 42 + 3 + 2); /* upstream's, three of its 1.x, and grpc.Health's */
	assert_non_null(ctl_method("GetIptables", &service));
	assert_string_equal(service->name, "grpc.AgentService");
	assert_non_null(ctl_method("Version", &service));
	assert_string_equal(service->name, "grpc.Health");
	assert_null(ctl_method("PullImage", &service));
}

static void test_order(void **state)
{
	struct ctl_values v = { .none = true };

	assert_built(&v, "TtyWinResize row=3 json://{\"row\":1,\"column\":2}",
		     "{\"container_id\":\"\",\"exec_id\":\"\",\"row\":3,\"column\":2}");
	assert_built(&v, "signalprocess signal=usr1 cid=c exec_id=e",
		     "{\"container_id\":\"c\",\"exec_id\":\"e\",\"signal\":10}");
	assert_built(&v, "SignalProcess signal=99",
		     "{\"container_id\":\"\",\"exec_id\":\"\",\"signal\":99}");
	assert_built(&v, "ListProcesses args=-e args=-f",
		     "{\"container_id\":\"\",\"format\":\"\",\"args\":[\"-e\",\"-f\"]}");
	assert_built(&v, "GetGuestDetails",
		     "{\"mem_block_size\":false,\"mem_hotplug_probe\":false}");
	ctl_values_release(&v);
}

static void test_automatic(void **state)
{
	struct ctl_values v = { .none = false };

	assert_built(&v, "StartContainer", "{\"container_id\":\"\"}");
	{
		_cleanup_built_ struct built b = build(&v, "CreateSandbox");

		assert_int_equal(b.r, 0);
		assert_int_equal(strlen(ctl_field_text(b.req.msg, "sandbox_id")), CTL_ID_LEN);
	}
	{
		_cleanup_built_ struct built b = build(&v, "CreateContainer");

		assert_int_equal(b.r, 0);
		assert_int_equal(strlen(ctl_field_text(b.req.msg, "container_id")), CTL_ID_LEN);
		assert_string_equal(ctl_field_text(b.req.msg, "exec_id"),
				    ctl_field_text(b.req.msg, "container_id"));
	}
	assert_built(&v, "WaitProcess cid=one", "{\"container_id\":\"one\",\"exec_id\":\"\"}");
	{
		_cleanup_built_ struct built b = build(&v, "ExecProcess args='sh -c \"exit 3\"'");
		Grpc__ExecProcessRequest *e = (Grpc__ExecProcessRequest *)b.req.msg;

		assert_int_equal(b.r, 0);
		assert_string_equal(e->container_id, "one");
		assert_int_equal(strlen(e->exec_id), CTL_ID_LEN);
		assert_int_equal(e->process->n_args, 3);
		assert_string_equal(e->process->args[2], "exit 3");
		assert_string_equal(v.exec_id, e->exec_id);
	}
	assert_built(&v, "SignalProcess exec_id=",
		     "{\"container_id\":\"one\",\"exec_id\":\"\",\"signal\":9}");
	assert_built(&v, "WaitProcess exec_id=e", "{\"container_id\":\"one\",\"exec_id\":\"e\"}");
	assert_built(&v, "ReadStdout",
		     "{\"container_id\":\"one\",\"exec_id\":\"e\",\"len\":32768}");
	/* The process of one container is none of another's. */
	assert_built(&v, "ReadStdout cid=two len=1",
		     "{\"container_id\":\"two\",\"exec_id\":\"\",\"len\":1}");
	assert_built(&v, "GetGuestDetails", "{\"mem_block_size\":true,\"mem_hotplug_probe\":true}");
	assert_built(&v, "GetGuestDetails json://{}",
		     "{\"mem_block_size\":false,\"mem_hotplug_probe\":false}");
	assert_built(&v, "CopyFile path=/p data=hello offset=2",
		     "{\"path\":\"/p\",\"file_size\":\"7\",\"file_mode\":33188,\"dir_mode\":493,"
		     "\"uid\":0,\"gid\":0,\"offset\":\"2\",\"data\":\"aGVsbG8=\"}");
	{
		_cleanup_built_ struct built b = build(&v, "SetGuestDateTime");

		assert_int_equal(b.r, 0);
		assert_true(((Grpc__SetGuestDateTimeRequest *)b.req.msg)->sec > 1700000000);
	}
	ctl_values_release(&v);
}

struct dir {
	char path[64];
};

static void put(const struct dir *d, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", d->path, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), NULL), 0);
}

static void test_files(void **state)
{
	struct dir d = { "/tmp/agent-ctl-XXXXXX" };
	struct ctl_values v = { .none = false };
	char text[256], want[256];

	assert_non_null(mkdtemp(d.path));
	put(&d, "req.json", "{\"hostname\":\"h\",\"sandbox_id\":\"s\",\"dns\":[\"a\"]}");
	put(&d, "policy", "allow = true\n");
	put(&d, "config.json",
	    "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
	    "\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}}}");
	snprintf(text, sizeof(text), "CreateSandbox hostname=other file://%s/req.json", d.path);
	assert_built(
		&v, text,
		"{\"hostname\":\"other\",\"dns\":[\"a\"],\"storages\":[],\"sandbox_pidns\":false,"
		"\"sandbox_id\":\"s\",\"guest_hook_path\":\"\",\"kernel_modules\":[]}");
	snprintf(text, sizeof(text), "SetPolicy policy=file://%s/policy", d.path);
	assert_built(&v, text, "{\"policy\":\"allow = true\\n\"}");
	for (int pass = 0; pass < 2; pass++) {
		v.bundle_dir = pass == 0 ? d.path : NULL;
		snprintf(text, sizeof(text), "CreateContainer OCI.Process.Args=env%s%s%s",
			 pass == 0 ? "" : " spec=file://", pass == 0 ? "" : d.path,
			 pass == 0 ? "" : "/config.json");
		snprintf(want, sizeof(want), "%s/rootfs", d.path);
		{
			_cleanup_built_ struct built b = build(&v, text);
			Grpc__Spec *spec;

			assert_int_equal(b.r, 0);
			spec = ((Grpc__CreateContainerRequest *)b.req.msg)->oci;
			assert_string_equal(spec->root->path, want);
			assert_int_equal(spec->process->n_args, 1);
			assert_string_equal(spec->process->args[0], "env");
		}
	}
	v.bundle_dir = "/nonexistent";
	assert_refused(&v, "CreateContainer",
		       "CreateContainer: bundle /nonexistent: No such file or directory");
	assert_refused(
		&v, "CreateContainer spec=/nonexistent",
		"CreateContainer: spec /nonexistent: /nonexistent: No such file or directory");
	snprintf(text, sizeof(text), "%s", d.path);
	assert_int_equal(file_remove_tree(AT_FDCWD, text, NULL), 0);
	ctl_values_release(&v);
}

static void test_reject(void **state)
{
	struct ctl_values v = { .no_files = true };

	assert_refused(&v, "Frob",
		       "\"Frob\" is neither a built-in command nor a call of the agent: "
		       "\"list\" shows them");
	assert_refused(&v, "CreateSandbox x",
		       "CreateSandbox: \"x\": expected PATH=VALUE, "
		       "file://PATH or json://{...}");
	assert_refused(&v, "CreateSandbox x=1",
		       "CreateSandbox: x: grpc.CreateSandboxRequest has no field \"x\"");
	assert_refused(&v, "CreateSandbox storages='json://[{\"x\":1}]'",
		       "CreateSandbox: storages: [0].x: grpc.Storage has no such field");
	assert_refused(&v, "CreateSandbox json://{",
		       "CreateSandbox: line 1 column 1: string or '}' "
		       "expected near end of file");
	assert_refused(&v, "CreateSandbox json://{\"storages\":[{\"x\":1}]}",
		       "CreateSandbox: storages[0].x: grpc.Storage has no such field");
	assert_refused(&v, "SignalProcess signal=nope",
		       "SignalProcess: signal: \"nope\" is not a number");
	assert_refused(&v, "ExecProcess args=", "ExecProcess: args: no command");
	assert_refused(&v, "CreateSandbox file:///etc/passwd",
		       "CreateSandbox: files are not read here");
	assert_refused(&v, "CreateSandbox hostname=file:///etc/passwd",
		       "CreateSandbox: hostname: files are not read here");
	assert_refused(&v, "CreateContainer spec=/etc/passwd",
		       "CreateContainer: files are not read here");
	ctl_values_release(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),	  cmocka_unit_test(test_order),
		cmocka_unit_test(test_automatic), cmocka_unit_test(test_files),
		cmocka_unit_test(test_reject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
