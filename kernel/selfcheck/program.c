/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <asm/ldt.h>
#include <asm/unistd.h>
#include <sys/io.h>
#endif
#include "base/fd.h"
#include "selfcheck/selfcheck.h"

/* System calls, BPF, io_uring, perf, binary formats. */

/* A descriptor that is only wanted to exist. */
static bool opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool uses_futex(void)
{
	int word = 1;

	/* It is not 0: the call comes back at once. */
	return syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0) < 0 && errno == EAGAIN;
}

static bool uses_aio(void)
{
	aio_context_t context = 0;

	return syscall(SYS_io_setup, 1, &context) == 0 && syscall(SYS_io_destroy, context) == 0;
}

static bool uses_handle(void)
{
	union {
		struct file_handle head;
		char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .head = { .handle_bytes = MAX_HANDLE_SZ } };
	int id;

	return name_to_handle_at(AT_FDCWD, "/tmp", &h.head, &id, 0) == 0;
}

static bool uses_locks(void)
{
	_cleanup_fd_ int fd = open("/tmp/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = { .l_type = F_WRLCK };

	return flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &lock) == 0;
}

static bool uses_timers(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &none, &timer) == 0 && timer_delete(timer) == 0;
}

static bool uses_mqueue(void)
{
	const mqd_t q = mq_open("/sc", O_RDWR | O_CREAT, 0600, NULL);

	return q >= 0 && mq_send(q, "m", 1, 0) == 0 && mq_unlink("/sc") == 0;
}

static bool uses_sysvipc(void)
{
	return msgget(IPC_PRIVATE, 0600) >= 0 && semget(IPC_PRIVATE, 1, 0600) >= 0 &&
	       shmget(IPC_PRIVATE, 4096, 0600) >= 0;
}

static bool uses_dnotify(void)
{
	_cleanup_fd_ int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	signal(SIGIO, SIG_IGN);
	return fcntl(fd, F_NOTIFY, DN_CREATE) == 0;
}

static bool uses_process_vm(void)
{
	int from = 7, to = 0;
	const struct iovec l = { &to, sizeof(to) }, r = { &from, sizeof(from) };

	return process_vm_readv(getpid(), &l, 1, &r, 1, 0) == sizeof(to) && to == 7;
}

static bool uses_keys(void)
{
	return syscall(SYS_add_key, "user", "sc", "k", 1, KEY_SPEC_PROCESS_KEYRING) > 0;
}

static bool uses_epoll(void)
{
	return opened(epoll_create1(EPOLL_CLOEXEC));
}

static bool uses_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	return opened(signalfd(-1, &set, SFD_CLOEXEC));
}

static bool uses_timerfd(void)
{
	return opened(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
}

static bool uses_eventfd(void)
{
	return opened(eventfd(0, EFD_CLOEXEC));
}

static bool uses_fadvise(void)
{
	_cleanup_fd_ int fd = open("/features", O_RDONLY | O_CLOEXEC);

	return posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED) == 0;
}

static bool uses_membarrier(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) > 0;
}

static bool uses_rseq(void)
{
	/* The C library has registered this thread, or it is a wrong argument: only a kernel without says ENOSYS. */
	return syscall(SYS_rseq, NULL, 0, 0, 0) < 0 && errno != ENOSYS;
}

static bool uses_kcmp(void)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0) == 0;
}

static bool uses_inotify(void)
{
	_cleanup_fd_ int fd = inotify_init1(IN_CLOEXEC);

	return inotify_add_watch(fd, "/tmp", IN_CREATE) >= 0;
}

static bool uses_fanotify(void)
{
	_cleanup_fd_ int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);

	return fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "/tmp") == 0;
}

