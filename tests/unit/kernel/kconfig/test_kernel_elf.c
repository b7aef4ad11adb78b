/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "support/cmocka_all.h"
#include "base/fd.h"
#include "codec/json.h"
#include "codec/sha.h"
#include "kconfig/kernel_elf.h"
#include "kconfig/manifest.h"

/* A kernel of one page: ELF header, two program headers, a note, and text with the banner. */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	struct {
		Elf64_Nhdr nh;
		char name[4];
		unsigned char desc[8];
	} note;
	char text[256];
};

#define BANNER "Linux version 6.1.192-kata.1 (kata@kata) (gcc 12) #1 SMP"

static struct image make_image(void)
{
	struct image im = {
		.eh = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = offsetof(struct image, ph),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2 },
		.ph = { { .p_type = PT_LOAD,
			  .p_offset = offsetof(struct image, text),
			  .p_filesz = sizeof(im.text),
			  .p_memsz = sizeof(im.text) },
			{ .p_type = PT_NOTE,
			  .p_offset = offsetof(struct image, note),
			  .p_filesz = sizeof(im.note),
			  .p_align = 4 } },
		.note = { .nh = { .n_namesz = 4, .n_descsz = 8, .n_type = 18 },
			  .name = "Xen",
			  .desc = { 0x50, 0x03, 0x00, 0x01 } },
	};

	/* A format string that begins like the banner must not be taken for it. */
	memcpy(im.text, "Linux version %s\n", 18);
	memcpy(im.text + 32, BANNER "\n", sizeof(BANNER) + 1);
	return im;
}

static int file_of(const void *data, size_t len)
{
	int fd = -1;

	assert_int_equal(fd_memfd("kernel", &fd), 0);
	assert_int_equal(fd_write_full(fd, data, len), 0);
	return fd;
}

static int read_image(const struct image *im, struct kernel_elf *k, struct error *err)
{
	_cleanup_fd_ int fd = file_of(im, sizeof(*im));

	return kernel_elf_read(fd, k, err);
}

static void a_good_kernel(void **state)
{
	struct image im = make_image();
	struct error err = ERROR_INIT;
	struct kernel_elf k;

	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_int_equal(k.machine, EM_X86_64);
	assert_true(k.is_64bit);
	assert_true(k.pvh);
	assert_int_equal(k.pvh_entry, 0x1000350);
	assert_string_equal(k.banner, BANNER);
	assert_string_equal(k.release, "6.1.192-kata.1");
	assert_string_equal(kernel_elf_arch(k.machine), "x86_64");
	assert_string_equal(kernel_elf_arch(EM_S390), "s390x");
	assert_null(kernel_elf_arch(EM_386));
}

static void writable_code(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_elf k;
	struct image im = make_image();

	im.ph[0].p_flags = PF_R | PF_X;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.writable_code);

	im.ph[0].p_flags = PF_R | PF_W;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.writable_code);

	im.ph[0].p_flags = PF_R | PF_W | PF_X;
	im.ph[0].p_vaddr = 0xffffffff81000000;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_true(k.writable_code);
	assert_int_equal(k.writable_code_at, 0xffffffff81000000);

	/* A segment that is not loaded does not count. */
	im = make_image();
	im.ph[1].p_flags = PF_R | PF_W | PF_X;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.writable_code);
}

static void notes_that_are_not_pvh(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_elf k;
	struct image im = make_image();

	im.note.nh.n_type = 17;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.pvh);

	im = make_image();
	im.note.name[0] = 'G';
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.pvh);

	im = make_image();
	im.note.nh.n_descsz = 3;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.pvh);

	/* Sizes beyond the segment end the walk. */
	im = make_image();
	im.note.nh.n_namesz = 0xfffffff0;
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_false(k.pvh);
}

static void no_banner(void **state)
{
	struct image im = make_image();
	struct error err = ERROR_INIT;
	struct kernel_elf k;

	memset(im.text + 32, 0, sizeof(im.text) - 32);
	assert_int_equal(read_image(&im, &k, &err), 0);
	assert_string_equal(k.banner, "");
	assert_string_equal(k.release, "");
}

