/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "compat/elf.h"
#include "pass/pass.h"

static struct tree *new_tree(void)
{
	struct tree *t = tree_new();

	assert_non_null(t);
	return t;
}

/* The smallest thing that libelf takes for an executable: one header, one program header of this type. */
static void make_elf(uint8_t out[120], uint16_t machine, uint16_t type, uint32_t ph_type)
{
	Elf64_Ehdr eh = { .e_type = type,
			  .e_machine = machine,
			  .e_version = EV_CURRENT,
			  .e_phoff = sizeof(eh),
			  .e_ehsize = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 1 };
	const Elf64_Phdr ph = { .p_type = ph_type };

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(out, &eh, sizeof(eh));
	memcpy(out + sizeof(eh), &ph, sizeof(ph));
}

static int elf_fd(uint16_t machine, uint16_t type, uint32_t ph_type)
{
	uint8_t elf[120];
	int fd = -1;

	make_elf(elf, machine, type, ph_type);
	assert_int_equal(fd_memfd("elf", &fd), 0);
	assert_int_equal(fd_write_full(fd, elf, sizeof(elf)), 0);
	return fd;
}

static void test_merge_usr(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	assert_int_equal(pass_merge_usr(t, "x86_64", &err), 0);
	assert_string_equal(tree_lookup(t, "lib64")->inode->target, "usr/lib64");
	assert_ptr_equal(tree_resolve(t, "sbin"), tree_lookup(t, "usr/sbin"));
	tree_free(t);
	t = new_tree();
	assert_int_equal(pass_merge_usr(t, "aarch64", &err), 0);
	assert_null(tree_lookup(t, "lib64"));
	assert_non_null(tree_lookup(t, "lib"));
	tree_free(t);
}

