/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
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
/* A PCI path or "/dev/NAME", to the path of an existing block device. -EAGAIN as above. Malloc'd *ret. */
int device_block_resolve(const char *source, char **ret, struct error *err);
/* Major and minor of a device node. */
int device_number(const char *path, char *ret_type, dev_t *ret, struct error *err);

#endif
