/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "hypervisor/hypervisor.h"

static char path[] = "/tmp/test_kernel_check.XXXXXX";

/* A kernel of 4 KiB with one segment of notes at 1024. */
struct kernel {
	union {
		uint8_t b[4096];
		Elf64_Ehdr eh;
	};
};

static void make(struct kernel *k, uint32_t note_type)
{
	Elf64_Phdr ph[2] = {
		{ .p_type = PT_LOAD, .p_offset = 0, .p_filesz = 4096 },
		{ .p_type = PT_NOTE, .p_offset = 1024, .p_filesz = 20 + 16 },
	};
	/* an owner that is no Xen first, then the note in question */
	uint32_t notes[] = { 4, 0, note_type, 0x00554e47, 4, 4, note_type, 0x006e6558, 0x1000000 };

	memset(k, 0, sizeof(*k));
	memcpy(k->eh.e_ident, ELFMAG, SELFMAG);
	k->eh.e_ident[EI_CLASS] = ELFCLASS64;
	k->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	k->eh.e_type = ET_EXEC;
	k->eh.e_machine = EM_X86_64;
	k->eh.e_phoff = 64;
	k->eh.e_phnum = 2;
	k->eh.e_phentsize = sizeof(Elf64_Phdr);
	memcpy(k->b + 64, ph, sizeof(ph));
	memcpy(k->b + 1024, notes, sizeof(notes));
}

static int check(const struct kernel *k, size_t len, struct error *err)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), r;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, k->b, len), 0);
	fd_close(fd);
	error_clear(err);
	r = vm_check_kernel(path, err);
	assert_int_equal(r, err->code);
	return r;
}

/* The message: `front`, the path, `back`. */
static void rejected(const struct kernel *k, size_t len, const char *front, const char *back)
{
	struct error err = ERROR_INIT;
	char want[256];

	snprintf(want, sizeof(want), "%s%s%s", front, path, back);
	assert_int_equal(check(k, len, &err), -EINVAL);
	assert_string_equal(err.msg, want);
}

static void test_elf(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel k;
	Elf64_Phdr ph;

	make(&k, 18);
	assert_int_equal(check(&k, sizeof(k), &err), 0);
	make(&k, 17);
	rejected(&k, sizeof(k),
		 "kernel: ", ": kernel without a PVH entry note (it needs CONFIG_PVH=y)");
	make(&k, 18);
	rejected(&k, 2000, "kernel: ", ": the file is cut off");
	rejected(&k, 100, "kernel ", ": file of 100 bytes is no kernel");
	k.eh.e_machine = EM_AARCH64;
	rejected(&k, sizeof(k), "kernel: ", ": kernel is for aarch64, this machine is x86_64");
	make(&k, 18);
	k.eh.e_ident[EI_CLASS] = ELFCLASS32;
	k.eh.e_machine = EM_386;
	rejected(&k, sizeof(k),
		 "kernel: ", ": kernel is for i386 (32-bit), this machine is x86_64");
	make(&k, 18);
	k.eh.e_type = ET_REL;
	rejected(&k, sizeof(k), "kernel: ", ": ELF file, but no executable kernel");
	make(&k, 18);
	k.eh.e_phnum = 1000;
	rejected(&k, sizeof(k), "kernel: ", ": ELF file with a bad program header table");
	make(&k, 18);
	k.eh.e_phoff = UINT64_MAX - 8;
	rejected(&k, sizeof(k), "kernel: ", ": the file is cut off");
	/* notes that end in the middle of one */
	make(&k, 18);
	memcpy(&ph, k.b + 64 + sizeof(ph), sizeof(ph));
	ph.p_filesz = 30;
	memcpy(k.b + 64 + sizeof(ph), &ph, sizeof(ph));
	rejected(&k, sizeof(k),
		 "kernel: ", ": kernel without a PVH entry note (it needs CONFIG_PVH=y)");
	ph.p_filesz = UINT64_MAX;
	memcpy(k.b + 64 + sizeof(ph), &ph, sizeof(ph));
	rejected(&k, sizeof(k), "kernel: ", ": the file is cut off");
}

static void test_others(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel k = { 0 };

	rejected(&k, sizeof(k), "kernel ", ": neither a vmlinux nor a bzImage");
	memcpy(k.b + 0x202, "HdrS", 4);
	assert_int_equal(check(&k, sizeof(k), &err), 0);
	assert_int_equal(vm_check_kernel("/nonexistent/vmlinux", &err), -ENOENT);
	assert_string_equal(err.msg, "kernel /nonexistent/vmlinux: No such file or directory");
	assert_int_equal(vm_check_kernel("/dev", &err), -EINVAL);
	assert_string_equal(err.msg, "kernel /dev: not a regular file");
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 || close(fd);
}

static int teardown(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
