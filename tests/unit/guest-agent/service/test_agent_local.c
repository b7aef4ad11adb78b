/* SPDX-License-Identifier: Apache-2.0 */
/* The real agent on this machine, driven through its protocol. Needs root and a static busybox. */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/strbuf.h"
#include "unit/guest-agent/service/agent_tests.h"
#include "wire/google.pb-c.h"
#include "wire/health.pb-c.h"

struct agent_client client;

static int run_sh(const char *script, struct strbuf *out)
{
	return agent_run_sh(&client, script, out);
}

#define assert_output(script, want)                           \
	do {                                                  \
		struct strbuf out_ = STRBUF_INIT;             \
		assert_int_equal(run_sh((script), &out_), 0); \
		assert_string_equal(out_.buf, (want));        \
		strbuf_release(&out_);                        \
	} while (0)

static void test_health(void **state)
{
	Grpc__CheckRequest req = GRPC__CHECK_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;

	assert_int_equal(agent_call_resp(&client, "grpc.Health", "Check", &req.base,
					 &grpc__health_check_response__descriptor, &resp, NULL),
			 TTRPC_OK);
	assert_int_equal(((Grpc__HealthCheckResponse *)resp)->status,
			 GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
	protobuf_c_message_free_unpacked(resp, NULL);
	assert_int_equal(agent_call_resp(&client, "grpc.Health", "Version", &req.base,
					 &grpc__version_check_response__descriptor, &resp, NULL),
			 TTRPC_OK);
	assert_string_equal(((Grpc__VersionCheckResponse *)resp)->grpc_version, "0.0.1");
	assert_string_equal(((Grpc__VersionCheckResponse *)resp)->agent_version, KATA_VERSION);
	protobuf_c_message_free_unpacked(resp, NULL);
}

static void test_guest_details(void **state)
{
	Grpc__GuestDetailsRequest req = GRPC__GUEST_DETAILS_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	Grpc__AgentDetails *d;

	assert_int_equal(agent_call_resp(&client, "grpc.AgentService", "GetGuestDetails", &req.base,
					 &grpc__guest_details_response__descriptor, &resp, NULL),
			 TTRPC_OK);
	d = ((Grpc__GuestDetailsResponse *)resp)->agent_details;
	assert_non_null(d);
	assert_string_equal(d->version, KATA_VERSION);
	assert_int_equal(d->init_daemon, agent_client_in_guest());
	assert_int_equal(d->n_extra_features, 3);
	assert_non_null(str_after(d->extra_features[0], "boot-usec="));
	assert_non_null(str_after(d->extra_features[1], "ready-usec="));
	assert_string_equal(d->extra_features[2], "ordered-streams");
	assert_string_equal(d->storage_handlers[0], "virtio-fs");
	protobuf_c_message_free_unpacked(resp, NULL);
}

/* Before CreateSandbox, which test_create_sandbox() calls. */
static void test_no_sandbox(void **state)
{
	char *args[] = { (char *)"true", NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_create(&client, "early", &s, &err), TTRPC_FAILED_PRECONDITION);
	assert_string_equal(err.msg, "there is no sandbox yet");
}

/*
 * A directory with one hook of the guest, which leaves a mark. Without a shell it would fail each container, and is
 * left out.
 */
static char *guest_hooks(void)
{
	static char dir[96];
	char path[128], text[192];
	int n;

	snprintf(dir, sizeof(dir), "%s/guest-hooks", client.dir);
	snprintf(path, sizeof(path), "%s/prestart", dir);
	assert_int_equal(file_mkdir_p(AT_FDCWD, path, 0755, NULL), 0);
	n = snprintf(text, sizeof(text), "#!/bin/sh\necho \"$0 $1\" > %s/mark\n", dir);
	snprintf(path, sizeof(path), "%s%s", dir, "/prestart/10-mark");
	if (access("/bin/sh", X_OK) == 0)
		assert_int_equal(file_write_atomic(AT_FDCWD, path, 0755, text, (size_t)n, NULL), 0);
	snprintf(path, sizeof(path), "%s%s", dir, "/prestart/readme");
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, "x", 1, NULL), 0);
	return dir;
}

