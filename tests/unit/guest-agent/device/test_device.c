/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "device/device.h"

static void test_form(void **state)
{
	assert_true(device_is_pci_path("02"));
	assert_true(device_is_pci_path("02/03"));
	assert_true(device_is_pci_path("1f.7/00.0"));
	assert_false(device_is_pci_path(""));
	assert_false(device_is_pci_path(NULL));
	assert_false(device_is_pci_path("2"));
	assert_false(device_is_pci_path("20")); /* slots end at 1f */
	assert_false(device_is_pci_path("02/"));
	assert_false(device_is_pci_path("/02"));
	assert_false(device_is_pci_path("02.8"));
	assert_false(device_is_pci_path("02//03"));
	assert_false(device_is_pci_path("/dev/vda"));
	assert_false(device_is_pci_path("01/01/01/01/01/01/01/01/01/01/01/01/01/01/01/01/01"));
}

static void make(const char *root, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/devices/pci0000:00/%s", root, path);
	assert_int_equal(file_mkdir_p(AT_FDCWD, full, 0755, NULL), 0);
}

static void test_lookup(void **state)
{
	char root[] = "/tmp/test-device-XXXXXX";
	struct error err = ERROR_INIT;
	char *name = NULL;

	assert_non_null(mkdtemp(root));
	make(root, "0000:00:05.0/virtio3/block/vdb");
	make(root, "0000:00:02.0/pci_bus/0000:01");
	make(root, "0000:00:02.0/0000:01:03.0/virtio7/block/vdc");
	make(root, "0000:00:06.0/virtio4/net/eth0");
	assert_int_equal(device_block_by_pci(root, "05", &name, &err), 0);
	assert_string_equal(name, "vdb");
	free(name);
	assert_int_equal(device_block_by_pci(root, "02/03", &name, &err), 0);
	assert_string_equal(name, "vdc");
	free(name);
	assert_int_equal(device_block_by_pci(root, "02/04", &name, &err), -EAGAIN);
	assert_string_equal(err.msg, "no block device at PCI path 02/04");
	assert_int_equal(device_block_by_pci(root, "05/01", &name, &err),
			 -EAGAIN); /* not a bridge */
	assert_int_equal(device_block_by_pci(root, "06", &name, &err), -EAGAIN);
	assert_int_equal(device_block_by_pci(root, "vda", &name, &err), -EINVAL);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, NULL), 0);
}

static void test_resolve(void **state)
{
	struct error err = ERROR_INIT;
	char *path = NULL;
	char type = 0;
	dev_t dev = 0;

	assert_int_equal(device_block_resolve("vda", &path, &err), -EINVAL);
	assert_string_equal(err.msg, "\"vda\" is neither a PCI path nor below /dev");
	assert_int_equal(device_block_resolve("/dev/../etc/passwd", &path, &err), -EINVAL);
	assert_int_equal(device_block_resolve("/dev/no-such-disk", &path, &err), -EAGAIN);
	assert_int_equal(device_block_resolve("/dev/null", &path, &err), -EINVAL);
	assert_string_equal(err.msg, "/dev/null is not a block device");
	assert_int_equal(device_number("/dev/null", &type, &dev, &err), 0);
	assert_int_equal(type, 'c');
	assert_int_equal(device_number("/etc/passwd", &type, &dev, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
