/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"
#include "wire/agent.pb-c.h"
#include "wire/events.pb-c.h"
#include "wire/health.pb-c.h"
#include "wire/message.h"
#include "wire/runtimeoptions.pb-c.h"
#include "wire/task.pb-c.h"
#include "wire/task_events.pb-c.h"

/* protobuf-c's strings are char *; the literals here are only read. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wincompatible-pointer-types-discards-qualifiers"
#else
#pragma GCC diagnostic ignored "-Wdiscarded-qualifiers"
#endif

/*
 * Bytes worked out by hand from the field numbers of upstream's protocol: tag = number << 3 | wire type, where 0 is a varint and 2
 * a length and its bytes. They hold even if the .proto files change.
 */
static void expect_bytes(const ProtobufCMessage *msg, const char *bytes, size_t len)
{
	uint8_t *packed;
	size_t n;

	assert_int_equal(message_pack(msg, 4096, &packed, &n), 0);
	assert_int_equal(n, len);
	assert_memory_equal(packed, bytes, len);
	free(packed);
}
#define EXPECT_BYTES(msg, bytes) expect_bytes(&(msg).base, bytes, sizeof(bytes) - 1)

static void test_create_container(void **state)
{
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	Grpc__StringUser user = GRPC__STRING_USER__INIT;
	Grpc__Device dev = GRPC__DEVICE__INIT, *devs[] = { &dev };
	Grpc__Storage st = GRPC__STORAGE__INIT, *sts[] = { &st };
	Grpc__SharedMount sm = GRPC__SHARED_MOUNT__INIT, *sms[] = { &sm };
	Grpc__Spec spec = GRPC__SPEC__INIT;

	req.container_id = "c";
	req.exec_id = "e";
	user.uid = "1";
	req.string_user = &user;
	dev.id = "d";
	dev.container_path = "/x";
	req.devices = devs;
	req.n_devices = 1;
	st.driver = "blk";
	req.storages = sts;
	req.n_storages = 1;
	spec.version = "1";
	req.oci = &spec;
	req.sandbox_pidns = 1;
	sm.name = "s";
	sm.dst_path = "p";
	req.shared_mounts = sms;
	req.n_shared_mounts = 1;
	req.stdin_port = 1;
	req.stdout_port = 2;
	req.stderr_port = 300;
	EXPECT_BYTES(req, "\x0a\x01"
			  "c"
			  "\x12\x01"
			  "e"
			  "\x1a\x03\x0a\x01"
			  "1"
			  "\x22\x07\x0a\x01"
			  "d"
			  "\x22\x02/x"
			  "\x2a\x05\x0a\x03"
			  "blk"
			  "\x32\x03\x0a\x01"
			  "1"
			  "\x38\x01"
			  "\x42\x06\x0a\x01"
			  "s"
			  "\x2a\x01"
			  "p"
			  "\x48\x01\x50\x02\x58\xac\x02");
}

static void test_streams(void **state)
{
	Grpc__ReadStreamRequest rd = GRPC__READ_STREAM_REQUEST__INIT;
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	Grpc__SignalProcessRequest sig = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	Grpc__WaitProcessResponse wait = GRPC__WAIT_PROCESS_RESPONSE__INIT;
	Grpc__TtyWinResizeRequest tty = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;

	rd.container_id = "ab";
	rd.exec_id = "x";
	rd.len = 32768;
	EXPECT_BYTES(rd, "\x0a\x02"
			 "ab\x12\x01x\x18\x80\x80\x02");
	wr.container_id = "ab";
	wr.data.data = (uint8_t *)"\0\1";
	wr.data.len = 2;
	EXPECT_BYTES(wr, "\x0a\x02"
			 "ab\x1a\x02\x00\x01");
	sig.container_id = "c";
	sig.signal = 9;
	EXPECT_BYTES(sig, "\x0a\x01"
			  "c\x18\x09");
	wait.status = 137;
	EXPECT_BYTES(wait, "\x08\x89\x01");
	tty.container_id = "c";
	tty.row = 24;
	tty.column = 80;
	EXPECT_BYTES(tty, "\x0a\x01"
			  "c\x18\x18\x20\x50");
}