static void test_guest_hooks(void **state)
{
	struct strbuf text = STRBUF_INIT;
	char path[128], want[192];

	if (access("/bin/sh", X_OK) < 0)
		skip_because("no /bin/sh for a hook");
	assert_int_equal(run_sh("exit 0", NULL), 0);
	snprintf(path, sizeof(path), "%s%s", client.dir, "/guest-hooks/mark");
	assert_int_equal(file_read(AT_FDCWD, path, 256, &text, NULL), 0);
	snprintf(want, sizeof(want), "%s/guest-hooks/prestart/10-mark prestart\n", client.dir);
	assert_string_equal(text.buf, want);
	strbuf_release(&text);
}

static void test_create_sandbox(void **state)
{
	Grpc__KernelModule module = GRPC__KERNEL_MODULE__INIT, *modules[] = { &module };
	Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	struct error err = ERROR_INIT;

	req.sandbox_id = (char *)"../up";
	assert_int_equal(agent_call(&client, "CreateSandbox", &req.base, &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "invalid sandbox id \"../up\"");
	req.sandbox_id = (char *)"box";
	req.hostname = (char *)"sandhost";
	req.guest_hook_path = (char *)"hooks";
	assert_int_equal(agent_call(&client, "CreateSandbox", &req.base, &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "guest_hook_path \"hooks\" is not absolute");
	module.name = (char *)"../evil";
	req.kernel_modules = modules;
	req.n_kernel_modules = 1;
	req.guest_hook_path = guest_hooks();
	assert_int_equal(agent_call(&client, "CreateSandbox", &req.base, &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "\"../evil\" is not the name of a kernel module");
	module.name = (char *)"no_such_module_here";
	assert_int_not_equal(agent_call(&client, "CreateSandbox", &req.base, &err), TTRPC_OK);
	assert_non_null(str_after(err.msg, "kernel module \"no_such_module_here\": "));
	req.n_kernel_modules = 0;
	assert_int_equal(agent_call(&client, "CreateSandbox", &req.base, &err), TTRPC_OK);
	assert_int_equal(agent_call(&client, "CreateSandbox", &req.base, &err),
			 TTRPC_ALREADY_EXISTS);
}

static void test_exit_codes(void **state)
{
	assert_int_equal(run_sh("exit 0", NULL), 0);
	assert_int_equal(run_sh("exit 1", NULL), 1);
	assert_int_equal(run_sh("exit 42", NULL), 42);
	assert_int_equal(run_sh("exit 137", NULL), 137);
	assert_int_equal(run_sh("exit 255", NULL), 255);
	/* The first process cannot kill itself; a child of the shell can. */
	assert_int_equal(run_sh("sh -c 'kill -9 $$'; exit $?", NULL), 137);
}

static void test_streams_apart(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c", (char *)"echo one; echo two >&2; echo three",
			 NULL };
	struct strbuf out = STRBUF_INIT, errout = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_run(&client, "apart", &s, &out, &errout, &err), 0);
	assert_string_equal(out.buf, "one\nthree\n");
	assert_string_equal(errout.buf, "two\n");
	strbuf_release(&out);
	strbuf_release(&errout);
}

static void test_environment(void **state)
{
	assert_output("echo $COLOUR", "green\n");
	assert_output("echo $HOME", "/root\n");
	assert_output("echo $$", "1\n");
	assert_output("hostname", "sandhost\n");
	assert_output("id -u; id -g", "0\n0\n");
	assert_output("umask", "0022\n");
	assert_output("ls /proc/self/fd | wc -l", "4\n"); /* 0 1 2 and ls's own */
	assert_output("grep -c . /proc/self/cgroup > /dev/null; echo $?", "0\n");
	assert_output("test -c /dev/null && test -c /dev/urandom && readlink /dev/fd",
		      "/proc/self/fd\n");
}

/* What the agent blocks and ignores for itself does not reach its containers. */
static void test_signal_state(void **state)
{
	char *args[] = { (char *)"grep", (char *)"-E", (char *)"SigBlk|SigIgn|SigCgt",
			 (char *)"/proc/self/status", NULL };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_run(&client, "sig", &s, &out, NULL, &err), 0);
	assert_string_equal(out.buf, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
				     "SigCgt:\t0000000000000000\n");
	strbuf_release(&out);
}

