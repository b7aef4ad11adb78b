/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/fd.h"
#include "selfcheck/selfcheck.h"

/* Namespaces, /proc and /dev, memory, messages. */

static int base(struct error *err)
{
	struct utsname u;

	if (uname(&u) < 0 || !strstr(u.version, "SMP"))
		return error_set(err, -EBADMSG, "not an SMP kernel: %s", u.version);
	if (access("/proc/modules", F_OK) == 0)
		return error_set(err, -EEXIST, "modules can be loaded");
	return check_write("/proc/sys/kernel/pid_max", "4194304", err);
}

static int procfs(struct error *err)
{
	_cleanup_fd_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t page;
	char path[64];

	if (fd < 0 || pread(fd, &page, sizeof(page), 0) != sizeof(page))
		return error_sys(err, -errno, "/proc/self/pagemap");
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	if (access(path, R_OK) < 0)
		return error_sys(err, -errno, "%s", path);
	return check_write("/proc/sys/vm/overcommit_memory", "0", err);
}

static int devtmpfs(struct error *err)
{
	struct stat st;

	if (stat("/dev/null", &st) < 0 || !S_ISCHR(st.st_mode))
		return error_sys(err, -errno, "/dev/null");
	return check_has("/proc/mounts", " /dev devtmpfs ")
		       ? 0
		       : error_set(err, -ENOENT, "/dev is no devtmpfs");
}

/* Each enters a namespace and looks whether it is alone there; the exit code tells what failed. */
static int in_uts(void *arg)
{
	struct utsname u;

	return unshare(CLONE_NEWUTS) < 0 ? 1
					 : sethostname("inner", 5) < 0 || uname(&u) < 0 ||
						   strcmp(u.nodename, "inner") != 0;
}

static int in_ipc(void *arg)
{
	return unshare(CLONE_NEWIPC) < 0 ? 1 : msgget(*(key_t *)arg, 0) >= 0 || errno != ENOENT;
}

static int is_first(void *arg)
{
	return getpid() != 1;
}

static int in_pid(void *arg)
{
	return unshare(CLONE_NEWPID) < 0 ? 1 : check_in_child(is_first, NULL) != 0;
}

static int in_net(void *arg)
{
	return unshare(CLONE_NEWNET) < 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	       access("/sys/class/net/lo", F_OK) < 0 || access("/sys/class/net/sc0", F_OK) == 0;
}

static int in_mount(void *arg)
{
	return unshare(CLONE_NEWNS) < 0 || mount("in", "/tmp", "tmpfs", 0, NULL) < 0 ||
	       access("/tmp/outside", F_OK) == 0;
}

static int in_cgroup(void *arg)
{
	char text[4096];

	if (check_write("/tmp/cgroup/scns/cgroup.procs", "0", NULL) < 0)
		return 2;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return 3;
	if (check_read("/proc/self/cgroup", text, sizeof(text)) < 0)
		return 4;
	return !strstr(text, "0::/") || strstr(text, "scns");
}

static int namespaces(struct error *err)
{
	key_t key = 0x5c;
	const struct {
		const char *name;
		int (*fn)(void *arg);
	} all[] = {
		{ "uts", in_uts }, { "ipc", in_ipc },	{ "pid", in_pid },
		{ "net", in_net }, { "mnt", in_mount }, { "cgroup", in_cgroup },
	};
	struct utsname u;

	mkdir("/tmp/outside", 0700);
	if (check_mount("cgroup2", "/tmp/cgroup", "cgroup2", NULL, err) < 0)
		return err->code;
	if (mkdir("/tmp/cgroup/scns", 0755) < 0)
		return error_sys(err, -errno, "cgroup");
	if (msgget(key, IPC_CREAT | 0600) < 0)
		return error_sys(err, -errno, "message queue");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const int code = check_in_child(all[i].fn, &key);

		if (code)
			return error_set(err, -EBADMSG, "%s namespace does not work (%d)",
					 all[i].name, code);
	}
	rmdir("/tmp/cgroup/scns");
	return uname(&u) == 0 && strcmp(u.nodename, "inner") != 0
		       ? 0
		       : error_set(err, -EBADMSG, "the host name came out");
}

