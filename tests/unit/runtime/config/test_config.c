/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "support/cmocka_all.h"

#define QEMU "[hypervisor.qemu]\nkernel = \"/k\"\n"

struct fixture {
	char dir[64], file[96];
	struct strbuf warnings;
	struct config *config;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = new0(struct fixture);

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/kata-config-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->file, sizeof(f->file), "%s/configuration.toml", f->dir);
	strbuf_init(&f->warnings);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	config_free(f->config);
	strbuf_release(&f->warnings);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->dir, NULL), 0);
	free(f);
	return 0;
}

static void put(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), NULL), 0);
}

static void on_warn(const char *line, void *data)
{
	struct fixture *f = data;

	assert_int_equal(strbuf_addf(&f->warnings, "%s\n", line), 0);
}

static int load(struct fixture *f, const char *text)
{
	put(f->file, text);
	f->config = config_free(f->config);
	strbuf_reset(&f->warnings);
	error_clear(&f->err);
	return config_load(f->file, on_warn, f, &f->config, &f->err);
}

/* The message must be the file's path and then `rest`. */
static void refused(struct fixture *f, const char *text, const char *rest)
{
	char want[512];

	assert_true(load(f, text) < 0);
	assert_null(f->config);
	snprintf(want, sizeof(want), "%s%s", f->file, rest);
	assert_string_equal(error_text(&f->err), want);
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "[hypervisor.qemu]\nimage = \"/i\"\n"), 0);
	assert_string_equal(f->warnings.buf, "");
	assert_string_equal(f->config->path, f->file);
	assert_string_equal(f->config->hypervisor, "qemu");
	assert_string_equal(f->config->hypervisor_path, "/usr/bin/qemu-system-x86_64");
	assert_string_equal(f->config->kernel, "/usr/share/kata-containers/vmlinux.container");
	assert_string_equal(f->config->image, "/i");
	assert_null(f->config->initrd);
	assert_int_equal(f->config->vcpus, 1);
	assert_int_equal(f->config->memory_mib, 2048);
	assert_int_equal(f->config->dial_timeout, 45);
	assert_int_equal(f->config->create_container_timeout, 60);
	assert_int_equal(f->config->shared_fs, CONFIG_FS_VIRTIO);
	assert_int_equal(f->config->accel, CONFIG_ACCEL_AUTO);
	assert_true(f->config->image_nvdimm);
	assert_true(f->config->disable_guest_seccomp);
}

static void test_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, QEMU
		     "initrd = \"/r\"\nimage = \"\"\nmachine_type = \"microvm\"\n"
		     "default_vcpus = 1.5\ndefault_memory = 256\nshared_fs = \"none\"\n"
		     "accelerator = \"tcg\"\ntransport = \"vhost-user\"\n"
		     "disable_image_nvdimm = true\nkernel_params = \"a b\"\nkernel_verity_params = \"\"\n"
		     "virtio_fs_extra_args = [\"--x\", \"--y\"]\n"
		     "[agent.kata]\ndial_timeout = 3\nkernel_modules = [\"m a=1\"]\n"
		     "[runtime]\ncreate_container_timeout = 7\nenable_debug = true\n"),
		0);
	assert_string_equal(f->warnings.buf, "");
	assert_string_equal(f->config->initrd, "/r");
	assert_null(f->config->image);
	assert_string_equal(f->config->machine_type, "microvm");
	assert_int_equal(f->config->vcpus, 2);
	assert_int_equal(f->config->memory_mib, 256);
	assert_int_equal(f->config->shared_fs, CONFIG_FS_NONE);
	assert_int_equal(f->config->accel, CONFIG_ACCEL_TCG);
	assert_int_equal(f->config->transport, CONFIG_TRANSPORT_VHOST_USER);
	assert_false(f->config->image_nvdimm);
	assert_string_equal(f->config->kernel_params, "a b");
	assert_null(f->config->kernel_verity_params);
	assert_int_equal(f->config->virtio_fs_extra_args.n, 2);
	assert_string_equal(f->config->kernel_modules.v[0], "m a=1");
	assert_int_equal(f->config->dial_timeout, 3);
	assert_int_equal(f->config->create_container_timeout, 7);
	assert_true(f->config->debug);
}