static bool uses_userfaultfd(void)
{
	return opened((int)syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int dies(void *arg)
{
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (chdir("/tmp") < 0 || setrlimit(RLIMIT_CORE, &no_limit) < 0)
		return 1;
	abort();
}

static bool dumps_core(void)
{
	struct stat st;

	check_write("/proc/sys/kernel/core_pattern", "core", NULL);
	check_in_child(dies, NULL);
	return (stat("/tmp/core", &st) == 0 && st.st_size > 0) ||
	       check_entry("/tmp", "core.", NULL, 0);
}

static int syscalls(struct error *err)
{
	static const struct {
		const char *name;
		bool (*use)(void);
	} all[] = {
		{ "futex", uses_futex },
		{ "epoll", uses_epoll },
		{ "signalfd", uses_signalfd },
		{ "timerfd", uses_timerfd },
		{ "eventfd", uses_eventfd },
		{ "aio", uses_aio },
		{ "fadvise", uses_fadvise },
		{ "membarrier", uses_membarrier },
		{ "rseq", uses_rseq },
		{ "kcmp", uses_kcmp },
		{ "name_to_handle_at", uses_handle },
		{ "file locks", uses_locks },
		{ "timer_create", uses_timers },
		{ "POSIX message queue", uses_mqueue },
		{ "System V IPC", uses_sysvipc },
		{ "inotify", uses_inotify },
		{ "fanotify", uses_fanotify },
		{ "dnotify", uses_dnotify },
		{ "userfaultfd", uses_userfaultfd },
		{ "process_vm_readv", uses_process_vm },
		{ "keys", uses_keys },
		{ "core dump", dumps_core },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		errno = 0;
		if (!all[i].use())
			return error_sys(err, -errno, "%s", all[i].name);
	}
	return 0;
}

/* One request that does nothing goes through the rings. */
static int io_uring(struct error *err)
{
	struct io_uring_params p = { 0 };
	_cleanup_fd_ int fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	struct io_uring_sqe *entries;
	char *ring;
	size_t size;

	if (fd < 0)
		return error_sys(err, -errno, "io_uring_setup");
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		return error_set(err, -EBADMSG, "the rings are not one area");
	size = MAX(p.sq_off.array + p.sq_entries * sizeof(uint32_t),
		   p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe));
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    IORING_OFF_SQ_RING);
	entries = mmap(NULL, p.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	if (ring == MAP_FAILED || entries == MAP_FAILED)
		return error_sys(err, -errno, "rings");
	entries[0] = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = 0x5c };
	((uint32_t *)(ring + p.sq_off.array))[0] = 0;
	__atomic_store_n((uint32_t *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return error_sys(err, -errno, "io_uring_enter");
	return ((struct io_uring_cqe *)(ring + p.cq_off.cqes))[0].user_data == 0x5c
		       ? 0
		       : error_set(err, -EBADMSG, "no completion");
}

static int bpf_call(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A map, and a program that is run once: it returns 42. */
static int bpf(struct error *err)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 42 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4, .max_entries = 2
	};
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				.insn_cnt = ARRAY_SIZE(code),
				.insns = (uintptr_t)code,
				.license = (uintptr_t) "GPL" };
	union bpf_attr run = { .test = { .data_size_in = 64 } }, put = { 0 };
	_cleanup_fd_ int map_fd = bpf_call(BPF_MAP_CREATE, &map), prog = -1;
	uint32_t key = 1, value = 2;
	char packet[64] = "";

	if (map_fd < 0)
		return error_sys(err, -errno, "map");
	put.map_fd = (uint32_t)map_fd;
	put.key = (uintptr_t)&key;
	put.value = (uintptr_t)&value;
	if (bpf_call(BPF_MAP_UPDATE_ELEM, &put) < 0)
		return error_sys(err, -errno, "map element");
	prog = bpf_call(BPF_PROG_LOAD, &load);
	run.test.prog_fd = (uint32_t)prog;
	run.test.data_in = (uintptr_t)packet;
	if (prog < 0 || bpf_call(BPF_PROG_TEST_RUN, &run) < 0)
		return error_sys(err, -errno, "program");
	if (run.test.retval != 42)
		return error_set(err, -EBADMSG, "the program returned %u", run.test.retval);
	return check_mount("bpf", "/tmp/bpf", "bpf", NULL, err) < 0
		       ? err->code
		       : check_text("/proc/sys/kernel/unprivileged_bpf_disabled", "2", err);
}

static int perf(struct error *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_PAGE_FAULTS };
	_cleanup_fd_ int fd =
		(int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	uint64_t faults = 0;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || p == MAP_FAILED)
		return error_sys(err, -errno, "perf_event_open");
	*(volatile char *)p = 1;
	if (read(fd, &faults, sizeof(faults)) != sizeof(faults) || faults == 0)
		return error_sys(err, -errno, "no page fault was counted");
	return 0;
}

static int runs(void *arg)
{
	execl(arg, arg, (char *)NULL);
	return 1;
}

static int make_program(const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? error_sys(err, -errno, "%s", path) : 0;
}

/* /init is the interpreter of both; outside of PID 1 it ends with 42 (main.c). */
static int binfmt(struct error *err)
{
	int r = make_program("/tmp/script", "#!/init\n", err);

	if (r == 0)
		r = make_program("/tmp/other", "SELFCHECKFORMAT", err);
	if (r == 0)
		r = check_mount("binfmt_misc", "/tmp/b", "binfmt_misc", NULL, err);
	if (r == 0)
		r = check_write("/tmp/b/register", ":selfcheck:M::SELFCHECK::/init:", err);
	if (r == 0 && check_in_child(runs, (void *)"/tmp/script") != 42)
		r = error_set(err, -EBADMSG, "a script does not start its interpreter");
	if (r == 0 && check_in_child(runs, (void *)"/tmp/other") != 42)
		r = error_set(err, -EBADMSG, "a registered format does not start its interpreter");
	check_write("/tmp/b/selfcheck", "-1", NULL);
	return r;
}

#ifdef __x86_64__
static int x86_syscalls(struct error *err)
{
	struct user_desc d = { .entry_number = 0, .limit = 1, .seg_32bit = 1 };
	char maps[8192];
	long key;

	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)) != 0)
		return error_sys(err, -errno, "modify_ldt");
	if (iopl(3) < 0)
		return error_sys(err, -errno, "iopl");
	key = syscall(SYS_pkey_alloc, 0, 0);
	if (key < 0 && errno == ENOSYS)
		return error_sys(err, -errno, "pkey_alloc");
	return check_read("/proc/self/maps", maps, sizeof(maps)) > 0 && strstr(maps, "[vsyscall]")
		       ? 0
		       : error_set(err, -ENOENT, "no vsyscall page");
}
#endif

const struct selfcheck program_checks[] = {
	{ .feature = "syscalls", .run = syscalls },
	{ .feature = "io-uring", .run = io_uring },
	{ .feature = "bpf", .run = bpf },
	{ .feature = "perf", .run = perf },
	{ .feature = "binfmt", .run = binfmt },
#ifdef __x86_64__
	{ .feature = "x86-syscalls", .run = x86_syscalls },
#endif
	{ .feature = NULL },
};