static void test_storage(void **state)
{
	Grpc__Storage st = GRPC__STORAGE__INIT;
	Grpc__FSGroup fsg = GRPC__FSGROUP__INIT;
	char *drv_opts[] = { "o" }, *opts[] = { "ro" };
	Grpc__ReseedRandomDevRequest seed = GRPC__RESEED_RANDOM_DEV_REQUEST__INIT;

	st.driver = "scsi";
	st.driver_options = drv_opts;
	st.n_driver_options = 1;
	st.source = "0:0";
	st.fstype = "xfs";
	st.options = opts;
	st.n_options = 1;
	st.mount_point = "/m";
	fsg.group_id = 5;
	fsg.group_change_policy = TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch;
	st.fs_group = &fsg;
	st.shared = 1;
	EXPECT_BYTES(st, "\x0a\x04scsi\x12\x01o\x1a\x03"
			 "0:0\"\x03xfs*\x02ro2\x02/m"
			 "\x3a\x04\x10\x05\x18\x01\x40\x01");
	seed.data.data = (uint8_t *)"r";
	seed.data.len = 1;
	EXPECT_BYTES(seed, "\x12\x01r");
}

static void test_process(void **state)
{
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__Process proc = GRPC__PROCESS__INIT;
	Grpc__User user = GRPC__USER__INIT;
	Grpc__POSIXRlimit lim = GRPC__POSIXRLIMIT__INIT, *lims[] = { &lim };
	Grpc__Root root = GRPC__ROOT__INIT;
	char *args[] = { "sh", "-c" }, *env[] = { "A=1" };

	user.uid = 1;
	user.gid = 2;
	user.has_umask_case = GRPC__USER__HAS_UMASK_UMASK;
	user.umask = 0;
	proc.terminal = 1;
	proc.user = &user;
	proc.args = args;
	proc.n_args = 2;
	proc.env = env;
	proc.n_env = 1;
	proc.cwd = "/";
	lim.type = "R";
	lim.hard = 7;
	proc.rlimits = lims;
	proc.n_rlimits = 1;
	proc.nonewprivileges = 1;
	proc.oomscoreadj = -1;
	spec.process = &proc;
	root.path = "r";
	root.readonly = 1;
	spec.root = &root;
	spec.hostname = "h";
	/* Umask is 1000: tag 8000 = c0 3e. It is present although it is 0. */
	EXPECT_BYTES(spec, "\x12\x2f"
			   "\x08\x01\x1a\x07\x08\x01\x10\x02\xc0\x3e\x00"
			   "\x22\x02sh\x22\x02-c\x2a\x03"
			   "A=1\x32\x01/"
			   "\x42\x05\x0a\x01R\x10\x07\x48\x01"
			   "\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
			   "\x1a\x05\x0a\x01r\x10\x01\x22\x01h");
}

