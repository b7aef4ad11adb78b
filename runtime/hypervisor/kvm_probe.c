/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hypervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"

#if defined(__x86_64__)
#include <linux/kvm.h>

/*
 * The throw-away guest: 2 MiB of memory mapped one to one by one large page, a loop of 500000 decrements and jumps in long
 * mode, then a write to a port.
 */
#define GUEST_SIZE  (2u << 20)
#define GUEST_PML4  0x1000u
#define GUEST_PDPT  0x2000u
#define GUEST_PD    0x3000u
#define GUEST_CODE  0x8000u
#define LIMIT_MS    50
#define PORT	    0x3f8
#define CR0_PE_PG   0x80050033ULL /* PE MP ET NE WP AM PG */
#define CR4_PAE	    0x20ULL
#define EFER_LME_LA 0x500ULL
#define PTE_PW	    0x3ULL  /* present, writable */
#define PTE_PW_PS   0x83ULL /* and a large page */

static const uint8_t guest_code[] = {
	0xb9, 0x20, 0xa1, 0x07, 0x00, /* mov ecx, 500000 */
	0xff, 0xc9,		      /* dec ecx */
	0x75, 0xfc,		      /* jnz back */
	0xba, 0xf8, 0x03, 0x00, 0x00, /* mov edx, 0x3f8 */
	0xee,			      /* out dx, al */
	0xf4,			      /* hlt */
};

/* How the child's trial ended, as its exit code. */
enum {
	TRIAL_OK,
	TRIAL_NO_VM,
	TRIAL_NO_VCPU,
	TRIAL_NO_LONG_MODE,
	TRIAL_BAD_EXIT,
	TRIAL_MAX,
};
static const char *const trial_text[TRIAL_MAX] = {
	[TRIAL_NO_VM] = "KVM cannot create a virtual machine",
	[TRIAL_NO_VCPU] = "KVM cannot create a virtual CPU",
	[TRIAL_NO_LONG_MODE] = "KVM refuses 64-bit mode",
	[TRIAL_BAD_EXIT] = "KVM does not run 64-bit code",
};

static int set_registers(int vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r = { .rip = GUEST_CODE, .rsp = 0x7000, .rflags = 2 };
	struct kvm_segment cs = {
		.limit = 0xffffffff, .selector = 8, .present = 1, .type = 11, .s = 1, .l = 1, .g = 1
	};
	struct kvm_segment ds = { .limit = 0xffffffff,
				  .selector = 16,
				  .present = 1,
				  .type = 3,
				  .db = 1,
				  .s = 1,
				  .g = 1 };

	if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cr3 = GUEST_PML4;
	s.cr4 = CR4_PAE;
	s.cr0 = CR0_PE_PG;
	s.efer = EFER_LME_LA;
	s.cs = cs;
	s.ds = s.es = s.fs = s.gs = s.ss = ds;
	return ioctl(vcpu, KVM_SET_SREGS, &s) < 0 || ioctl(vcpu, KVM_SET_REGS, &r) < 0 ? -1 : 0;
}

/* Runs in the child; async-signal safe. */
static int trial(int kvm)
{
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_SIZE };
	const uint64_t pml4 = GUEST_PDPT | PTE_PW, pdpt = GUEST_PD | PTE_PW, pd = PTE_PW_PS;
	struct kvm_run *run;
	uint8_t *m;
	int vm, vcpu, size;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return TRIAL_NO_VM;
	m = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return TRIAL_NO_VM;
	memcpy(m + GUEST_PML4, &pml4, sizeof(pml4));
	memcpy(m + GUEST_PDPT, &pdpt, sizeof(pdpt));
	memcpy(m + GUEST_PD, &pd, sizeof(pd));
	memcpy(m + GUEST_CODE, guest_code, sizeof(guest_code));
	region.userspace_addr = (uintptr_t)m;
	/* Intel's hardware without "unrestricted guest" needs a page set aside. */
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return TRIAL_NO_VM;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu < 0 || size < (int)sizeof(*run))
		return TRIAL_NO_VCPU;
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return TRIAL_NO_VCPU;
	if (set_registers(vcpu) < 0)
		return TRIAL_NO_LONG_MODE;
	while (ioctl(vcpu, KVM_RUN, 0) < 0)
		if (errno != EINTR && errno != EAGAIN)
			return TRIAL_BAD_EXIT;
	return run->exit_reason == KVM_EXIT_IO && run->io.port == PORT ? TRIAL_OK : TRIAL_BAD_EXIT;
}

/* Waits for the child's end up to the limit; kills it beyond. 0 and the status, or -ETIMEDOUT. */
static int wait_child(pid_t pid, int done_fd, int *status)
{
	struct pollfd p = { .fd = done_fd, .events = POLLIN };
	int r;

	/* The pipe's write end is closed by the child's death. */
	do
		r = poll(&p, 1, LIMIT_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return r <= 0 ? -ETIMEDOUT : 0;
}

int kvm_probe(struct error *err)
{
	_cleanup_fd_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int fds[2], status = 0, r;
	pid_t pid;

	if (kvm < 0)
		return error_sys(err, -errno, "/dev/kvm");
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return error_set(err, -ENODEV, "/dev/kvm: unknown version of its interface");
	r = fd_pipe(fds, 0);
	if (r < 0)
		return error_sys(err, r, "KVM probe");
	pid = fork();
	if (pid < 0) {
		r = -errno;
		fd_close(fds[0]);
		fd_close(fds[1]);
		return error_sys(err, r, "KVM probe: fork");
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Nothing of the parent's may stay open in a child that hangs: keep these two, then close the rest. */
		int k = fcntl(kvm, F_DUPFD, 5), done = fcntl(fds[1], F_DUPFD, 5);

		dup2(k, 3);
		dup2(done, 4);
		fd_close_from(5);
		_exit(trial(3));
	}
	fd_close(fds[1]);
	r = wait_child(pid, fds[0], &status);
	fd_close(fds[0]);
	if (r == -ETIMEDOUT)
		return error_set(err, -ETIMEDOUT,
				 "KVM emulates guest code: 1 M instructions took over %d ms",
				 LIMIT_MS);
	if (r < 0)
		return error_sys(err, r, "KVM probe");
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= TRIAL_MAX)
		return error_set(err, -ENODEV, "KVM probe: its process ended abnormally");
	if (WEXITSTATUS(status) != TRIAL_OK)
		return error_set(err, -ENODEV, "%s", trial_text[WEXITSTATUS(status)]);
	return 0;
}

#else

int kvm_probe(struct error *err)
{
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return error_sys(err, -errno, "/dev/kvm");
	return 0;
}

#endif
