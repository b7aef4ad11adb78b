/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices on buses other than PCI: SCSI, channel I/O, and drivers of PCI functions. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "device/device.h"

#define SCSI_ID_MAX 255
#define CCW_ID_LEN  8 /* "0.0.0005" */

int device_parse_scsi(const char *text, uint32_t *ret_id, uint32_t *ret_lun)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *id = colon ? mem_dup0(text, (size_t)(colon - text)) : NULL;

	if (!id || parse_u32(id, 10, ret_id) < 0 || *ret_id > SCSI_ID_MAX ||
	    parse_u32(colon + 1, 10, ret_lun) < 0)
		return -EINVAL;
	return 0;
}

/* Every host is asked for that one address. Writing waits for the answer of the device, which virtio-scsi gives at once. */
static void scan_scsi(const char *sysfs, uint32_t id, uint32_t lun)
{
	_cleanup_free_ char *dir = str_printf("%s/class/scsi_host", sysfs);
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;
	char path[320], address[48];

	snprintf(address, sizeof(address), "- %u %u", id, lun);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/scan", e->d_name);
		file_write_existing(dirfd(d), path, address, NULL);
	}
	if (d)
		closedir(d);
}

/* The block device of "HOST:CHANNEL:id:lun" of any host and channel; malloc'd name or NULL. */
static char *find_scsi(const char *sysfs, uint32_t id, uint32_t lun)
{
	_cleanup_free_ char *dir = str_printf("%s/bus/scsi/devices", sysfs);
	DIR *d = dir ? opendir(dir) : NULL;
	char want[48], *found = NULL;
	struct dirent *e;

	snprintf(want, sizeof(want), ":%u:%u", id, lun);
	while (d && !found && (e = readdir(d))) {
		_cleanup_free_ char *blocks = NULL;

		if (!str_ends(e->d_name, want))
			continue;
		blocks = str_printf("%s/%s/block", dir, e->d_name);
		found = blocks ? device_first_entry(blocks, "") : NULL;
	}
	if (d)
		closedir(d);
	return found;
}

int device_block_by_scsi(const char *sysfs, const char *address, char **ret, struct error *err)
{
	uint32_t id, lun;

	if (device_parse_scsi(address, &id, &lun) < 0)
		return error_set(err, -EINVAL, "\"%s\" is not a SCSI address (ID:LUN)", address);
	*ret = find_scsi(sysfs, id, lun);
	if (*ret)
		return 0;
	scan_scsi(sysfs, id, lun);
	*ret = find_scsi(sysfs, id, lun);
	return *ret ? 0 : error_set(err, -EAGAIN, "no block device at SCSI address %s", address);
}

/* "0.0.0005": channel subsystem, subchannel set, device number, in hexadecimal. */
static bool is_ccw(const char *s)
{
	static const char form[] = "x.x.xxxx";

	if (strlen(s) != CCW_ID_LEN)
		return false;
	for (size_t i = 0; i < CCW_ID_LEN; i++)
		if (form[i] == '.' ? s[i] != '.' : !strchr("0123456789abcdef", s[i]))
			return false;
	return true;
}

int device_block_by_ccw(const char *sysfs, const char *id, char **ret, struct error *err)
{
	_cleanup_free_ char *dir = NULL, *virtio = NULL, *blocks = NULL;

	if (!is_ccw(id))
		return error_set(err, -EINVAL, "\"%s\" is not a channel device (0.0.xxxx)", id);
	dir = str_printf("%s/bus/ccw/devices/%s", sysfs, id);
	virtio = dir ? device_first_entry(dir, "virtio") : NULL;
	blocks = virtio ? str_printf("%s/%s/block", dir, virtio) : NULL;
	*ret = blocks ? device_first_entry(blocks, "") : NULL;
	return *ret ? 0 : error_set(err, -EAGAIN, "no block device at channel device %s", id);
}

/* ---- PCI functions that are passed through -------------------------------------------------------------------------- */

int device_pci_address(const char *sysfs, const char *pci_path, char **ret, struct error *err)
{
	_cleanup_free_ char *dir = NULL;

	if (!device_is_pci_path(pci_path))
		return error_set(err, -EINVAL, "\"%s\" is not a PCI path", pci_path);
	dir = device_pci_dir(sysfs, pci_path);
	if (!dir)
		return error_set(err, -EAGAIN, "no device at PCI path %s", pci_path);
	*ret = strdup(path_base(dir));
	return *ret ? 0 : error_oom(err);
}

static char *link_target(const char *path)
{
	char buf[512];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);

	return n > 0 ? mem_dup0(buf, (size_t)n) : NULL;
}

int device_bind_vfio(const char *sysfs, const char *address, char **ret_group, struct error *err)
{
	_cleanup_free_ char *dir = str_printf("%s/bus/pci/devices/%s", sysfs, address);
	_cleanup_free_ char *override = str_printf("%s/driver_override", dir ? dir : "");
	_cleanup_free_ char *unbind = str_printf("%s/driver/unbind", dir ? dir : "");
	_cleanup_free_ char *probe = str_printf("%s/bus/pci/drivers_probe", sysfs);
	_cleanup_free_ char *link = str_printf("%s/iommu_group", dir ? dir : ""), *group = NULL;
	_cleanup_free_ char *driver = str_printf("%s/driver", dir ? dir : ""), *now = NULL;

	if (!dir || !override || !unbind || !probe || !link || !driver)
		return error_oom(err);
	now = link_target(driver);
	if (!now || !str_eq(path_base(now), "vfio-pci")) {
		if (file_write_existing(AT_FDCWD, override, "vfio-pci", err) < 0)
			return err->code;
		if (now && file_write_existing(AT_FDCWD, unbind, address, err) < 0)
			return err->code;
		if (file_write_existing(AT_FDCWD, probe, address, err) < 0)
			return err->code;
	}
	group = link_target(link);
	if (!group)
		return error_set(err, -EAGAIN, "PCI device %s has no IOMMU group", address);
	*ret_group = strdup(path_base(group));
	return *ret_group ? 0 : error_oom(err);
}
