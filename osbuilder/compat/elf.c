/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/elf.h"

#include <string.h>
#include <unistd.h>

#include <elf.h>
#include <gelf.h>
#include <libelf.h>

#include "base/alloc.h"
#include "base/strbuf.h"

static const struct {
	const char *name;
	uint16_t machine;
	bool little_endian;
} elf_archs[] = {
	{ "x86_64", EM_X86_64, true },
	{ "aarch64", EM_AARCH64, true },
	{ "ppc64le", EM_PPC64, true },
	{ "s390x", EM_S390, false },
};

void elf_identify(const void *head, size_t len, struct elf_ident *ret)
{
	const unsigned char *p = head;

	memset(ret, 0, sizeof(*ret));
	if (len < ELF_HEAD_SIZE || memcmp(p, ELFMAG, SELFMAG) != 0)
		return;
	ret->is_elf = true;
	ret->is_64 = p[EI_CLASS] == ELFCLASS64;
	ret->little_endian = p[EI_DATA] == ELFDATA2LSB;
	if (ret->little_endian) {
		ret->type = (uint16_t)(p[16] | p[17] << 8);
		ret->machine = (uint16_t)(p[18] | p[19] << 8);
	} else {
		ret->type = (uint16_t)(p[17] | p[16] << 8);
		ret->machine = (uint16_t)(p[19] | p[18] << 8);
	}
}

const char *elf_arch_name(const struct elf_ident *id)
{
	if (!id->is_elf || !id->is_64)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(elf_archs); i++)
		if (elf_archs[i].machine == id->machine &&
		    elf_archs[i].little_endian == id->little_endian)
			return elf_archs[i].name;
	return NULL;
}

bool elf_matches_arch(const struct elf_ident *id, const char *arch)
{
	return str_eq(elf_arch_name(id), arch);
}

/* libelf handle over a descriptor; NULL and an error when it is no ELF file. */
static Elf *elf_start(int fd, struct error *err)
{
	Elf *e;

	elf_version(EV_CURRENT);
	e = elf_begin(fd, ELF_C_READ, NULL);
	if (e && elf_kind(e) == ELF_K_ELF)
		return e;
	if (e)
		elf_end(e);
	error_set(err, -ENOEXEC, "not an ELF file");
	return NULL;
}

int elf_check_static(int fd, const char *arch, struct error *err)
{
	Elf *e = elf_start(fd, err);
	uint8_t head[ELF_HEAD_SIZE];
	struct elf_ident id;
	const char *is;
	ssize_t len;
	GElf_Ehdr eh;
	size_t n = 0;
	int r = 0;

	if (!e)
		return -ENOEXEC;
	len = pread(fd, head, sizeof(head), 0); /* elf_rawfile() would read all of it */
	elf_identify(head, len < 0 ? 0 : (size_t)len, &id);
	is = elf_arch_name(&id);
	if (!elf_matches_arch(&id, arch))
		r = error_set(err, -ENOEXEC, "is for %s, the image is for %s",
			      is ? is : "another architecture", arch);
	else if (!gelf_getehdr(e, &eh) || elf_getphdrnum(e, &n) < 0)
		r = error_set(err, -ENOEXEC, "damaged ELF file: %s", elf_errmsg(-1));
	else if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		r = error_set(err, -ENOEXEC, "not an executable");
	for (size_t i = 0; r == 0 && i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(e, (int)i, &ph))
			r = error_set(err, -ENOEXEC, "damaged ELF file: %s", elf_errmsg(-1));
		else if (ph.p_type == PT_INTERP)
			r = error_set(err, -ENOEXEC, "is not statically linked");
	}
	elf_end(e);
	return r;
}

static bool note_in(Elf_Data *d, const char *owner, uint32_t type, char *buf, size_t buf_len)
{
	size_t off = 0, next, name_off, desc_off;
	GElf_Nhdr nh;

	while (off < d->d_size && (next = gelf_getnote(d, off, &nh, &name_off, &desc_off)) > 0) {
		const char *base = d->d_buf;

		if (nh.n_type == type && nh.n_namesz == strlen(owner) + 1 &&
		    memcmp(base + name_off, owner, nh.n_namesz) == 0) {
			size_t n = MIN((size_t)nh.n_descsz, buf_len - 1);

			memcpy(buf, base + desc_off, n);
			buf[n] = '\0';
			return true;
		}
		off = next;
	}
	return false;
}

int elf_find_note(int fd, const char *owner, uint32_t type, char *buf, size_t buf_len,
		  struct error *err)
{
	Elf *e = elf_start(fd, err);
	bool found = false;
	size_t n = 0;

	if (!e)
		return -ENOEXEC;
	if (elf_getphdrnum(e, &n) < 0)
		n = 0;
	for (size_t i = 0; !found && i < n; i++) {
		GElf_Phdr ph;
		Elf_Data *d;

		if (!gelf_getphdr(e, (int)i, &ph) || ph.p_type != PT_NOTE)
			continue;
		d = elf_getdata_rawchunk(e, (int64_t)ph.p_offset, ph.p_filesz,
					 ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		found = d && note_in(d, owner, type, buf, buf_len);
	}
	elf_end(e);
	return found ? 0 : error_set(err, -ENOENT, "has no note of %s with type %u", owner, type);
}
