/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a process: mounts, storages, limits, devices, user namespaces. */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/strbuf.h"
#include "unit/guest-agent/service/agent_tests.h"

void test_paths(void **state)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"cat /etc/passwd | wc -c; touch /tmp/x 2>/dev/null || echo ro;"
			"touch /dev/y && echo rw; ls /data; touch /proc/sys/kernel/hostname "
			"2>/dev/null || echo sysro; echo a > /etc/new 2>/dev/null || echo no",
		NULL
	};
	char *masked[] = { (char *)"/etc/passwd", (char *)"/not/there", (char *)"/data" };
	char *readonly[] = { (char *)"/proc/sys" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	s.root.readonly = 1;
	s.linux_.maskedpaths = masked;
	s.linux_.n_maskedpaths = 3;
	s.linux_.readonlypaths = readonly;
	s.linux_.n_readonlypaths = 1;
	assert_int_equal(agent_run(&client, "p", &s, &out, NULL, &err), 0);
	assert_string_equal(out.buf, "0\nro\nrw\nsysro\nno\n");
	strbuf_release(&out);
}

void test_bind_mount(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"cat /data/f; touch /data/g 2>/dev/null || echo ro", NULL };
	char *options[] = { (char *)"rbind", (char *)"ro", (char *)"nosuid" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	char dir[96], file[112];
	struct test_spec s;
	FILE *f;

	snprintf(dir, sizeof(dir), "%s/rootfs/tmp", client.dir);
	snprintf(file, sizeof(file), "%s/f", dir);
	f = fopen(file, "we");
	assert_non_null(f);
	fputs("content\n", f);
	fclose(f);
	test_spec_init(&s, &client, args);
	grpc__mount__init(&s.mounts[3]);
	s.mounts[3].type = (char *)"bind";
	s.mounts[3].source = dir;
	s.mounts[3].destination = (char *)"/data";
	s.mounts[3].options = options;
	s.mounts[3].n_options = 3;
	s.mount_list[3] = &s.mounts[3];
	s.spec.n_mounts = 4;
	assert_int_equal(agent_run(&client, "b", &s, &out, NULL, &err), 0);
	assert_string_equal(out.buf, "content\nro\n");
	strbuf_release(&out);
}

void test_storages(void **state)
{
	char *args[] = { (char *)"true", NULL };
	char *options[] = { (char *)"size=1m" };
	Grpc__Storage st = GRPC__STORAGE__INIT, *list[] = { &st };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	s.storages = list;
	s.n_storages = 1;
	st.driver = (char *)"warp";
	st.mount_point = (char *)"/run/kata-containers/st/x";
	assert_int_equal(agent_create(&client, "st", &s, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "container \"st\": storage \"/run/kata-containers/st/x\": "
				     "storage driver \"warp\" is not supported");
	st.mount_point = (char *)"relative";
	assert_int_equal(agent_create(&client, "st", &s, &err), TTRPC_INVALID_ARGUMENT);
	st.mount_point = (char *)"/run/kata-containers/st/x";
	st.driver = (char *)"ephemeral";
	st.fstype = (char *)"tmpfs";
	st.options = options;
	st.n_options = 1;
	assert_int_equal(agent_run(&client, "st", &s, NULL, NULL, &err), 0);
	/* A device that never comes: the wait has an end. */
	st.driver = (char *)"blk";
	st.source = (char *)"1f/1f";
	st.n_options = 0;
	assert_int_equal(agent_create(&client, "st", &s, &err), TTRPC_DEADLINE_EXCEEDED);
	assert_string_equal(err.msg, "container \"st\": storage \"/run/kata-containers/st/x\": "
				     "no block device at PCI path 1f/1f");
}

/* What a packed root file system is made of: a read-only layer below, memory above. */
void test_overlay_root(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"echo new > /etc/written && cat /etc/written && ls /etc", NULL };
	char lower[112], written[128];
	char *options[] = { lower, (char *)"io.katacontainers.fs-opt.overlay-rw" };
	Grpc__Storage st = GRPC__STORAGE__INIT, *list[] = { &st };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	snprintf(lower, sizeof(lower), "lowerdir=%s", s.rootfs);
	snprintf(written, sizeof(written), "%s/etc/written", s.rootfs);
	st.driver = (char *)"overlayfs";
	st.source = st.fstype = (char *)"overlay";
	st.mount_point = s.root.path = (char *)"/run/kata-containers/shared/containers/ov/rootfs";
	st.options = options;
	st.n_options = 2;
	s.storages = list;
	s.n_storages = 1;
	for (int i = 0; i < 2; i++) { /* nothing is left for the second */
		strbuf_reset(&out);
		assert_int_equal(agent_run(&client, "ov", &s, &out, NULL, &err), 0);
		assert_string_equal(out.buf, "new\npasswd\nwritten\n");
	}
	assert_int_equal(access(written, F_OK), -1);
	strbuf_release(&out);
}

