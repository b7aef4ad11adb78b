/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/genetlink.h>
#include <linux/perf_event.h>
#include <linux/taskstats.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "selfcheck/netlink.h"
#include "selfcheck/selfcheck.h"

/*
 * Control groups: each controller in version 2, then in a hierarchy of version 1. In this order, for a controller that is in use by a
 * hierarchy of version 1 does not come back while anything remembers a group of it (memory: until its pages are gone).
 */

#define V2	 "/tmp/v2"
#define V2_GROUP V2 "/sc"
#define V1	 "/tmp/v1"
#define V1_GROUP V1 "/sc"
#define REBIND_TRIES \
	100 /* of 50 ms: a controller comes back when its other hierarchy is quite gone */

static void wait_50ms(void)
{
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
}

/* Mounts version 1 with one controller, makes a group and writes a value there (file NULL: none). */
static int in_v1(const char *controller, const char *file, const char *value, struct error *err)
{
	char path[128];
	int r = -EBUSY;

	for (int i = 0; i < REBIND_TRIES && r == -EBUSY; i++) {
		r = check_mount("v1", V1, "cgroup", controller, err);
		if (r == -EBUSY) {
			/* The group of version 2 lives as long as pages that were charged to it. */
			check_write("/proc/sys/vm/drop_caches", "3", NULL);
			wait_50ms();
		}
	}
	if (r < 0)
		return r;
	if (mkdir(V1_GROUP, 0755) < 0)
		return error_sys(err, -errno, "cgroup v1 group with %s", controller);
	snprintf(path, sizeof(path), V1_GROUP "/%s", file ? file : "");
	return file ? check_write(path, value, err) : 0;
}

static void leave_v1(void)
{
	rmdir(V1_GROUP);
	umount(V1);
}

/* After version 2 gave r. */
static int then_v1(int r, const char *controller, const char *file, const char *value,
		   struct error *err)
{
	if (r < 0)
		return r;
	r = in_v1(controller, file, value, err);
	leave_v1();
	return r;
}

/* A group of version 2 that has the controller (NULL: none is asked for). */
static int in_v2(const char *controller, struct error *err)
{
	char text[32];

	if (check_mount("v2", V2, "cgroup2", NULL, err) < 0)
		return err->code;
	snprintf(text, sizeof(text), "+%s", controller ? controller : "");
	if (controller && check_write(V2 "/cgroup.subtree_control", text, err) < 0)
		return err->code;
	return mkdir(V2_GROUP, 0755) < 0 ? error_sys(err, -errno, "cgroup v2 group") : 0;
}

static void leave_v2(const char *controller)
{
	char text[32];

	snprintf(text, sizeof(text), "-%s", controller ? controller : "");
	rmdir(V2_GROUP);
	if (controller)
		check_write(V2 "/cgroup.subtree_control", text, NULL);
	umount(V2);
}

static int v2(const char *controller, const char *file, const char *value, struct error *err)
{
	char path[128];
	int r = in_v2(controller, err);

	snprintf(path, sizeof(path), V2_GROUP "/%s", file);
	if (r == 0)
		r = check_write(path, value, err);
	leave_v2(controller);
	return r;
}

static int forks(void *arg)
{
	pid_t pid;

	if (check_write(V2_GROUP "/cgroup.procs", "0", NULL) < 0)
		return 1;
	/* Only this process is allowed. */
	pid = fork();
	if (pid == 0)
		_exit(0);
	return pid < 0 && errno == EAGAIN ? 0 : 2;
}

static int pids(struct error *err)
{
	int r = in_v2("pids", err), code;

	if (r == 0)
		r = check_write(V2_GROUP "/pids.max", "1", err);
	code = r == 0 ? check_in_child(forks, NULL) : 0;
	leave_v2("pids");
	if (code)
		return error_set(err, -EBADMSG, "pids.max is not kept (%d)", code);
	return then_v1(r, "pids", "pids.max", "10", err);
}

#define EAT_BYTES ((size_t)48 << 20)

static int eats(void *arg)
{
	char *p;

	if (check_write(V2_GROUP "/cgroup.procs", "0", NULL) < 0)
		return 1;
	p = mmap(NULL, EAT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED)
		memset(p, 1, EAT_BYTES);
	return 2;
}

static int memory(struct error *err)
{
	int r = in_v2("memory", err), code;

	if (r == 0)
		r = check_write(V2_GROUP "/memory.max", "16777216", err);
	if (r == 0 && (code = check_in_child(eats, NULL)) != 128 + SIGKILL)
		r = error_set(err, -EBADMSG, "memory.max is not kept (%d)", code);
	if (r == 0 && !check_has(V2_GROUP "/memory.events", "oom_kill 1"))
		r = error_set(err, -EBADMSG, "memory.events has no oom_kill");
	leave_v2("memory");
	return then_v1(r, "memory", "memory.limit_in_bytes", "67108864", err);
}