static void test_linux(void **state)
{
	Grpc__Linux lx = GRPC__LINUX__INIT;
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory mem = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxResources__UnifiedEntry u = GRPC__LINUX_RESOURCES__UNIFIED_ENTRY__INIT,
					   *us[] = { &u };
	Grpc__LinuxNamespace ns = GRPC__LINUX_NAMESPACE__INIT, *nss[] = { &ns };
	Grpc__LinuxSeccomp sc = GRPC__LINUX_SECCOMP__INIT;
	Grpc__LinuxSyscall sys = GRPC__LINUX_SYSCALL__INIT, *syss[] = { &sys };
	Grpc__Spec spec = GRPC__SPEC__INIT;
	char *masked[] = { "/m" };

	mem.limit = 64;
	res.memory = &mem;
	u.key = "k";
	u.value = "v";
	res.unified = us;
	res.n_unified = 1;
	lx.resources = &res;
	ns.type = "pid";
	lx.namespaces = nss;
	lx.n_namespaces = 1;
	sc.defaultaction = "a";
	sys.action = "b";
	sys.errno_ret_case = GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	sys.errnoret = 1;
	sc.syscalls = syss;
	sc.n_syscalls = 1;
	lx.seccomp = &sc;
	lx.maskedpaths = masked;
	lx.n_maskedpaths = 1;
	spec.linux_ = &lx;
	EXPECT_BYTES(spec, "\x42\x26"
			   "\x22\x0d\x12\x02\x08\x40\xc2\x3e\x06\x0a\x01k\x12\x01v"
			   "\x32\x05\x0a\x03pid"
			   "\x42\x0a\x0a\x01"
			   "a\x22\x05\x12\x01"
			   "b\x18\x01"
			   "\x52\x02/m");
}

static void test_sandbox(void **state)
{
	Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	Grpc__GuestDetailsResponse det = GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails ag = GRPC__AGENT_DETAILS__INIT;
	Types__Interface ifc = TYPES__INTERFACE__INIT;
	Types__IPAddress ip = TYPES__IPADDRESS__INIT, *ips[] = { &ip };
	Grpc__MemAgentMemcgConfig mc = GRPC__MEM_AGENT_MEMCG_CONFIG__INIT;
	char *dns[] = { "n" };

	req.hostname = "h";
	req.dns = dns;
	req.n_dns = 1;
	req.sandbox_pidns = 1;
	req.sandbox_id = "s";
	req.guest_hook_path = "g";
	EXPECT_BYTES(req, "\x0a\x01h\x12\x01n\x20\x01\x2a\x01s\x32\x01g");
	det.mem_block_size_bytes = 1;
	ag.version = "4";
	ag.init_daemon = 1;
	det.agent_details = &ag;
	det.support_mem_hotplug_probe = 1;
	EXPECT_BYTES(det, "\x08\x01\x12\x05\x0a\x01"
			  "4\x10\x01\x18\x01");
	ifc.device = "e";
	ip.family = TYPES__IPFAMILY__v6;
	ip.address = "a";
	ip.mask = "8";
	ifc.ipaddresses = ips;
	ifc.n_ipaddresses = 1;
	ifc.mtu = 5;
	ifc.hwaddr = "w";
	EXPECT_BYTES(ifc, "\x0a\x01"
			  "e\x1a\x08\x08\x01\x12\x01"
			  "a\x1a\x01"
			  "8\x20\x05\x2a\x01w");
	mc.has_disabled_case = GRPC__MEM_AGENT_MEMCG_CONFIG__HAS_DISABLED_DISABLED;
	mc.disabled = 0;
	EXPECT_BYTES(mc, "\x08\x00");
}

static void test_task(void **state)
{
	Containerd__Task__V2__CreateTaskRequest req =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Types__Mount m = CONTAINERD__TYPES__MOUNT__INIT, *ms[] = { &m };
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Containerd__Task__V2__DeleteResponse del = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp ts = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	req.id = "i";
	req.bundle = "b";
	m.type = "bind";
	m.target = "t";
	req.rootfs = ms;
	req.n_rootfs = 1;
	req.terminal = 1;
	req.stderr = "e";
	any.type_url = "u";
	req.options = &any;
	EXPECT_BYTES(req, "\x0a\x01i\x12\x01"
			  "b\x1a\x09\x0a\x04"
			  "bind\x1a\x01t\x20\x01\x3a\x01"
			  "e\x52\x03\x0a\x01u");
	del.pid = 1;
	del.exit_status = 137;
	ts.seconds = 2;
	ts.nanos = 3;
	del.exited_at = &ts;
	EXPECT_BYTES(del, "\x08\x01\x10\x89\x01\x1a\x04\x08\x02\x10\x03");
}

