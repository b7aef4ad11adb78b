/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hypervisor.h"

#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"

/*
 * Boot formats. bzImage: "HdrS" at 0x202 (Linux, Documentation/x86/boot.rst). PVH: an ELF note of owner "Xen", type 18
 * (Xen, public/elfnote.h, XEN_ELFNOTE_PHYS32_ENTRY), which holds the 32-bit entry point.
 */
#define BZ_MAGIC_OFFSET	   0x202
#define PVH_NOTE_TYPE	   18
#define KERNEL_MAX_PHDRS   64
#define KERNEL_MAX_NOTES   (64u << 10) /* bytes of one note segment */
#define KERNEL_MIN_BZIMAGE 0x400

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#define HOST_NAME    "x86_64"
#define NEEDS_PVH    1
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#define HOST_NAME    "aarch64"
#define NEEDS_PVH    0
#elif defined(__powerpc64__)
#define HOST_MACHINE EM_PPC64
#define HOST_NAME    "ppc64le"
#define NEEDS_PVH    0
#elif defined(__s390x__)
#define HOST_MACHINE EM_S390
#define HOST_NAME    "s390x"
#define NEEDS_PVH    0
#endif

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "arm";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	case EM_RISCV:
		return "riscv";
	default:
		return "an unknown architecture";
	}
}

/* Is the PVH note in this block of notes? */
static bool has_pvh_note(const uint8_t *p, size_t len)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		uint64_t name, desc;

		memcpy(&n, p, sizeof(n));
		name = ((uint64_t)n.n_namesz + 3) & ~3ULL;
		desc = ((uint64_t)n.n_descsz + 3) & ~3ULL;
		p += sizeof(n);
		len -= sizeof(n);
		if (name > len || desc > len - name)
			return false;
		if (n.n_type == PVH_NOTE_TYPE && n.n_namesz == 4 && !memcmp(p, "Xen", 4) &&
		    n.n_descsz >= 4)
			return true;
		p += name + desc;
		len -= name + desc;
	}
	return false;
}

/* 1: found, 0: not in this segment, -errno. */
static int check_notes(int fd, const Elf64_Phdr *ph, const char *path, struct error *err)
{
	_cleanup_free_ uint8_t *buf = NULL;
	int r;

	if (ph->p_filesz > KERNEL_MAX_NOTES)
		return error_set(err, -EINVAL, "%s: notes of %llu bytes", path,
				 (unsigned long long)ph->p_filesz);
	buf = malloc(ph->p_filesz + 1);
	if (!buf)
		return error_oom(err);
	r = fd_pread_full(fd, buf, ph->p_filesz, (off_t)ph->p_offset);
	if (r < 0)
		return error_set(err, -EINVAL, "%s: the file is cut off", path);
	return has_pvh_note(buf, ph->p_filesz);
}

static int check_elf(int fd, const Elf64_Ehdr *eh, off_t size, const char *path, struct error *err)
{
	bool pvh = false;

	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != HOST_MACHINE)
		return error_set(err, -EINVAL, "%s: kernel is for %s%s, this machine is " HOST_NAME,
				 path, machine_name(eh->e_machine),
				 eh->e_ident[EI_CLASS] != ELFCLASS64 ? " (32-bit)" : "");
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return error_set(err, -EINVAL, "%s: ELF file, but no executable kernel", path);
	if (!eh->e_phnum || eh->e_phnum > KERNEL_MAX_PHDRS || eh->e_phentsize != sizeof(Elf64_Phdr))
		return error_set(err, -EINVAL, "%s: ELF file with a bad program header table",
				 path);
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;
		uint64_t at, end;
		int r;

		if (__builtin_add_overflow(eh->e_phoff, (uint64_t)i * sizeof(ph), &at) ||
		    at > INT64_MAX || fd_pread_full(fd, &ph, sizeof(ph), (off_t)at) < 0)
			return error_set(err, -EINVAL, "%s: the file is cut off", path);
		if ((ph.p_type == PT_LOAD || ph.p_type == PT_NOTE) &&
		    (__builtin_add_overflow(ph.p_offset, ph.p_filesz, &end) ||
		     end > (uint64_t)size))
			return error_set(err, -EINVAL, "%s: the file is cut off", path);
		if (ph.p_type != PT_NOTE || pvh)
			continue;
		r = check_notes(fd, &ph, path, err);
		if (r < 0)
			return r;
		pvh = r > 0;
	}
	if (NEEDS_PVH && !pvh)
		return error_set(err, -EINVAL,
				 "%s: kernel without a PVH entry note (it needs CONFIG_PVH=y)",
				 path);
	return 0;
}

int vm_check_kernel(const char *path, struct error *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	union {
		Elf64_Ehdr eh;
		uint8_t b[KERNEL_MIN_BZIMAGE];
	} head = { 0 };
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return error_sys(err, -errno, "kernel %s", path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "kernel %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "kernel %s: not a regular file", path);
	n = pread(fd, head.b, sizeof(head.b), 0);
	if (n < 0)
		return error_sys(err, -errno, "kernel %s", path);
	if (n < (ssize_t)sizeof(head.b))
		return error_set(err, -EINVAL, "kernel %s: file of %zd bytes is no kernel", path,
				 n);
	if (!memcmp(head.eh.e_ident, ELFMAG, SELFMAG))
		return check_elf(fd, &head.eh, st.st_size, path, err) < 0
			       ? error_prefix(err, "kernel")
			       : 0;
#if defined(__x86_64__)
	if (!memcmp(head.b + BZ_MAGIC_OFFSET, "HdrS", 4))
		return 0;
#elif defined(__aarch64__)
	/* Image: "ARM\x64" at 56 (Linux, Documentation/arm64/booting.rst). */
	if (!memcmp(head.b + 56, "ARM\x64", 4))
		return 0;
#endif
	return error_set(err, -EINVAL, "kernel %s: neither a vmlinux nor a bzImage", path);
}