static void files_that_are_no_kernels(void **state)
{
	struct image im = make_image();
	struct error err = ERROR_INIT;
	struct kernel_elf k;
	int fd = file_of("MZ, surely not ELF", 18);

	assert_int_equal(kernel_elf_read(fd, &k, &err), -ENOEXEC);
	assert_string_equal(err.msg, "not an ELF file");
	close(fd);

	im.eh.e_type = ET_REL;
	assert_int_equal(read_image(&im, &k, &err), -ENOEXEC);
	assert_string_equal(err.msg, "not an ELF executable (type 1)");

	im = make_image();
	im.ph[0].p_offset = 1u << 30;
	assert_int_equal(read_image(&im, &k, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "damaged ELF file: segment: "));
}

static void the_manifest(void **state)
{
	char *patches[] = { (char *)"0001-a.patch", (char *)"0002-b.patch" };
	_cleanup_kconfig_ struct kconfig kc = KCONFIG_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_kconfig_ struct kconfig ours = KCONFIG_INIT;
	struct image im = make_image();
	_cleanup_fd_ int fd = file_of(&im, sizeof(im));
	struct kernel_manifest m = { "x86_64", "6.1.192", 7, patches, 2, &kc, &ours, fd };
	static const char fragments[] = "#: a: x\nCONFIG_A=y\n#: b: y\nCONFIG_B=y\n";
	static const char config[] = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"q\"\n";
	struct error err = ERROR_INIT;
	const struct json_value *root, *options = NULL;
	char sha[SHA_HEX_MAX];
	const char *s = NULL;
	uint64_t u = 0;

	assert_int_equal(kconfig_parse(&kc, "c", config, strlen(config), &err), 0);
	assert_int_equal(kconfig_parse(&ours, "f", fragments, strlen(fragments), &err), 0);
	assert_int_equal(kernel_manifest_write(&m, fd, &out, &err), 0);
	assert_int_equal(json_doc_parse(out.buf, out.len, JSON_MAX_BYTES, &doc, &err), 0);
	root = json_doc_root(doc);
	assert_int_equal(json_need_u64(root, "format", &u, &err), 0);
	assert_int_equal(u, 1);
	assert_int_equal(json_need_string(root, "kind", &s, &err), 0);
	assert_string_equal(s, "kernel");
	assert_int_equal(json_need_string(root, "release", &s, &err), 0);
	assert_string_equal(s, "6.1.192-kata.1");
	assert_int_equal(json_need_u64(root, "config_version", &u, &err), 0);
	assert_int_equal(u, 7);
	assert_int_equal(json_need_u64(root, "pvh_entry", &u, &err), 0);
	assert_int_equal(u, 0x1000350);
	assert_int_equal(json_need_u64(root, "size", &u, &err), 0);
	assert_int_equal(u, sizeof(im));
	assert_int_equal(sha_hex_of(SHA_KIND_512, &im, sizeof(im), sha), 0);
	assert_int_equal(json_need_string(root, "sha512", &s, &err), 0);
	assert_string_equal(s, sha);
	assert_int_equal(json_need_object(root, "options", &options, &err), 0);
	assert_int_equal(json_need_string(options, "A", &s, &err), 0);
	assert_string_equal(s, "y");
	assert_int_equal(json_need_string(options, "C", &s, &err), 0);
	assert_string_equal(s, "\"q\"");
	assert_true(json_need_string(options, "B", &s, &err) < 0);
	assert_non_null(strstr(out.buf, "\"0002-b.patch\""));
	assert_non_null(strstr(out.buf, "\"features\": [\n\t\t\"a\"\n\t]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_kernel), cmocka_unit_test(notes_that_are_not_pvh),
		cmocka_unit_test(no_banner),	 cmocka_unit_test(files_that_are_no_kernels),
		cmocka_unit_test(the_manifest),	 cmocka_unit_test(writable_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