static int in_user(void *arg)
{
	struct error *err = arg;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return 1;
	/* Written from inside: one id, that of the caller. */
	if (check_write("/proc/self/setgroups", "deny", err) < 0 ||
	    check_write("/proc/self/uid_map", "0 1000 1", err) < 0 ||
	    check_write("/proc/self/gid_map", "0 1000 1", err) < 0)
		return 2;
	return getuid() != 0 ? 3 : mount("in", "/tmp", "tmpfs", 0, NULL) < 0 ? 4 : 0;
}

static int as_user(void *arg)
{
	/* Becoming another user hides /proc/self from the process, as with a program that is set-uid. */
	return setgid(1000) < 0 || setuid(1000) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0
		       ? 9
		       : check_in_child(in_user, arg);
}

static int user_namespace(struct error *err)
{
	const int code = check_in_child(as_user, err);

	return code ? error_set(err, -EBADMSG, "as user 1000: step %d failed", code) : 0;
}

static int is_later(void *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - ((struct timespec *)arg)->tv_sec < 100000;
}

static int time_namespace(struct error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (unshare(CLONE_NEWTIME) < 0)
		return error_sys(err, -errno, "unshare");
	if (check_write("/proc/self/timens_offsets", "monotonic 100000 0", err) < 0)
		return err->code;
	return check_in_child(is_later, &now)
		       ? error_set(err, -EBADMSG, "the clock is not the namespace's")
		       : 0;
}

static int messages(struct error *err)
{
	_cleanup_fd_ int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char line[1024] = "";

	if (fd < 0 || read(fd, line, sizeof(line) - 1) <= 0)
		return error_sys(err, -errno, "/dev/kmsg");
	/* "PRIORITY,SEQUENCE,MICROSECONDS,-;text" */
	return strchr(line, ';') ? 0 : error_set(err, -EBADMSG, "/dev/kmsg: %.80s", line);
}

static int traces(struct error *err)
{
	return check_has("/proc/kallsyms", " T ") || check_has("/proc/kallsyms", " t ")
		       ? 0
		       : error_set(err, -ENOENT, "/proc/kallsyms has no functions");
}

static int panic_on_oops(struct error *err)
{
	return check_text("/proc/sys/kernel/panic_on_oops", "1", err);
}

static int sysrq(struct error *err)
{
	int r = check_text("/proc/sys/kernel/sysrq", "0", err);

	return r < 0 ? r : check_write("/proc/sysrq-trigger", "s", err);
}

static int initrd(struct error *err)
{
	return access("/images", F_OK) == 0
		       ? 0
		       : error_sys(err, -errno, "/images of the gzip part of the initrd");
}

static int initrd_zstd(struct error *err)
{
	return access("/zstd", F_OK) == 0
		       ? 0
		       : check_absent(err, "no part of this initrd is compressed with zstd");
}

static int terminals(struct error *err)
{
	_cleanup_fd_ int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tty = -1;
	char name[64], text[8] = "";

	if (pty < 0 || grantpt(pty) < 0 || unlockpt(pty) < 0 || ptsname_r(pty, name, sizeof(name)))
		return error_sys(err, -errno, "pseudo-terminal");
	tty = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0 || write(pty, "hello\n", 6) != 6 || read(tty, text, sizeof(text) - 1) != 6)
		return error_sys(err, -errno, "%s", name);
	return strcmp(text, "hello\n") == 0
		       ? 0
		       : error_set(err, -EBADMSG, "%s gives other bytes", name);
}

