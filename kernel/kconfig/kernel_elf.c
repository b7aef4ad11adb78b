/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/kernel_elf.h"

#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include "base/alloc.h"
#include "base/strbuf.h"

#define NOTE_PHYS32_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define BANNER_START	  "Linux version "

static void end_elf(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
}

const char *kernel_elf_arch(uint16_t machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "aarch64";
	case EM_PPC64:
		return "ppc64le";
	case EM_S390:
		return "s390x";
	default:
		return NULL;
	}
}

static int bad_elf(struct error *err, const char *what)
{
	return error_set(err, -EINVAL, "damaged ELF file: %s: %s", what, elf_errmsg(-1));
}

/* The descriptor is one address, of 4 or 8 bytes in the byte order of x86. */
static void take_entry(struct kernel_elf *k, const unsigned char *desc, size_t len)
{
	uint64_t v = 0;

	if (len != 4 && len != 8)
		return;
	for (size_t i = len; i-- > 0;)
		v = v << 8 | desc[i];
	k->pvh = true;
	k->pvh_entry = v;
}

static void scan_notes(struct kernel_elf *k, Elf_Data *data)
{
	size_t off = 0, next, name, desc;
	GElf_Nhdr nh;

	while ((next = gelf_getnote(data, off, &nh, &name, &desc)) > 0) {
		const unsigned char *base = data->d_buf;

		if (nh.n_type == NOTE_PHYS32_ENTRY && nh.n_namesz == sizeof("Xen") &&
		    memcmp(base + name, "Xen", sizeof("Xen")) == 0)
			take_entry(k, base + desc, nh.n_descsz);
		off = next;
	}
}

/* linux_banner of init/version.c; the format strings that start alike have no digit there. */
static void scan_banner(struct kernel_elf *k, const char *p, size_t len)
{
	const size_t start = strlen(BANNER_START);
	const char *end = p + len;

	while (!k->banner[0] && (p = memmem(p, (size_t)(end - p), BANNER_START, start))) {
		size_t max = MIN((size_t)(end - p), sizeof(k->banner) - 1);
		size_t n = 0, word;

		while (n < max && p[n] >= 0x20 && p[n] < 0x7f)
			n++;
		if (n > start && p[start] >= '0' && p[start] <= '9') {
			memcpy(k->banner, p, n);
			k->banner[n] = '\0';
			word = strcspn(k->banner + start, " ");
			memcpy(k->release, k->banner + start, word);
			k->release[word] = '\0';
		}
		p += start;
	}
}

static int scan_segment(Elf *elf, struct kernel_elf *k, size_t i, struct error *err)
{
	Elf_Data *data;
	GElf_Phdr ph;

	if (!gelf_getphdr(elf, (int)i, &ph))
		return bad_elf(err, "program header");
	if (ph.p_type == PT_LOAD && (ph.p_flags & PF_W) && (ph.p_flags & PF_X) &&
	    !k->writable_code) {
		k->writable_code = true;
		k->writable_code_at = ph.p_vaddr;
	}
	if ((ph.p_type != PT_NOTE && ph.p_type != PT_LOAD) || ph.p_filesz == 0)
		return 0;
	data = elf_getdata_rawchunk(elf, (int64_t)ph.p_offset, ph.p_filesz,
				    ph.p_type == PT_NOTE ? ELF_T_NHDR : ELF_T_BYTE);
	if (!data)
		return bad_elf(err, "segment");
	if (ph.p_type == PT_NOTE)
		scan_notes(k, data);
	else
		scan_banner(k, data->d_buf, data->d_size);
	return 0;
}

int kernel_elf_read(int fd, struct kernel_elf *ret, struct error *err)
{
	_cleanup_(end_elf) Elf *elf = NULL;
	struct kernel_elf k = { 0 };
	GElf_Ehdr eh;
	size_t n;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return error_set(err, -EINVAL, "libelf: %s", elf_errmsg(-1));
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return bad_elf(err, "open");
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return error_set(err, -ENOEXEC, "not an ELF file");
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return error_set(err, -ENOEXEC, "not an ELF executable (type %u)",
				 (unsigned int)eh.e_type);
	if (elf_getphdrnum(elf, &n) < 0)
		return bad_elf(err, "program headers");
	k.machine = eh.e_machine;
	k.is_64bit = eh.e_ident[EI_CLASS] == ELFCLASS64;
	for (size_t i = 0; i < n; i++) {
		int r = scan_segment(elf, &k, i, err);

		if (r < 0)
			return r;
	}
	*ret = k;
	return 0;
}