static Grpc__Mount *add_mount(struct test_spec *s, const char *type, const char *dest,
			      char **options, size_t n)
{
	Grpc__Mount *m = &s->mounts[s->spec.n_mounts];

	grpc__mount__init(m);
	m->type = m->source = (char *)type;
	m->destination = (char *)dest;
	m->options = options;
	m->n_options = n;
	s->mount_list[s->spec.n_mounts++] = m;
	return m;
}

/* What the default document of `spec` commands asks for. */
void test_usual_mounts(void **state)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"while read a b c d e; do echo \"$b $c ${d%%,*}\"; done < /proc/mounts",
		NULL
	};
	char *shm[] = { (char *)"nosuid", (char *)"noexec", (char *)"nodev", (char *)"mode=1777",
			(char *)"size=65536k" };
	char *ro[] = { (char *)"nosuid", (char *)"noexec", (char *)"nodev", (char *)"relatime",
		       (char *)"ro" };
	static const char *const want[] = { "/proc proc rw\n",
					    "/dev tmpfs rw\n",
					    "/dev/pts devpts rw\n",
					    "/dev/shm tmpfs rw\n",
					    "/dev/mqueue mqueue rw\n",
					    "/sys sysfs ro\n",
					    "/sys/fs/cgroup cgroup2 ro\n" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	add_mount(&s, "tmpfs", "/dev/shm", shm, 5);
	add_mount(&s, "mqueue", "/dev/mqueue", shm, 3);
	add_mount(&s, "sysfs", "/sys", ro, 5);
	add_mount(&s, "cgroup", "/sys/fs/cgroup", ro, 5);
	if (agent_run(&client, "um", &s, &out, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!strstr(out.buf, want[i]))
			fail_msg("no \"%s\" in:\n%s", want[i], out.buf);
	strbuf_release(&out);
}

/* In the guest all controllers are there; on a hybrid host those that are missing are left out. */
void test_limits(void **state)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max",
		NULL
	};
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory mem = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;
	int r;

	test_spec_init(&s, &client, args);
	add_mount(&s, "sysfs", "/sys", NULL, 0);
	add_mount(&s, "cgroup2", "/sys/fs/cgroup", NULL, 0);
	mem.limit = 64 << 20;
	pids.limit = 17;
	cpu.quota = 50000;
	cpu.period = 100000;
	res.memory = &mem;
	res.pids = &pids;
	res.cpu = &cpu;
	s.linux_.resources = &res;
	if (agent_client_in_guest())
		s.linux_.cgroupspath = (char *)"/kata/limits";
	r = agent_run(&client, "lim", &s, &out, NULL, &err);
	if (agent_client_in_guest()) {
		assert_int_equal(r, 0);
		assert_string_equal(out.buf, "67108864\n17\n50000 100000\n");
	} else if (r < 0) {
		fail_msg("%s", err.msg);
	}
	strbuf_release(&out);
}

