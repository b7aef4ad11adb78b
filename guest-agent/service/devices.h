/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_DEVICES_H
#define SERVICE_DEVICES_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * The devices that a container gets: found in this guest, and the container's document put right, which has the host's numbers and
 * addresses.
 */
#define DEVICES_MAX 256 /* of one container */

struct Grpc__Device;

/*
 * -EAGAIN: one is not there yet, and nothing was changed. Types: blk, mmioblk, scsi, blk-ccw, nvdimm (the node at container_path gets
 * this guest's numbers), vfio-pci-gk (the guest's own driver has it: addresses in PCIDEVICE_ variables become this guest's),
 * vfio-pci (bound to that driver; the container's node is /dev/vfio/GROUP). vfio-ap and CDI are -EOPNOTSUPP.
 */
int devices_apply(struct Grpc__Device *const *devices, size_t n, struct oci_spec *spec,
		  struct error *err);

#endif
