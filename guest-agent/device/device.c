/* SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

/* One "SS" or "SS.F": two hex digits of slot (0..1f), one of function (0..7). Returns the rest, or NULL. */
static const char *parse_slot(const char *s, unsigned int *slot, unsigned int *fn)
{
	unsigned char byte;

	if (strnlen(s, 2) < 2 || hex_decode(&byte, 1, (char[]){ s[0], s[1], '\0' }) < 0 ||
	    byte > 0x1f)
		return NULL;
	*slot = byte;
	*fn = 0;
	s += 2;
	if (*s == '.') {
		if (s[1] < '0' || s[1] > '7')
			return NULL;
		*fn = (unsigned int)(s[1] - '0');
		s += 2;
	}
	if (*s == '/')
		return s[1] ? s + 1 : NULL;
	return *s ? NULL : s;
}

bool device_is_pci_path(const char *s)
{
	unsigned int slot, fn, depth = 0;

	if (!s || !*s)
		return false;
	while (*s) {
		s = parse_slot(s, &slot, &fn);
		if (!s || ++depth > PCI_PATH_MAX_DEPTH)
			return false;
	}
	return true;
}

char *device_first_entry(const char *path, const char *prefix)
{
	DIR *d = opendir(path);
	char *found = NULL;
	struct dirent *e;

	if (!d)
		return NULL;
	while (!found && (e = readdir(d)))
		if (e->d_name[0] != '.' && str_after(e->d_name, prefix))
			found = strdup(e->d_name);
	closedir(d);
	return found;
}

char *device_pci_dir(const char *sysfs, const char *pci_path)
{
	_cleanup_free_ char *dir = str_printf("%s/devices/pci0000:00", sysfs);
	_cleanup_free_ char *bus = strdup("0000:00");

	while (dir && bus && *pci_path) {
		unsigned int slot, fn;
		char *next, *buses;

		pci_path = parse_slot(pci_path, &slot, &fn);
		if (!pci_path)
			return NULL;
		next = str_printf("%s/%s:%02x.%u", dir, bus, slot, fn);
		free(dir);
		dir = next;
		if (!*pci_path || !dir)
			break;
		/* A bridge tells the number of the bus behind it: .../pci_bus/0000:01 */
		buses = str_printf("%s/pci_bus", dir);
		free(bus);
		bus = buses ? device_first_entry(buses, "") : NULL;
		free(buses);
	}
	return bus && dir && access(dir, F_OK) == 0 ? steal_ptr(dir) : NULL;
}

int device_block_by_pci(const char *sysfs, const char *pci_path, char **ret, struct error *err)
{
	_cleanup_free_ char *dir = NULL, *virtio = NULL, *blocks = NULL, *name = NULL;

	if (!device_is_pci_path(pci_path))
		return error_set(err, -EINVAL, "\"%s\" is not a PCI path", pci_path);
	dir = device_pci_dir(sysfs, pci_path);
	virtio = dir ? device_first_entry(dir, "virtio") : NULL;
	blocks = virtio ? str_printf("%s/%s/block", dir, virtio) : NULL;
	name = blocks ? device_first_entry(blocks, "") : NULL;
	if (!name)
		return error_set(err, -EAGAIN, "no block device at PCI path %s", pci_path);
	*ret = steal_ptr(name);
	return 0;
}

/* The first entry of DIR/KIND, or of DIR/virtioN/KIND. */
static char *class_entry(const char *dir, const char *kind)
{
	_cleanup_free_ char *own = str_printf("%s/%s", dir, kind), *virtio = NULL, *below = NULL;
	char *name = own ? device_first_entry(own, "") : NULL;

	if (name)
		return name;
	virtio = device_first_entry(dir, "virtio");
	below = virtio ? str_printf("%s/%s/%s", dir, virtio, kind) : NULL;
	return below ? device_first_entry(below, "") : NULL;
}

int device_net_by_pci(const char *sysfs, const char *pci_path, char **ret, struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	char *name;

	if (!device_is_pci_path(pci_path))
		return error_set(err, -EINVAL, "\"%s\" is not a PCI path", pci_path);
	dir = device_pci_dir(sysfs, pci_path);
	name = dir ? class_entry(dir, "net") : NULL;
	if (!name)
		return error_set(err, -EAGAIN, "no network interface at PCI path %s", pci_path);
	*ret = name;
	return 0;
}

/* Each of these gives a name below /dev. */
static int find_name(const char *bus, const char *source, char **ret, struct error *err)
{
	if (str_eq(bus, "scsi"))
		return device_block_by_scsi("/sys", source, ret, err);
	if (str_eq(bus, "blk-ccw"))
		return device_block_by_ccw("/sys", source, ret, err);
	return device_block_by_pci("/sys", source, ret, err);
}

int device_block_resolve(const char *bus, const char *source, char **ret, struct error *err)
{
	const char *name = source ? str_after(source, "/dev/") : NULL;
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (name && *name && !strstr(name, "..")) {
		path = strdup(source);
	} else if (str_eq(bus, "scsi") || str_eq(bus, "blk-ccw") || device_is_pci_path(source)) {
		_cleanup_free_ char *found = NULL;
		int r = find_name(bus, source ? source : "", &found, err);

		if (r < 0)
			return r;
		path = str_printf("/dev/%s", found);
	} else {
		return error_set(err, -EINVAL, "\"%s\" is neither a PCI path nor below /dev",
				 source ? source : "");
	}
	if (!path)
		return error_oom(err);
	if (stat(path, &st) < 0)
		return error_set(err, errno == ENOENT ? -EAGAIN : -errno, "device %s: %s", path,
				 strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return error_set(err, -EINVAL, "%s is not a block device", path);
	*ret = steal_ptr(path);
	return 0;
}

int device_number(const char *path, char *ret_type, dev_t *ret, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, -errno, "device %s", path);
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return error_set(err, -EINVAL, "%s is not a device", path);
	*ret_type = S_ISBLK(st.st_mode) ? 'b' : 'c';
	*ret = st.st_rdev;
	return 0;
}
