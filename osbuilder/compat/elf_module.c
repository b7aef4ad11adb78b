/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/elf_module.h"

#include <stdlib.h>
#include <string.h>

#include <elf.h>
#include <gelf.h>
#include <libelf.h>

#include "base/strbuf.h"

void elf_module_release(struct elf_module *m)
{
	strv_release(&m->info);
	strv_release(&m->exported);
	strv_release(&m->undefined);
}

static int damaged(struct error *err)
{
	return error_set(err, -ENOEXEC, "damaged ELF file: %s", elf_errmsg(-1));
}

static int add(struct strv *to, const char *s, struct error *err)
{
	if (to->n >= ELF_MODULE_STRINGS_MAX)
		return error_set(err, -EFBIG, "more than %d names", ELF_MODULE_STRINGS_MAX);
	return strv_add(to, s) < 0 ? error_oom(err) : 0;
}

/* The strings of a section, each ended by NUL, some of them by more than one. */
static int read_strings(Elf_Scn *scn, struct strv *to, struct error *err)
{
	const Elf_Data *d = elf_rawdata(scn, NULL);
	const char *p, *end;
	int r = 0;

	if (!d)
		return damaged(err);
	if (!d->d_size)
		return 0;
	p = d->d_buf;
	end = p + d->d_size;
	if (end[-1] != '\0')
		return error_set(err, -ENOEXEC, "damaged ELF file: a string does not end");
	for (; r == 0 && p < end; p += strlen(p) + 1)
		if (*p)
			r = add(to, p, err);
	return r;
}

/* "__crc_NAME" and "__ksymtab_NAME" are what EXPORT_SYMBOL() leaves in the symbol table. */
static const char *exported_name(const char *symbol)
{
	const char *name = str_after(symbol, "__crc_");

	return name ? name : str_after(symbol, "__ksymtab_");
}

static int read_symbols(Elf *e, Elf_Scn *scn, struct elf_module *m, struct error *err)
{
	GElf_Shdr sh;
	Elf_Data *d = elf_getdata(scn, NULL);
	int r = 0;

	if (!d || !gelf_getshdr(scn, &sh) || !sh.sh_entsize)
		return damaged(err);
	for (size_t i = 1; r == 0 && i < sh.sh_size / sh.sh_entsize; i++) {
		const char *name, *exported;
		GElf_Sym sym;

		if (!gelf_getsym(d, (int)i, &sym))
			return damaged(err);
		name = elf_strptr(e, sh.sh_link, sym.st_name);
		if (!name)
			return damaged(err);
		exported = exported_name(name);
		if (exported && *exported)
			r = add(&m->exported, exported, err);
		else if (*name && sym.st_shndx == SHN_UNDEF)
			r = add(&m->undefined, name, err);
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A symbol with a checksum is there twice. */
static void sort_unique(struct strv *v)
{
	size_t n = 0;

	if (v->n)
		qsort(v->v, v->n, sizeof(*v->v), compare);
	for (size_t i = 0; i < v->n; i++) {
		if (n && strcmp(v->v[n - 1], v->v[i]) == 0)
			free(v->v[i]);
		else
			v->v[n++] = v->v[i];
	}
	if (v->v)
		v->v[n] = NULL;
	v->n = n;
}

static int read_sections(Elf *e, struct elf_module *m, struct error *err)
{
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	size_t names;
	int r = 0;

	if (!gelf_getehdr(e, &eh))
		return damaged(err);
	if (eh.e_type != ET_REL)
		return error_set(err, -ENOEXEC, "is not a kernel module");
	if (elf_getshdrstrndx(e, &names) < 0)
		return damaged(err);
	while (r == 0 && (scn = elf_nextscn(e, scn))) {
		const char *name;
		GElf_Shdr sh;

		if (!gelf_getshdr(scn, &sh) || !(name = elf_strptr(e, names, sh.sh_name)))
			return damaged(err);
		if (sh.sh_type == SHT_SYMTAB)
			r = read_symbols(e, scn, m, err);
		else if (str_eq(name, ".modinfo") && sh.sh_type != SHT_NOBITS)
			r = read_strings(scn, &m->info, err);
	}
	return r;
}

int elf_module_read(const void *data, size_t len, struct elf_module *ret, struct error *err)
{
	union {
		const void *in;
		char *out;
	} image = { data };
	Elf *e;
	int r;

	*ret = (struct elf_module){ 0 };
	elf_version(EV_CURRENT);
	e = len ? elf_memory(image.out, len) : NULL;
	if (e && elf_kind(e) == ELF_K_ELF)
		r = read_sections(e, ret, err);
	else
		r = error_set(err, -ENOEXEC, "is not an ELF file");
	if (e)
		elf_end(e);
	sort_unique(&ret->exported);
	if (r < 0)
		elf_module_release(ret);
	return r;
}