static void test_warnings(void **state)
{
	struct fixture *f = *state;
	char want[512];

	assert_int_equal(load(f, QEMU "image = \"/i\"\nfoo = 1\nenable_iommu = true\n"
				      "enable_virtio_mem = false\nmemory_slots = 99\n"
				      "[nosuch]\na = 1\n"),
			 0);
	snprintf(want, sizeof(want),
		 "%s:5: \"hypervisor.qemu.enable_iommu\" is not supported yet and is ignored\n"
		 "%s:4: unknown key \"hypervisor.qemu.foo\"\n%s:8: unknown key \"nosuch\"\n",
		 f->file, f->file, f->file);
	assert_string_equal(f->warnings.buf, want);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	refused(f, "", ": no [hypervisor.NAME] section");
	refused(f, QEMU, ": neither image nor initrd is set; exactly one is wanted");
	refused(f, QEMU "image = \"/i\"\ninitrd = \"/r\"\n",
		": both image and initrd are set; exactly one is wanted");
	refused(f, QEMU "initrd = \"/r\"\nkernel_verity_params = \"x\"\n",
		": kernel_verity_params are for an image, and initrd is set");
	refused(f, QEMU "image = \"i\"\n", ":3: hypervisor.qemu.image: \"i\" is no absolute path");
	refused(f, QEMU "image = 5\n",
		":3: hypervisor.qemu.image: expected a string, got an integer");
	refused(f, QEMU "image = \"/i\"\nshared_fs = \"virtio-9p\"\n",
		":4: hypervisor.qemu.shared_fs: \"virtio-9p\" is not supported yet");
	refused(f, QEMU "image = \"/i\"\naccelerator = \"hvf\"\n",
		":4: hypervisor.qemu.accelerator: unknown value \"hvf\"");
	refused(f, QEMU "image = \"/i\"\nconfidential_guest = true\n",
		":4: hypervisor.qemu.confidential_guest: not supported yet, and ignoring it would "
		"not be safe");
	refused(f, QEMU "image = \"/i\"\nenable_iommu = 1\n",
		":4: hypervisor.qemu.enable_iommu: expected a boolean, got an integer");
	refused(f, "[hypervisor.clh]\n", ":1: hypervisor.clh: hypervisor \"clh\" is not supported");
	assert_true(load(f, QEMU "x = = 1\n") < 0);
	assert_non_null(strstr(error_text(&f->err), "configuration.toml:3:5: "));
	assert_true(config_load("/nonexistent/c.toml", NULL, NULL, &f->config, &f->err) < 0);
	assert_string_equal(error_text(&f->err), "/nonexistent/c.toml: No such file or directory");
}

static void test_dropins(void **state)
{
	struct fixture *f = *state;
	char path[160];

	snprintf(path, sizeof(path), "%s/config.d", f->dir);
	assert_int_equal(file_mkdir_p(AT_FDCWD, path, 0755, NULL), 0);
	snprintf(path, sizeof(path), "%s/config.d/20-b.toml", f->dir);
	put(path, "[hypervisor.qemu]\ndefault_memory = 512\nimage = \"\"\ninitrd = \"/r\"\n");
	snprintf(path, sizeof(path), "%s/config.d/10-a.toml", f->dir);
	put(path, "[hypervisor.qemu]\ndefault_memory = 128\n[agent.kata]\ndial_timeout = 9\n");
	assert_int_equal(load(f, QEMU "image = \"/i\"\n"), 0);
	assert_int_equal(f->config->memory_mib, 512);
	assert_int_equal(f->config->dial_timeout, 9);
	assert_string_equal(f->config->initrd, "/r");
	assert_null(f->config->image);
	put(path, "broken");
	assert_true(load(f, QEMU "image = \"/i\"\n") < 0);
	assert_non_null(strstr(error_text(&f->err), "config.d/10-a.toml:1:"));
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL;

	assert_int_equal(config_find(f->file, &path, &f->err), 0);
	assert_string_equal(path, f->file);
	/* Only the default places are taken from the environment. */
	setenv("KATA_CONF_FILE", f->file, 1);
	if (access(config_default_paths[0], F_OK) < 0 &&
	    access(config_default_paths[1], F_OK) < 0) {
		free(steal_ptr(path));
		assert_int_equal(config_find(NULL, &path, &f->err), -ENOENT);
		assert_non_null(strstr(error_text(&f->err), "no configuration file"));
	}
	unsetenv("KATA_CONF_FILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_warnings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