static void test_layout(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	const struct tree_inode *ino;

	assert_int_equal(tree_add_dir(t, "var/tmp", 0777, &err), 0);
	assert_int_equal(tree_add_symlink(t, "etc/resolv.conf", "/run/x", &err), 0);
	assert_int_equal(tree_add_file(t, "etc/machine-id", 0444, "id\n", 3, &err), 0);
	if (pass_layout(t, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(tree_lookup(t, "tmp")->inode->mode, S_IFDIR | 01777);
	assert_string_equal(tree_lookup(t, "var/tmp")->inode->target, "../tmp");
	assert_true(S_ISREG(tree_lookup(t, "etc/resolv.conf")->inode->mode));
	assert_int_equal(tree_lookup(t, "etc/machine-id")->inode->content.size, 3);
	ino = tree_lookup(t, "dev/console")->inode;
	assert_int_equal(ino->mode, S_IFCHR | 0600);
	assert_int_equal(ino->rdev_major, 5);
	assert_int_equal(ino->rdev_minor, 1);
	tree_free(t);
}

static void test_items(void **state)
{
	struct recipe_item copy = { .path = (char *)"/etc/passwd", .value = (char *)"/usr/master" };
	struct recipe_item text[2] = {
		{ .path = (char *)"/etc/hosts", .value = (char *)"h\n", .mode = 0600 },
		{ .path = (char *)"/etc/no",
		  .value = (char *)"",
		  .mode = 0600,
		  .when = (char *)"/nothing" },
	};
	struct recipe rc = { .copies = { &copy, 1, 1 }, .texts = { text, 2, 2 } };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	char buf[4];

	assert_int_equal(pass_items(t, &rc, &err), -ENOENT);
	assert_string_equal(
		err.msg, "recipe copy '/etc/passwd': no regular file '/usr/master' in the image");
	assert_int_equal(tree_add_file(t, "usr/master", 0640, "root", 4, &err), 0);
	assert_int_equal(pass_items(t, &rc, &err), 0);
	tree_remove(t, tree_lookup(t, "usr/master"));
	assert_int_equal(blob_read(&tree_lookup(t, "etc/passwd")->inode->content, 0, buf, 4, &err),
			 0);
	assert_memory_equal(buf, "root", 4);
	assert_int_equal(tree_lookup(t, "etc/hosts")->inode->mode, S_IFREG | 0600);
	assert_null(tree_lookup(t, "etc/no"));
	tree_free(t);
}

static void test_agent(void **state)
{
	struct agent_file agent = { .path = "A", .size = 4, .sha256 = "as told" };
	const struct pass_agent_params p = { .agent = &agent,
					     .arch = "x86_64",
					     .path = "/usr/bin/kata-agent",
					     .link = "/sbin/init" };
	const struct blob *content;
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	agent.fd = elf_fd(EM_X86_64, ET_DYN, PT_LOAD);
	if (pass_agent(t, &p, &err) < 0)
		fail_msg("%s", err.msg);
	close(agent.fd);
	assert_int_equal(tree_lookup(t, "usr/bin/kata-agent")->inode->mode, S_IFREG | 0755);
	content = &tree_lookup(t, "usr/bin/kata-agent")->inode->content;
	assert_true(content->size == 4 && content->has_sha256 && !content->has_sums);
	assert_string_equal((const char *)content->sums.sha256, "as told");
	assert_ptr_equal(tree_resolve(t, "sbin/init"), tree_lookup(t, "usr/bin/kata-agent"));
	assert_int_equal(pass_check_init(t, &err), 0);

	agent.fd = elf_fd(EM_AARCH64, ET_DYN, PT_LOAD);
	assert_int_equal(pass_agent(t, &p, &err), -ENOEXEC);
	assert_string_equal(err.msg, "agent 'A': is for aarch64, the image is for x86_64");
	close(agent.fd);
	agent.fd = elf_fd(EM_X86_64, ET_DYN, PT_INTERP);
	assert_int_equal(pass_agent(t, &p, &err), -ENOEXEC);
	assert_string_equal(err.msg, "agent 'A': is not statically linked");
	close(agent.fd);
	agent.fd = elf_fd(EM_X86_64, ET_REL, PT_LOAD);
	assert_int_equal(pass_agent(t, &p, &err), -ENOEXEC);
	assert_string_equal(err.msg, "agent 'A': not an executable");
	close(agent.fd);
	tree_free(t);
}

static void test_check_init(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	assert_int_equal(pass_check_init(t, &err), -ENOENT);
	assert_string_equal(err.msg, "the image has no /sbin/init");
	assert_int_equal(tree_add_file(t, "sbin/init", 0644, "x", 1, &err), 0);
	assert_int_equal(pass_check_init(t, &err), -EINVAL);
	tree_free(t);
}

static void test_prune(void **state)
{
	static const char *const files[] = { "usr/share/doc/a", "usr/share/man/de/x",
					     "usr/share/man/man1/x", "usr/share/keep",
					     "etc/a.dpkg-old" };
	struct strv patterns = STRV_INIT, bad = STRV_INIT;
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(tree_add_file(t, files[i], 0644, NULL, 0, &err), 0);
	assert_int_equal(strv_adds(&patterns, "/usr/share/doc", "/usr/share/man/??",
				   "/etc/*.dpkg-*", "/usr/*/keep2", NULL),
			 0);
	assert_int_equal(pass_prune(t, &patterns, &err), 0);
	assert_null(tree_lookup(t, "usr/share/doc"));
	assert_null(tree_lookup(t, "usr/share/man/de"));
	assert_null(tree_lookup(t, "etc/a.dpkg-old"));
	assert_non_null(tree_lookup(t, "usr/share/man/man1/x"));
	assert_non_null(tree_lookup(t, "usr/share/keep"));
	assert_int_equal(strv_add(&bad, "usr"), 0);
	assert_int_equal(pass_prune(t, &bad, &err), -EINVAL);
	assert_string_equal(err.msg, "prune pattern 'usr' does not start with '/'");
	strv_release(&patterns);
	strv_release(&bad);
	tree_free(t);
}

static void test_arch(void **state)
{
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	uint8_t elf[120];

	make_elf(elf, EM_X86_64, ET_DYN, PT_LOAD);
	assert_int_equal(tree_add_file(t, "lib/good.so", 0644, elf, sizeof(elf), &err), 0);
	assert_int_equal(tree_add_file(t, "lib/text", 0644,
				       "\x7f"
				       "ELF",
				       4, &err),
			 0);
	assert_int_equal(pass_check_arch(t, "x86_64", &err), 0);
	make_elf(elf, EM_AARCH64, ET_DYN, PT_LOAD);
	assert_int_equal(tree_add_file(t, "lib/other.so", 0644, elf, sizeof(elf), &err), 0);
	assert_int_equal(pass_check_arch(t, "x86_64", &err), -ENOEXEC);
	assert_string_equal(err.msg,
			    "/lib/other.so is an ELF file for aarch64, the image is for x86_64");
	elf[EI_CLASS] = ELFCLASS32;
	assert_int_equal(tree_add_file(t, "lib/other.so", 0644, elf, sizeof(elf), &err), 0);
	assert_int_equal(pass_check_arch(t, "x86_64", &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "is an ELF file for another architecture"));
	/* static programs, objects, and a script's interpreter, without an x bit, too; all are named */
	make_elf(elf, EM_S390, ET_EXEC, PT_LOAD);
	elf[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(tree_add_file(t, "usr/bin/static", 0755, elf, sizeof(elf), &err), 0);
	assert_int_equal(tree_add_file(t, "usr/bin/perl", 0644, elf, sizeof(elf), &err), 0);
	for (int i = 0; i < 9; i++) {
		char path[] = "usr/lib/0.o";

		path[8] = (char)('0' + i);
		assert_int_equal(tree_add_file(t, path, 0644, elf, sizeof(elf), &err), 0);
	}
	assert_int_equal(pass_check_arch(t, "x86_64", &err), -ENOEXEC);
	assert_string_equal(
		err.msg,
		"/lib/other.so is an ELF file for another architecture, the image is for x86_64; "
		"11 more are not: /usr/bin/perl, /usr/bin/static, /usr/lib/0.o, /usr/lib/1.o, "
		"/usr/lib/2.o, /usr/lib/3.o, /usr/lib/4.o, ...");
	tree_free(t);
}

static void test_normalize(void **state)
{
	const struct tree_attr late = { .mode = S_IFREG, .mtime_sec = 2000, .mtime_nsec = 5 };
	const struct tree_attr early = { .mode = S_IFREG, .mtime_sec = 500, .mtime_nsec = 5 };
	const struct tree_attr root = { .mode = S_IFDIR | 0700, .uid = 5, .mtime_sec = 3 };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();

	assert_int_equal(tree_add(t, "/", &root, 0, NULL, &err), 0);
	assert_int_equal(tree_add(t, "late", &late, 0, NULL, &err), 0);
	assert_int_equal(tree_add(t, "early", &early, 0, NULL, &err), 0);
	pass_normalize(t, 1000);
	assert_int_equal(tree_lookup(t, "late")->inode->mtime_sec, 1000);
	assert_int_equal(tree_lookup(t, "early")->inode->mtime_sec, 500);
	assert_int_equal(tree_lookup(t, "early")->inode->mtime_nsec, 0);
	assert_int_equal(tree_root(t)->inode->mode, S_IFDIR | 0755);
	assert_int_equal(tree_root(t)->inode->uid, 0);
	tree_free(t);
}

static void test_summary(void **state)
{
	static const char want[] =
		"---\nosbuilder:\n  url: \"https://github.com/kata-containers/kata-containers/osbuilder\"\n"
		"  version: \"1\"\nrootfs-creation-time: \"2023-11-14T22:13:20.000000000Z\"\n"
		"description: \"a \\\"b\\\"\"\nfile-format-version: \"0.0.2\"\narchitecture: \"x86_64\"\n"
		"base-distro:\n  name: \"Debian\"\n  version: \"unknown\"\n  packages:\n    default:\n"
		"      - \"bash\"\n    extra:\n      - \"strace\"\nagent:\n"
		"  url: \"https://github.com/kata-containers/kata-containers\"\n  name: \"kata-agent\"\n"
		"  version: \"2\"\n  agent-is-init-daemon: \"yes\"\n";
	struct source_spec s = { 0 };
	struct recipe rc = { .sources = &s,
			     .n_sources = 1,
			     .description = (char *)"a \"b\"",
			     .distro_name = (char *)"Debian" };
	const struct pass_summary_params p = { .epoch = 1700000000,
					       .arch = "x86_64",
					       .osbuilder_version = "1",
					       .agent_version = "2",
					       .recipe = &rc,
					       .agent_is_init = true };
	struct error err = ERROR_INIT;
	struct tree *t = new_tree();
	const struct blob *b;

	assert_int_equal(strv_add(&s.packages, "bash"), 0);
	assert_int_equal(strv_add(&s.packages, "strace"), 0);
	assert_int_equal(strv_add(&rc.extra_packages, "strace"), 0);
	assert_int_equal(pass_summary(t, &p, &err), 0);
	b = &tree_lookup(t, "var/lib/osbuilder/osbuilder.yaml")->inode->content;
	assert_int_equal(b->size, strlen(want));
	assert_memory_equal(b->bytes, want, b->size);
	strv_release(&s.packages);
	strv_release(&rc.extra_packages);
	tree_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge_usr),  cmocka_unit_test(test_layout),
		cmocka_unit_test(test_items),	   cmocka_unit_test(test_agent),
		cmocka_unit_test(test_check_init), cmocka_unit_test(test_prune),
		cmocka_unit_test(test_arch),	   cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
