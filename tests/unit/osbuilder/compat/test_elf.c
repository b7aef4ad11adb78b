/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "compat/elf.h"
#include "compat/elf_dynamic.h"
#include "compat/elf_module.h"

/* An ELF file, in the byte order of whoever runs this, with one program header that covers what follows the headers. */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	uint8_t rest[64];
};

static void make(struct image *f, uint16_t machine, uint32_t ph_type)
{
	*f = (struct image){ .eh = { .e_type = ET_DYN,
				     .e_machine = machine,
				     .e_version = EV_CURRENT,
				     .e_phoff = sizeof(f->eh),
				     .e_ehsize = sizeof(f->eh),
				     .e_phentsize = sizeof(f->ph),
				     .e_phnum = 1 },
			     .ph = { .p_type = ph_type,
				     .p_offset = sizeof(f->eh) + sizeof(f->ph),
				     .p_filesz = sizeof(f->rest),
				     .p_align = 4 } };
	memcpy(f->eh.e_ident, ELFMAG, SELFMAG);
	f->eh.e_ident[EI_CLASS] = ELFCLASS64;
	f->eh.e_ident[EI_DATA] =
		__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	f->eh.e_ident[EI_VERSION] = EV_CURRENT;
}

static int file_of(const void *data, size_t len)
{
	int fd = -1;

	assert_int_equal(fd_memfd("elf", &fd), 0);
	assert_int_equal(fd_write_full(fd, data, len), 0);
	return fd;
}

static void test_architectures(void **state)
{
	static const struct {
		uint16_t machine;
		bool little;
		const char *name;
	} cases[] = { { EM_X86_64, true, "x86_64" }, { EM_AARCH64, true, "aarch64" },
		      { EM_PPC64, true, "ppc64le" }, { EM_S390, false, "s390x" },
		      { EM_PPC64, false, NULL },     { EM_RISCV, true, NULL } };
	uint8_t head[ELF_HEAD_SIZE] = { 0 };
	struct elf_ident id;

	elf_identify(head, sizeof(head), &id);
	assert_false(id.is_elf);
	memcpy(head, ELFMAG, SELFMAG);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		head[EI_CLASS] = ELFCLASS64;
		head[EI_DATA] = cases[i].little ? ELFDATA2LSB : ELFDATA2MSB;
		head[18 + !cases[i].little] = (uint8_t)cases[i].machine;
		head[19 - !cases[i].little] = (uint8_t)(cases[i].machine >> 8);
		elf_identify(head, sizeof(head), &id);
		assert_true(id.is_elf && id.is_64);
		if (cases[i].name)
			assert_string_equal(elf_arch_name(&id), cases[i].name);
		else
			assert_null(elf_arch_name(&id));
		head[EI_CLASS] = ELFCLASS32;
		elf_identify(head, sizeof(head), &id);
		assert_null(elf_arch_name(&id));
	}
	elf_identify(head, sizeof(head) - 1, &id);
	assert_false(id.is_elf);
}

/* A note's description is cut to the buffer; one that reaches beyond its segment is none. */
static void test_notes(void **state)
{
	struct error err = ERROR_INIT;
	Elf64_Nhdr nh = { .n_namesz = 5, .n_descsz = 8, .n_type = 7 };
	struct image f;
	char buf[16];
	int fd;

	make(&f, EM_X86_64, PT_NOTE);
	memcpy(f.rest, &nh, sizeof(nh));
	memcpy(f.rest + sizeof(nh), "Kata\0\0\0\00012345678", 16);
	fd = file_of(&f, sizeof(f));
	assert_int_equal(elf_find_note(fd, "Kata", 7, buf, sizeof(buf), &err), 0);
	assert_string_equal(buf, "12345678");
	assert_int_equal(elf_find_note(fd, "Kata", 7, buf, 4, &err), 0);
	assert_string_equal(buf, "123");
	assert_int_equal(elf_find_note(fd, "Kata", 8, buf, sizeof(buf), &err), -ENOENT);
	assert_int_equal(elf_find_note(fd, "Kat", 7, buf, sizeof(buf), &err), -ENOENT);
	assert_string_equal(err.msg, "has no note of Kat with type 7");
	close(fd);
	nh.n_descsz = 0x7fffffff;
	memcpy(f.rest, &nh, sizeof(nh));
	fd = file_of(&f, sizeof(f));
	assert_int_equal(elf_find_note(fd, "Kata", 7, buf, sizeof(buf), &err), -ENOENT);
	close(fd);
	fd = file_of("no ELF", 6);
	assert_int_equal(elf_find_note(fd, "Kata", 7, buf, sizeof(buf), &err), -ENOEXEC);
	assert_string_equal(err.msg, "not an ELF file");
	assert_int_equal(elf_check_static(fd, "x86_64", &err), -ENOEXEC);
	close(fd);
}

static void test_other_readers(void **state)
{
	struct elf_dynamic d = { 0 };
	struct elf_module m = { 0 };
	struct error err = ERROR_INIT;
	struct image f;

	make(&f, EM_X86_64, PT_INTERP);
	memcpy(f.rest, "/lib/ld.so", 11);
	assert_int_equal(elf_dynamic_read(&f, sizeof(f), &d, &err), 0);
	assert_string_equal(d.interp, "/lib/ld.so");
	assert_int_equal(d.needed.n, 0);
	elf_dynamic_release(&d);
	memset(f.rest, 'x', sizeof(f.rest)); /* it does not end */
	assert_int_equal(elf_dynamic_read(&f, sizeof(f), &d, &err), -ENOEXEC);
	assert_string_equal(err.msg, "damaged ELF file: a string lies outside");
	f.ph.p_offset = UINT64_MAX;
	assert_int_equal(elf_dynamic_read(&f, sizeof(f), &d, &err), -ENOEXEC);
	assert_int_equal(elf_dynamic_read("text", 4, &d, &err), -ENOEXEC);
	assert_string_equal(err.msg, "is not an ELF file");
	assert_int_equal(elf_module_read(&f, sizeof(f), &m, &err), -ENOEXEC);
	assert_int_equal(elf_module_read("text", 4, &m, &err), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_other_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