static void test_identity(void **state)
{
	static uint32_t groups[] = { 77, 88 };
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"id -u; id -g; id -G; pwd; echo $HOME; umask; ulimit -n;"
				 "grep -E 'CapEff|CapBnd|NoNew' /proc/self/status",
			 NULL };
	Grpc__POSIXRlimit nofile = GRPC__POSIXRLIMIT__INIT, *limits[] = { &nofile };
	Grpc__LinuxCapabilities caps = GRPC__LINUX_CAPABILITIES__INIT;
	char *names[] = { (char *)"CAP_CHOWN", (char *)"CAP_NET_BIND_SERVICE" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	s.user.uid = s.user.gid = 1234;
	s.user.additionalgids = groups;
	s.user.n_additionalgids = 2;
	s.user.has_umask_case = GRPC__USER__HAS_UMASK_UMASK;
	s.user.umask = 027;
	s.process.cwd = (char *)"/made/for/it";
	s.process.nonewprivileges = 1;
	nofile.type = (char *)"RLIMIT_NOFILE";
	nofile.soft = nofile.hard = 123;
	s.process.rlimits = limits;
	s.process.n_rlimits = 1;
	caps.bounding = caps.permitted = caps.effective = caps.inheritable = caps.ambient = names;
	caps.n_bounding = caps.n_permitted = caps.n_effective = caps.n_inheritable =
		caps.n_ambient = 2;
	s.process.capabilities = &caps;
	assert_int_equal(agent_run(&client, "who", &s, &out, NULL, &err), 0);
	assert_string_equal(out.buf, "1234\n1234\n1234 77 88\n/made/for/it\n/srv/web\n0027\n123\n"
				     "CapEff:\t0000000000000401\nCapBnd:\t0000000000000401\n"
				     "NoNewPrivs:\t1\n");
	strbuf_release(&out);
}

static void test_bad_identity(void **state)
{
	char *args[] = { (char *)"true", NULL };
	Grpc__LinuxCapabilities caps = GRPC__LINUX_CAPABILITIES__INIT;
	char *names[] = { (char *)"CAP_WINGS" };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	caps.bounding = names;
	caps.n_bounding = 1;
	s.process.capabilities = &caps;
	assert_int_equal(agent_create(&client, "caps", &s, &err), TTRPC_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "CAP_WINGS"));
}

static void test_not_found(void **state)
{
	char *missing[] = { (char *)"/nope", NULL };
	char *in_path[] = { (char *)"nope", NULL };
	char *no_exec[] = { (char *)"/etc/passwd", NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, missing);
	assert_int_equal(agent_run(&client, "x", &s, NULL, NULL, &err), -TTRPC_NOT_FOUND);
	assert_string_equal(err.msg, "container \"x\": exec \"/nope\": No such file or directory");
	test_spec_init(&s, &client, in_path);
	assert_int_equal(agent_run(&client, "x", &s, NULL, NULL, &err), -TTRPC_NOT_FOUND);
	assert_string_equal(err.msg, "container \"x\": exec \"nope\": executable file not found in "
				     "$PATH: No such file or directory");
	test_spec_init(&s, &client, no_exec);
	assert_int_equal(agent_run(&client, "x", &s, NULL, NULL, &err), -TTRPC_PERMISSION_DENIED);
	assert_string_equal(err.msg, "container \"x\": exec \"/etc/passwd\": Permission denied");
	/* Nothing of the failures is left. */
	assert_int_equal(agent_wait(&client, "x", ""), -TTRPC_NOT_FOUND);
}

static void test_setup_failure_is_not_not_found(void **state)
{
	char *args[] = { (char *)"true", NULL };
	char *options[] = { (char *)"rbind" };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	grpc__mount__init(&s.mounts[3]);
	s.mounts[3].type = (char *)"bind";
	s.mounts[3].source = (char *)"/no/such/source";
	s.mounts[3].destination = (char *)"/data";
	s.mounts[3].options = options;
	s.mounts[3].n_options = 1;
	s.mount_list[3] = &s.mounts[3];
	s.spec.n_mounts = 4;
	assert_int_equal(agent_create(&client, "m", &s, &err), TTRPC_INTERNAL);
	assert_string_equal(err.msg, "container \"m\": mount \"/data\": cannot open source "
				     "\"/no/such/source\": No such file or directory");
}

