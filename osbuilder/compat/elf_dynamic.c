/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/elf_dynamic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <elf.h>
#include <gelf.h>
#include <libelf.h>

#include "base/alloc.h"

struct image {
	Elf *e;
	const char *data;
	size_t len, n_headers;
};

void elf_dynamic_release(struct elf_dynamic *d)
{
	free(d->interp);
	strv_release(&d->needed);
	free(d->rpath);
	free(d->runpath);
}

static int damaged(struct error *err, const char *what)
{
	return error_set(err, -ENOEXEC, "damaged ELF file: %s", what);
}

/* The string at a file offset, or NULL when it does not end inside the file. */
static const char *string_at(const struct image *im, uint64_t off)
{
	if (off >= im->len || !memchr(im->data + off, 0, im->len - off))
		return NULL;
	return im->data + off;
}

/* Where an address is in the file; UINT64_MAX: in no segment. */
static uint64_t offset_of(const struct image *im, uint64_t addr)
{
	for (size_t i = 0; i < im->n_headers; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(im->e, (int)i, &ph) && ph.p_type == PT_LOAD &&
		    addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz)
			return ph.p_offset + (addr - ph.p_vaddr);
	}
	return UINT64_MAX;
}

static int copy_string(const struct image *im, uint64_t off, char **ret, struct error *err)
{
	const char *s = string_at(im, off);

	if (!s)
		return damaged(err, "a string lies outside");
	free(*ret);
	*ret = strdup(s);
	return *ret ? 0 : error_oom(err);
}

static int read_entry(const struct image *im, const GElf_Dyn *dyn, uint64_t strings,
		      struct elf_dynamic *ret, struct error *err)
{
	uint64_t off = strings + dyn->d_un.d_val;
	const char *s;

	switch (dyn->d_tag) {
	case DT_NEEDED:
		s = string_at(im, off);
		if (!s || !*s)
			return damaged(err, "the name of a library lies outside");
		if (ret->needed.n >= ELF_NEEDED_MAX)
			return error_set(err, -EFBIG, "needs more than %d libraries",
					 ELF_NEEDED_MAX);
		return strv_add(&ret->needed, s) < 0 ? error_oom(err) : 0;
	case DT_RPATH:
		return copy_string(im, off, &ret->rpath, err);
	case DT_RUNPATH:
		return copy_string(im, off, &ret->runpath, err);
	default:
		return 0;
	}
}

static int read_dynamic(const struct image *im, const GElf_Phdr *ph, struct elf_dynamic *ret,
			struct error *err)
{
	Elf_Data *d = elf_getdata_rawchunk(im->e, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_DYN);
	size_t size = gelf_fsize(im->e, ELF_T_DYN, 1, EV_CURRENT), n;
	uint64_t strings = UINT64_MAX;
	GElf_Dyn dyn;
	int r = 0;

	if (!d || !size)
		return damaged(err, elf_errmsg(-1));
	n = d->d_size / size;
	for (size_t i = 0; i < n && gelf_getdyn(d, (int)i, &dyn) && dyn.d_tag != DT_NULL; i++)
		if (dyn.d_tag == DT_STRTAB)
			strings = offset_of(im, dyn.d_un.d_ptr);
	if (strings >= im->len)
		return damaged(err, "it has no dynamic strings");
	for (size_t i = 0; r == 0 && i < n && gelf_getdyn(d, (int)i, &dyn) && dyn.d_tag != DT_NULL;
	     i++)
		r = read_entry(im, &dyn, strings, ret, err);
	return r;
}

static int read_headers(struct image *im, struct elf_dynamic *ret, struct error *err)
{
	int r = 0;

	if (elf_getphdrnum(im->e, &im->n_headers) < 0)
		return damaged(err, elf_errmsg(-1));
	for (size_t i = 0; r == 0 && i < im->n_headers; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(im->e, (int)i, &ph))
			return damaged(err, elf_errmsg(-1));
		if (ph.p_type == PT_INTERP)
			r = copy_string(im, ph.p_offset, &ret->interp, err);
		else if (ph.p_type == PT_DYNAMIC)
			r = read_dynamic(im, &ph, ret, err);
	}
	if (r == 0 && ret->runpath) {
		free(ret->rpath);
		ret->rpath = NULL;
	}
	return r;
}

int elf_dynamic_read(const void *data, size_t len, struct elf_dynamic *ret, struct error *err)
{
	union {
		const void *in;
		char *out;
	} bytes = { data };
	struct image im = { .data = data, .len = len };
	int r;

	*ret = (struct elf_dynamic){ 0 };
	elf_version(EV_CURRENT);
	im.e = len ? elf_memory(bytes.out, len) : NULL;
	if (im.e && elf_kind(im.e) == ELF_K_ELF)
		r = read_headers(&im, ret, err);
	else
		r = error_set(err, -ENOEXEC, "is not an ELF file");
	if (im.e)
		elf_end(im.e);
	if (r < 0)
		elf_dynamic_release(ret);
	return r;
}