static void test_events(void **state)
{
	Containerd__Services__Events__Ttrpc__V1__ForwardRequest fwd =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
	Containerd__Services__Events__Ttrpc__V1__Envelope env =
		CONTAINERD__SERVICES__EVENTS__TTRPC__V1__ENVELOPE__INIT;
	Containerd__Events__TaskExit exit_ev = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	Containerd__Events__TaskDelete del = CONTAINERD__EVENTS__TASK_DELETE__INIT;

	env.namespace_ = "n";
	env.topic = "t";
	fwd.envelope = &env;
	EXPECT_BYTES(fwd, "\x0a\x06\x12\x01n\x1a\x01t");
	exit_ev.container_id = "c";
	exit_ev.id = "i";
	exit_ev.pid = 1;
	exit_ev.exit_status = 2;
	EXPECT_BYTES(exit_ev, "\x0a\x01"
			      "c\x12\x01i\x18\x01\x20\x02");
	del.container_id = "c";
	del.pid = 1;
	del.exit_status = 2;
	del.id = "i";
	EXPECT_BYTES(del, "\x0a\x01"
			  "c\x10\x01\x18\x02\x2a\x01i");
}

/* The names that go over the wire, and all methods. */
static void test_services(void **state)
{
	static const char *const methods[] = {
		"CreateContainer",
		"StartContainer",
		"RemoveContainer",
		"ExecProcess",
		"SignalProcess",
		"WaitProcess",
		"UpdateContainer",
		"UpdateEphemeralMounts",
		"StatsContainer",
		"PauseContainer",
		"ResumeContainer",
		"GetDiagnosticData",
		"WriteStdin",
		"ReadStdout",
		"ReadStderr",
		"CloseStdin",
		"TtyWinResize",
		"UpdateInterface",
		"UpdateRoutes",
		"ListInterfaces",
		"ListRoutes",
		"AddARPNeighbors",
		"GetIPTables",
		"SetIPTables",
		"GetMetrics",
		"MemAgentMemcgSet",
		"MemAgentCompactSet",
		"CreateSandbox",
		"DestroySandbox",
		"OnlineCPUMem",
		"ReseedRandomDev",
		"GetGuestDetails",
		"MemHotplugByProbe",
		"SetGuestDateTime",
		"CopyFile",
		"GetOOMEvent",
		"AddSwap",
		"AddSwapPath",
		"GetVolumeStats",
		"ResizeVolume",
		"SetPolicy",
		"RemoveStaleVirtiofsShareMounts",
		/* 1.x */
		"ListProcesses",
		"StartTracing",
		"StopTracing",
	};
	const ProtobufCServiceDescriptor *svc = &grpc__agent_service__descriptor;
	size_t i;

	assert_string_equal(svc->name, "grpc.AgentService");
	assert_int_equal(svc->n_methods, ARRAY_SIZE(methods));
	for (i = 0; i < ARRAY_SIZE(methods); i++)
		assert_non_null(protobuf_c_service_descriptor_get_method_by_name(svc, methods[i]));
	assert_string_equal(grpc__health__descriptor.name, "grpc.Health");
	assert_int_equal(grpc__health__descriptor.n_methods, 2);
	assert_string_equal(containerd__task__v2__task__descriptor.name, "containerd.task.v2.Task");
	assert_int_equal(containerd__task__v2__task__descriptor.n_methods, 17);
	assert_string_equal(containerd__services__events__ttrpc__v1__events__descriptor.name,
			    "containerd.services.events.ttrpc.v1.Events");
	assert_string_equal(containerd__events__task_exit__descriptor.name,
			    "containerd.events.TaskExit");
	assert_string_equal(runtimeoptions__v1__options__descriptor.name,
			    "runtimeoptions.v1.Options");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_container),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_storage),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_sandbox),
		cmocka_unit_test(test_task),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
