/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/compiler.h"
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

	assert_int_equal(device_block_resolve("blk", "vda", &path, &err), -EINVAL);
	assert_string_equal(err.msg, "\"vda\" is neither a PCI path nor below /dev");
	assert_int_equal(device_block_resolve("blk", "/dev/../etc/passwd", &path, &err), -EINVAL);
	assert_int_equal(device_block_resolve("blk", "/dev/no-such-disk", &path, &err), -EAGAIN);
	assert_int_equal(device_block_resolve("blk", "/dev/null", &path, &err), -EINVAL);
	assert_string_equal(err.msg, "/dev/null is not a block device");
	assert_int_equal(device_number("/dev/null", &type, &dev, &err), 0);
	assert_int_equal(type, 'c');
	assert_int_equal(device_number("/etc/passwd", &type, &dev, &err), -EINVAL);
}

static void make_in(const char *root, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(file_mkdir_p(AT_FDCWD, full, 0755, NULL), 0);
}

static void test_network(void **state)
{
	char root[] = "/tmp/test-device-XXXXXX";
	struct error err = ERROR_INIT;
	char *name = NULL;

	assert_non_null(mkdtemp(root));
	make(root, "0000:00:06.0/virtio4/net/eth0");
	make(root, "0000:00:07.0/net/ens7"); /* a passed-through card */
	assert_int_equal(device_net_by_pci(root, "06", &name, &err), 0);
	assert_string_equal(name, "eth0");
	free(name);
	assert_int_equal(device_net_by_pci(root, "07", &name, &err), 0);
	assert_string_equal(name, "ens7");
	free(name);
	assert_int_equal(device_pci_address(root, "07", &name, &err), 0);
	assert_string_equal(name, "0000:00:07.0");
	free(name);
	assert_int_equal(device_pci_address(root, "09", &name, &err), -EAGAIN);
	assert_int_equal(device_net_by_pci(root, "08", &name, &err), -EAGAIN);
	assert_string_equal(err.msg, "no network interface at PCI path 08");
	assert_int_equal(file_remove_tree(AT_FDCWD, root, NULL), 0);
}

static void test_scsi(void **state)
{
	static const char *const bad[] = { "", "1", "1:", ":1", "256:0", "1:2:3", "-1:0", "1:x" };
	char root[] = "/tmp/test-device-XXXXXX", scan[128], text[32] = "";
	struct error err = ERROR_INIT;
	char *name = NULL;
	int fd;

	assert_non_null(mkdtemp(root));
	make_in(root, "class/scsi_host/host3");
	make_in(root, "bus/scsi/devices/3:0:1:12/block/sdb");
	make_in(root, "bus/scsi/devices/3:0:11:2/block/sdc");
	snprintf(scan, sizeof(scan), "%s/class/scsi_host/host3/scan", root);
	fd = open(scan, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(device_block_by_scsi(root, "1:12", &name, &err), 0);
	assert_string_equal(name, "sdb");
	free(name);
	/* What is not there is looked for. */
	assert_int_equal(device_block_by_scsi(root, "1:2", &name, &err), -EAGAIN);
	assert_string_equal(err.msg, "no block device at SCSI address 1:2");
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "- 1 2");
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(device_block_by_scsi(root, bad[i], &name, &err), -EINVAL);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, NULL), 0);
}

static void test_ccw(void **state)
{
	static const char *const bad[] = { "", "0.0.5", "0.0.0005x", "0/0/0005", "0.0.000g" };
	char root[] = "/tmp/test-device-XXXXXX";
	struct error err = ERROR_INIT;
	char *name = NULL;

	assert_non_null(mkdtemp(root));
	make_in(root, "bus/ccw/devices/0.0.0005/virtio2/block/vdc");
	assert_int_equal(device_block_by_ccw(root, "0.0.0005", &name, &err), 0);
	assert_string_equal(name, "vdc");
	free(name);
	assert_int_equal(device_block_by_ccw(root, "0.0.0006", &name, &err), -EAGAIN);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(device_block_by_ccw(root, bad[i], &name, &err), -EINVAL);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, NULL), 0);
}

static void put(const char *root, const char *path)
{
	char full[512];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* Nothing binds here; the files say what the kernel would have been told. */
static void test_vfio(void **state)
{
	char root[] = "/tmp/test-device-XXXXXX", path[160];
	struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	char *group = NULL;

	assert_non_null(mkdtemp(root));
	make_in(root, "bus/pci/devices/0000:00:05.0");
	put(root, "bus/pci/devices/0000:00:05.0/driver_override");
	put(root, "bus/pci/drivers_probe");
	assert_int_equal(device_bind_vfio(root, "0000:00:05.0", &group, &err), -EAGAIN);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/0000:00:05.0/iommu_group", root);
	assert_int_equal(symlink("../../../kernel/iommu_groups/4", path), 0);
	assert_int_equal(device_bind_vfio(root, "0000:00:05.0", &group, &err), 0);
	assert_string_equal(group, "4");
	free(group);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/0000:00:05.0/driver_override", root);
	assert_int_equal(file_read(AT_FDCWD, path, 64, &text, NULL), 0);
	assert_string_equal(text.buf, "vfio-pci");
	strbuf_release(&text);
	assert_int_equal(file_remove_tree(AT_FDCWD, root, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),	cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_resolve), cmocka_unit_test(test_network),
		cmocka_unit_test(test_scsi),	cmocka_unit_test(test_ccw),
		cmocka_unit_test(test_vfio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