void test_device_rules(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"cat /dev/null && echo null; mknod /dev/k c 1 11 && echo made;"
				 "head -c1 /dev/k >/dev/null 2>&1 || echo denied",
			 NULL };
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxDeviceCgroup rule = GRPC__LINUX_DEVICE_CGROUP__INIT, *rules[] = { &rule };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	rule.type = (char *)"a";
	rule.major = rule.minor = -1;
	rule.access = (char *)"rwm";
	res.devices = rules;
	res.n_devices = 1;
	s.linux_.resources = &res;
	if (agent_run(&client, "dr", &s, &out, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(out.buf, "null\nmade\ndenied\n");
	strbuf_release(&out);
}

void test_user_namespace(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"id -u; cat /proc/self/uid_map | wc -l; "
				 "test -c /dev/null && echo dev",
			 NULL };
	Grpc__LinuxIDMapping map = GRPC__LINUX_IDMAPPING__INIT, *maps[] = { &map };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;
	int r;

	test_spec_init(&s, &client, args);
	map.hostid = 100000;
	map.size = 65536;
	s.linux_.uidmappings = s.linux_.gidmappings = maps;
	s.linux_.n_uidmappings = s.linux_.n_gidmappings = 1;
	grpc__linux_namespace__init(&s.ns[4]);
	s.ns[4].type = (char *)"user";
	s.ns_list[4] = &s.ns[4];
	s.linux_.n_namespaces = 5;
	r = agent_run(&client, "u", &s, &out, NULL, &err);
	if (r < 0)
		print_message("%s\n", err.msg);
	assert_int_equal(r, 0);
	assert_string_equal(out.buf, "0\n1\ndev\n");
	strbuf_release(&out);
}

void test_seccomp(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"mkdir /tmp/x 2>&1; grep -c 'Seccomp:.2' /proc/self/status",
			 NULL };
	char *names[] = { (char *)"mkdir", (char *)"mkdirat", (char *)"no_such_call" };
	Grpc__LinuxSeccomp sc = GRPC__LINUX_SECCOMP__INIT;
	Grpc__LinuxSyscall call = GRPC__LINUX_SYSCALL__INIT, *calls[] = { &call };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	sc.defaultaction = (char *)"SCMP_ACT_ALLOW";
	call.names = names;
	call.n_names = 3;
	call.action = (char *)"SCMP_ACT_ERRNO";
	call.errno_ret_case = GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	call.errnoret = ENOTDIR;
	sc.syscalls = calls;
	sc.n_syscalls = 1;
	s.linux_.seccomp = &sc;
	for (int nnp = 0; nnp < 2; nnp++) {
		s.process.nonewprivileges = nnp;
		if (agent_run(&client, "sc", &s, &out, NULL, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(out.buf,
				    "mkdir: can't create directory '/tmp/x': Not a directory\n1\n");
		strbuf_reset(&out);
	}
	strbuf_release(&out);
}

/* Each kind leaves its name, the container's id and the status that it read; the file is the sandbox's. */
void test_hooks(void **state)
{
	static const char *const names[] = { "prestart", "createruntime", "createcontainer" };
	char *args[] = { (char *)"true", NULL };
	char script[3][512], path[256], *argv[3][4];
	Grpc__Hook hook[3], *list[3];
	Grpc__Hooks hooks = GRPC__HOOKS__INIT;
	struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	snprintf(path, sizeof(path), "%s/hooks", client.dir);
	for (int i = 0; i < 3; i++) {
		grpc__hook__init(&hook[i]);
		list[i] = &hook[i];
		snprintf(script[i], sizeof(script[i]),
			 "s=$(cat); case $s in *'\"id\":\"hk\"'*creating*) echo %s >> %s;; esac",
			 names[i], path);
		argv[i][0] = (char *)"sh";
		argv[i][1] = (char *)"-c";
		argv[i][2] = script[i];
		hook[i].path = (char *)"/bin/sh";
		hook[i].args = argv[i];
		hook[i].n_args = 3;
		hook[i].timeout = 10;
	}
	hooks.prestart = &list[0];
	hooks.createruntime = &list[1];
	hooks.createcontainer = &list[2];
	hooks.n_prestart = hooks.n_createruntime = hooks.n_createcontainer = 1;
	s.spec.hooks = &hooks;
	if (agent_run(&client, "hk", &s, NULL, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
	assert_string_equal(text.buf, "prestart\ncreateruntime\ncreatecontainer\n");
	strbuf_release(&text);
	snprintf(script[1], sizeof(script[1]), "echo went wrong >&2; exit 9");
	assert_int_equal(agent_create(&client, "hk", &s, &err), TTRPC_INTERNAL);
	assert_non_null(strstr(err.msg, "createRuntime hook /bin/sh: exit status 9: went wrong"));
}