static int cpu(struct error *err)
{
	int r = in_v2("cpu", err);

	if (r == 0)
		r = check_write(V2_GROUP "/cpu.max", "10000 100000", err);
	if (r == 0)
		r = check_write(V2_GROUP "/cpu.weight", "50", err);
	if (r == 0 && !check_has(V2_GROUP "/cpu.stat", "throttled_usec"))
		r = error_set(err, -EBADMSG, "cpu.stat has no throttled_usec");
	leave_v2("cpu");
	return then_v1(r, "cpu,cpuacct", "cpu.cfs_quota_us", "20000", err);
}

static int cpuset(struct error *err)
{
	int r = v2("cpuset", "cpuset.cpus", "0", err);

	r = then_v1(r, "cpuset", "cpuset.cpus", "0", err);
	return r < 0 || access("/proc/self/cpuset", R_OK) == 0
		       ? r
		       : error_sys(err, -errno, "/proc/self/cpuset");
}

static int io(struct error *err)
{
	_cleanup_fd_ int file = check_make_file("/tmp/disk", 1 << 20, err), loop = -1;
	char dev[CHECK_DEV_MAX], limit[64];
	struct stat st;
	int r = file < 0 ? file : check_loop("/tmp/disk", 0, dev, &loop, err);

	if (r < 0)
		return r;
	if (stat(dev, &st) < 0)
		return error_sys(err, -errno, "%s", dev);
	snprintf(limit, sizeof(limit), "%u:%u rbps=1048576", major(st.st_rdev), minor(st.st_rdev));
	r = in_v2("io", err);
	if (r == 0)
		r = check_write(V2_GROUP "/io.max", limit, err);
	if (r == 0)
		r = check_write(V2_GROUP "/io.weight", "default 50", err);
	leave_v2("io");
	snprintf(limit, sizeof(limit), "%u:%u 1048576", major(st.st_rdev), minor(st.st_rdev));
	return then_v1(r, "blkio", "blkio.throttle.read_bps_device", limit, err);
}

