/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

/*
 * Finding devices that the host plugged in. Nothing waits: -EAGAIN means "not there yet", and the caller tries again until its own
 * deadline (agent.hotplug_timeout).
 */

#define PCI_PATH_MAX_DEPTH 16 /* bridges on the way to a device */

/* "02/03", "02.0/1f.7": slots from the root bus down, each with an optional function. True if it has that form. */
bool device_is_pci_path(const char *s);
/*
 * The block device at a PCI path: its name below /dev in *ret (malloc'd). sysfs: the mount point ("/sys"; tests pass a copy).
 * -EAGAIN: nothing there yet, -EINVAL: no such form.
 */
int device_block_by_pci(const char *sysfs, const char *pci_path, char **ret, struct error *err);
/* The network interface of the PCI function, by name (malloc'd). As above. */
int device_net_by_pci(const char *sysfs, const char *pci_path, char **ret, struct error *err);
/* "ID:LUN", as QEMU's virtio-scsi has them; the hosts are asked to look for it. As above. */
int device_block_by_scsi(const char *sysfs, const char *address, char **ret, struct error *err);
int device_parse_scsi(const char *text, uint32_t *ret_id, uint32_t *ret_lun);
/* "0.0.0005", a virtio device on s390x's channels. As above. */
int device_block_by_ccw(const char *sysfs, const char *id, char **ret, struct error *err);
/*
 * "/dev/NAME" for every bus, or the address that the bus ("blk", "mmioblk", "scsi", "blk-ccw", "nvdimm") has, to the path of an existing
 * block device. -EAGAIN as above. Malloc'd *ret.
 */
int device_block_resolve(const char *bus, const char *source, char **ret, struct error *err);
/* The address of the function at a PCI path ("0000:01:00.0"), malloc'd. -EAGAIN as above. */
int device_pci_address(const char *sysfs, const char *pci_path, char **ret, struct error *err);
/*
 * Gives a PCI function to the vfio-pci driver, for programs that drive it themselves: its group, N of /dev/vfio/N, malloc'd.
 * -EAGAIN while it has none.
 */
int device_bind_vfio(const char *sysfs, const char *address, char **ret_group, struct error *err);
/* The only, or first, entry of a directory that starts with prefix; malloc'd or NULL. */
char *device_first_entry(const char *path, const char *prefix);
/* The sysfs directory of the PCI function; NULL when it, or a bridge above it, is not there. */
char *device_pci_dir(const char *sysfs, const char *pci_path);
/* Major and minor of a device node. */
int device_number(const char *path, char *ret_type, dev_t *ret, struct error *err);

#endif