static void test_hostile(void **state)
{
	static const char *const ids[] = { "", "../x", "a/b", ".", "..", "a b", "-x", "x\n" };
	char *args[] = { (char *)"true", NULL };
	char long_id[2000];
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_int_equal(agent_create(&client, ids[i], &s, &err), TTRPC_INVALID_ARGUMENT);
		assert_non_null(strstr(err.msg, "invalid container id"));
		assert_int_equal(agent_start(&client, ids[i], &err), TTRPC_INVALID_ARGUMENT);
		assert_int_equal(agent_remove(&client, ids[i], 1), TTRPC_INVALID_ARGUMENT);
	}
	memset(long_id, 'a', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	assert_int_equal(agent_create(&client, long_id, &s, &err), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(agent_wait(&client, "never", ""), -TTRPC_NOT_FOUND);
	s.spec.process = NULL;
	assert_int_equal(agent_create(&client, "h", &s, &err), TTRPC_INVALID_ARGUMENT);
	test_spec_init(&s, &client, args);
	s.process.n_args = 0;
	assert_int_equal(agent_create(&client, "h", &s, &err), TTRPC_INVALID_ARGUMENT);
	test_spec_init(&s, &client, args);
	s.root.path = (char *)"/no/such/root";
	assert_int_equal(agent_create(&client, "h", &s, &err), TTRPC_INTERNAL);
	assert_non_null(strstr(err.msg, "/no/such/root"));
	test_spec_init(&s, &client, args);
	s.ns[0].type = (char *)"warp";
	assert_int_equal(agent_create(&client, "h", &s, &err), TTRPC_INVALID_ARGUMENT);
	{
		Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;

		req.container_id = (char *)"h";
		assert_int_equal(agent_call(&client, "CreateContainer", &req.base, &err),
				 TTRPC_INVALID_ARGUMENT);
		assert_string_equal(err.msg, "OCI: missing");
	}
	/* It still serves. */
	assert_int_equal(run_sh("exit 3", NULL), 3);
}

static void test_refused(void **state)
{
	char *args[] = { (char *)"true", NULL };
	Grpc__LinuxSeccomp sc = GRPC__LINUX_SECCOMP__INIT;
	Grpc__StartTracingRequest tr = GRPC__START_TRACING_REQUEST__INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	assert_int_equal(agent_call(&client, "StartTracing", &tr.base, &err), TTRPC_UNIMPLEMENTED);
	assert_int_equal(agent_call(&client, "NoSuchThing", &tr.base, &err), TTRPC_UNIMPLEMENTED);
	test_spec_init(&s, &client, args);
	sc.defaultaction = (char *)"SCMP_ACT_HOPE";
	s.linux_.seccomp = &sc;
	assert_int_equal(agent_create(&client, "r", &s, &err), TTRPC_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "linux.seccomp: unknown action \"SCMP_ACT_HOPE\""));
	assert_int_equal(run_sh("exit 4", NULL), 4);
}

static enum ttrpc_code set_policy(const char *text, struct error *err)
{
	Grpc__SetPolicyRequest req = GRPC__SET_POLICY_REQUEST__INIT;

	req.policy = (char *)text;
	return agent_call(&client, "SetPolicy", &req.base, err);
}