static int memory(struct error *err)
{
	_cleanup_fd_ int fd = memfd_create("check", MFD_CLOEXEC);
	int r;

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return error_sys(err, -errno, "memfd");
	r = check_write("/proc/sys/vm/compact_memory", "1", err);
	if (r < 0)
		return r;
	return check_has("/proc/vmstat", "pgfault ")
		       ? 0
		       : error_set(err, -ENOENT, "/proc/vmstat has no counters");
}

#define HUGE_SIZE_MAX ((size_t)16 << 20)

static int huge_pages(struct error *err)
{
	char text[8192];
	const char *at;
	unsigned long kib = 0;
	void *p;

	if (check_read("/proc/meminfo", text, sizeof(text)) < 0)
		return error_set(err, -EIO, "/proc/meminfo");
	at = strstr(text, "Hugepagesize:");
	if (!at || sscanf(at, "Hugepagesize: %lu", &kib) != 1)
		return check_absent(err, "this processor has no huge pages for this kernel");
	if (check_write("/proc/sys/vm/nr_hugepages", "2", err) < 0)
		return err->code;
	if (check_mount("huge", "/tmp/huge", "hugetlbfs", NULL, err) < 0)
		return err->code;
	p = mmap(NULL, kib << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		 -1, 0);
	if (p == MAP_FAILED)
		return error_sys(err, -errno, "a huge page of %lu KiB", kib);
	*(volatile char *)p = 1;
	munmap(p, kib << 10);
	check_write("/proc/sys/vm/nr_hugepages", "0", NULL);
	p = mmap(NULL, HUGE_SIZE_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || madvise(p, HUGE_SIZE_MAX, MADV_HUGEPAGE) < 0)
		return error_sys(err, -errno, "madvise(MADV_HUGEPAGE)");
	/* The default, but for a machine of less than 512 MiB, which begins without. */
	check_write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise", NULL);
	return check_has("/sys/kernel/mm/transparent_hugepage/enabled", "[madvise]")
		       ? 0
		       : error_set(err, -EBADMSG, "transparent huge pages are not on request");
}

static int ikconfig(struct error *err)
{
	_cleanup_fd_ int fd = open("/proc/config.gz", O_RDONLY | O_CLOEXEC);
	uint8_t magic[2] = { 0 };

	if (fd < 0 || fd_read_full(fd, magic, sizeof(magic)) < 0)
		return error_sys(err, -errno, "/proc/config.gz");
	/* gzip, RFC 1952 */
	return magic[0] == 0x1f && magic[1] == 0x8b
		       ? 0
		       : error_set(err, -EBADMSG, "/proc/config.gz is no gzip");
}

static int tracing(struct error *err)
{
	if (check_mount("tracefs", "/tmp/t", "tracefs", NULL, err) < 0 ||
	    check_write("/tmp/t/current_tracer", "function", err) < 0)
		return err->code;
	return check_write("/tmp/t/current_tracer", "nop", err) < 0
		       ? err->code
		       : check_write("/tmp/t/uprobe_events", "p:sc /init:0x1000", err);
}

const struct selfcheck base_checks[] = {
	{ .feature = "base", .run = base },
	{ .feature = "procfs", .run = procfs },
	{ .feature = "devtmpfs", .run = devtmpfs },
	{ .feature = "namespaces", .run = namespaces },
	{ .feature = "user-namespace", .run = user_namespace },
	{ .feature = "time-namespace", .run = time_namespace },
	{ .feature = "messages", .run = messages },
	{ .feature = "traces", .run = traces },
	{ .feature = "panic-on-oops", .run = panic_on_oops },
	{ .feature = "sysrq", .run = sysrq },
	{ .feature = "initrd", .run = initrd },
	{ .feature = "initrd-zstd", .run = initrd_zstd },
	{ .feature = "terminals", .run = terminals },
	{ .feature = "memory", .run = memory },
	{ .feature = "huge-pages", .run = huge_pages },
	{ .feature = "ikconfig", .run = ikconfig },
	{ .feature = "tracing", .run = tracing },
	{ .feature = NULL },
};