static int freezer(struct error *err)
{
	char number[16];
	pid_t pid = fork();
	int r;

	if (pid == 0) {
		for (;;)
			pause();
	}
	snprintf(number, sizeof(number), "%d", (int)pid);
	r = in_v1("freezer", "cgroup.procs", number, err);
	if (r == 0)
		r = check_write(V1_GROUP "/freezer.state", "FROZEN", err);
	for (int i = 0;
	     r == 0 && i < REBIND_TRIES && !check_has(V1_GROUP "/freezer.state", "FROZEN"); i++)
		wait_50ms();
	if (r == 0)
		r = check_text(V1_GROUP "/freezer.state", "FROZEN", err);
	check_write(V1_GROUP "/freezer.state", "THAWED", NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	leave_v1();
	return r;
}

static int hugetlb(struct error *err)
{
	char page[64], file[80];
	int r;

	if (!check_entry("/sys/kernel/mm/hugepages", "hugepages-", page, sizeof(page)))
		return check_absent(err, "this processor has no huge pages for this kernel");
	r = in_v2("hugetlb", err);
	if (r == 0 && !check_entry(V2_GROUP, "hugetlb.", page, sizeof(page)))
		r = error_set(err, -ENOENT, "no hugetlb.SIZE.* in cgroup v2");
	if (r == 0) {
		/* hugetlb.SIZE.ANYTHING */
		snprintf(file, sizeof(file), "%.*s.max", (int)(strcspn(page + 8, ".") + 8), page);
		char path[128];

		snprintf(path, sizeof(path), V2_GROUP "/%s", file);
		r = check_write(path, "0", err);
	}
	leave_v2("hugetlb");
	if (r == 0)
		r = in_v1("hugetlb", NULL, NULL, err);
	if (r == 0 && !check_entry(V1_GROUP, "hugetlb.", NULL, 0))
		r = error_set(err, -ENOENT, "no hugetlb.SIZE.* in cgroup v1");
	leave_v1();
	return r;
}

/* No device is allowed: `return 0`. */
static int load_device_rule(void)
{
	const struct bpf_insn deny[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
				.insn_cnt = ARRAY_SIZE(deny),
				.insns = (uintptr_t)deny,
				.license = (uintptr_t) "GPL" };

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int opens_null(void *arg)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", (const char *)arg);
	if (check_write(path, "0", NULL) < 0)
		return 1;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fd < 0 && errno == EPERM ? 0 : 2;
}

static int devices(struct error *err)
{
	_cleanup_fd_ int prog = load_device_rule(), dir = -1;
	union bpf_attr attr = { .attach_type = BPF_CGROUP_DEVICE };
	int r = in_v1("devices", "devices.deny", "a", err), code = 0;

	if (r == 0)
		code = check_in_child(opens_null, (void *)V1_GROUP);
	leave_v1();
	if (r == 0 && code)
		r = error_set(err, -EBADMSG, "devices.deny is not kept (%d)", code);
	if (r == 0)
		r = in_v2(NULL, err);
	dir = open(V2_GROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	attr.target_fd = (uint32_t)dir;
	attr.attach_bpf_fd = (uint32_t)prog;
	if (r == 0 &&
	    (prog < 0 || dir < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0))
		r = error_sys(err, -errno, "device rule of cgroup v2");
	code = r == 0 ? check_in_child(opens_null, (void *)V2_GROUP) : 0;
	leave_v2(NULL);
	return code ? error_set(err, -EBADMSG, "the device program does not decide (%d)", code) : r;
}

static int misc(struct error *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_TASK_CLOCK };
	_cleanup_fd_ int dir = -1, fd = -1;
	int r = in_v2("misc", err);

	if (r == 0 && access(V2_GROUP "/misc.max", W_OK) < 0)
		r = error_sys(err, -errno, "misc.max");
	leave_v2("misc");
	if (r == 0)
		r = in_v2("rdma", err);
	if (r == 0 && access(V2_GROUP "/rdma.max", W_OK) < 0)
		r = error_sys(err, -errno, "rdma.max");
	dir = open(V2_GROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0) {
		fd = (int)syscall(SYS_perf_event_open, &attr, dir, 0, -1,
				  PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC);
		if (fd < 0)
			r = error_sys(err, -errno, "perf event of a cgroup");
	}
	fd = fd_close(fd);
	dir = fd_close(dir);
	leave_v2("rdma");
	r = then_v1(r, "perf_event", NULL, NULL, err);
	r = then_v1(r, "rdma", NULL, NULL, err);
	return then_v1(r, "misc", NULL, NULL, err);
}

static int net(struct error *err)
{
	int r = then_v1(0, "net_cls", "net_cls.classid", "1048577", err);

	return then_v1(r, "net_prio", "net_prio.ifpriomap", "lo 5", err);
}

static int whole(struct error *err)
{
	int r = in_v2(NULL, err);
	pid_t pid = r == 0 ? fork() : -1;
	int status = 0;

	if (pid == 0) {
		check_write(V2_GROUP "/cgroup.procs", "0", NULL);
		for (;;)
			pause();
	}
	for (int i = 0;
	     pid > 0 && i < REBIND_TRIES && !check_has(V2_GROUP "/cgroup.events", "populated 1");
	     i++)
		wait_50ms();
	if (r == 0)
		r = check_write(V2_GROUP "/cgroup.freeze", "1", err);
	for (int i = 0;
	     r == 0 && i < REBIND_TRIES && !check_has(V2_GROUP "/cgroup.events", "frozen 1"); i++)
		wait_50ms();
	if (r == 0 && !check_has(V2_GROUP "/cgroup.events", "frozen 1"))
		r = error_set(err, -EBADMSG, "cgroup.freeze does not freeze");
	if (r == 0)
		r = check_write(V2_GROUP "/cgroup.kill", "1", err);
	if (r == 0 && waitpid(pid, &status, 0) == pid && !WIFSIGNALED(status))
		r = error_set(err, -EBADMSG, "cgroup.kill does not kill");
	leave_v2(NULL);
	return r;
}

static int psi(struct error *err)
{
	int r;

	if (!check_has("/proc/cmdline", "psi=1"))
		return check_absent(err, "the kernel was started without psi=1");
	if (!check_has("/proc/pressure/cpu", "some avg10="))
		return error_set(err, -EBADMSG, "/proc/pressure/cpu has no figures");
	r = in_v2(NULL, err);
	if (r == 0 && !check_has(V2_GROUP "/memory.pressure", "full avg10="))
		r = error_set(err, -EBADMSG, "memory.pressure has no figures");
	leave_v2(NULL);
	return r;
}

static int taskstats(struct error *err)
{
	struct netlink n;
	uint16_t family = 0;
	uint32_t pid = (uint32_t)getpid();
	const struct genlmsghdr get = { .cmd = TASKSTATS_CMD_GET,
					.version = TASKSTATS_GENL_VERSION };
	int r = netlink_family(TASKSTATS_GENL_NAME, &family, err);

	if (r < 0)
		return r;
	netlink_begin(&n, family, NLM_F_REQUEST, &get, sizeof(get));
	netlink_put(&n, TASKSTATS_CMD_ATTR_PID, &pid, sizeof(pid));
	r = netlink_talk(&n, NETLINK_GENERIC, err);
	if (r < 0)
		return r;
	return n.len > 200 ? 0 : error_set(err, -EBADMSG, "an answer of %zu bytes", n.len);
}

const struct selfcheck cgroup_checks[] = {
	{ .feature = "cgroup", .run = whole },
	{ .feature = "cgroup-memory", .run = memory },
	{ .feature = "cgroup-cpu", .run = cpu },
	{ .feature = "cgroup-cpuset", .run = cpuset },
	{ .feature = "cgroup-io", .run = io },
	{ .feature = "cgroup-pids", .run = pids },
	{ .feature = "cgroup-freezer", .run = freezer },
	{ .feature = "cgroup-hugetlb", .run = hugetlb },
	{ .feature = "cgroup-devices", .run = devices },
	{ .feature = "cgroup-misc", .run = misc },
	{ .feature = "cgroup-net", .run = net },
	{ .feature = "psi", .run = psi },
	{ .feature = "taskstats", .run = taskstats },
	{ .feature = NULL },
};