static void test_policy(void **state)
{
	Grpc__GuestDetailsRequest details = GRPC__GUEST_DETAILS_REQUEST__INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(set_policy("package agent_policy\ndefault X := true\n", &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_non_null(str_after(err.msg, "policy: this is a Rego policy"));
	assert_int_equal(set_policy("format = 1\n[[allow]]\nrpc = [\"SetPolicy\", \"*Container\", "
				    "\"*Process\", \"Read*\"]\n",
				    &err),
			 TTRPC_OK);
	assert_int_equal(run_sh("exit 6", NULL), 6);
	assert_int_equal(agent_call(&client, "GetGuestDetails", &details.base, &err),
			 TTRPC_PERMISSION_DENIED);
	assert_string_equal(err.msg, "GuestDetailsRequest is blocked by policy");
	test_health(state); /* liveness is not the policy's */
	/* A bad one changes nothing. */
	assert_int_equal(set_policy("format = 3\n", &err), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(agent_call(&client, "GetGuestDetails", &details.base, &err),
			 TTRPC_PERMISSION_DENIED);
	assert_int_equal(set_policy("format = 1\n[[allow]]\nrpc = \"*\"\n", &err), TTRPC_OK);
	test_guest_details(state);
}

static void test_many(void **state)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(run_sh("exit 5", NULL), 5);
}

/* Two containers of the sandbox see the same ipc and uts namespaces, and different pid ones. */
static void test_shared_namespaces(void **state)
{
	struct strbuf a = STRBUF_INIT, b = STRBUF_INIT;

	assert_int_equal(run_sh("readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts", &a), 0);
	assert_int_equal(run_sh("readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts", &b), 0);
	assert_string_equal(a.buf, b.buf);
	strbuf_release(&a);
	strbuf_release(&b);
}

static void on_removed(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		       void *data)
{
	*(bool *)data = true;
}

static void test_destroy(void **state)
{
	Grpc__RemoveContainerRequest remove = GRPC__REMOVE_CONTAINER_REQUEST__INIT;
	bool removed = false;
	Grpc__DestroySandboxRequest req = GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	struct error err = ERROR_INIT;

	start_sleeper("last");
	start_sleeper("going");
	/* A removal under way, whose container goes with the sandbox. */
	remove.container_id = (char *)"going";
	assert_int_equal(ttrpc_client_call(client.ttrpc, "grpc.AgentService", "RemoveContainer",
					   &remove.base, &google__protobuf__empty__descriptor, 0,
					   on_removed, &removed, NULL),
			 0);
	assert_int_equal(agent_call(&client, "DestroySandbox", &req.base, &err), TTRPC_OK);
	assert_true(removed); /* answered before */
	/* It ends by itself; with sanitizers, without leaks. */
	if (!agent_client_in_guest())
		assert_int_equal(agent_client_join(&client, 20000), 0);
}

static int group_setup(void **state)
{
	return agent_client_start(&client);
}

static int group_teardown(void **state)
{
	agent_client_stop(&client);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_guest_details),
		cmocka_unit_test(test_no_sandbox),
		cmocka_unit_test(test_create_sandbox),
		cmocka_unit_test(test_guest_hooks),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_streams_apart),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_signal_state),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_bad_identity),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_setup_failure_is_not_not_found),
		cmocka_unit_test(test_cat),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_created_only),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bind_mount),
		cmocka_unit_test(test_storages),
		cmocka_unit_test(test_overlay_root),
		cmocka_unit_test(test_usual_mounts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_device_rules),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_oom),
		cmocka_unit_test(test_list_processes),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_guest_refusals),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_leaked_descriptors),
		cmocka_unit_test(test_own_binary),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_reader_lost),
		cmocka_unit_test(test_background_holds_stream),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_shared_namespaces),
		cmocka_unit_test(test_user_namespace),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_bad_interfaces),
		cmocka_unit_test(test_interface_by_pci),
		cmocka_unit_test(test_late_interface),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_bad_routes),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_iptables),
		cmocka_unit_test(test_debug_console),
		cmocka_unit_test(test_log_port),
		cmocka_unit_test(test_bad_clients),
		cmocka_unit_test(test_many_streams),
		cmocka_unit_test(test_copy_file),
		cmocka_unit_test(test_volume_stats),
		cmocka_unit_test(test_grow_ext4),
		cmocka_unit_test(test_grow_xfs),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_block_device),
		cmocka_unit_test(test_update_ephemeral),
		cmocka_unit_test(test_fs_group),
		cmocka_unit_test(test_watchable),
		cmocka_unit_test(test_stale_mounts),
		cmocka_unit_test(test_destroy),
	};
	/* What an agent can do in an emulator of user programs, which has no clone3(2) for its containers. */
	const struct CMUnitTest protocol[] = {
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_guest_details),
		cmocka_unit_test(test_no_sandbox),
		cmocka_unit_test(test_create_sandbox),
	};
	const char *missing = agent_client_missing();

	if (missing) {
		printf("1..1\nok 1 - agent on this machine # SKIP %s\n", missing);
		return 0;
	}
	if (getenv("KATA_TEST_PROTOCOL_ONLY"))
		return cmocka_run_group_tests(protocol, group_setup, group_teardown);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
