/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HYPERVISOR_QEMU_INTERNAL_H
#define HYPERVISOR_QEMU_INTERNAL_H

#include "base/strbuf.h"
#include "base/strv.h"
#include "hypervisor/hypervisor.h"

/* For qemu*.c and their tests alone: how a VM's parameters become a command line. */

/* PCI slots on the root bus of q35 and pc. Fixed, so that a disk's path is known to the guest's agent. */
#define QEMU_SLOT_CONSOLE 0x02
#define QEMU_SLOT_VSOCK	  0x03
#define QEMU_SLOT_FS	  0x04
#define QEMU_SLOT_RNG	  0x05
#define QEMU_SLOT_IMAGE	  0x06
#define QEMU_SLOT_DISK	  0x08 /* and on */
#define QEMU_SLOT_LAST	  0x1e
#define QEMU_MAX_DISKS	  (QEMU_SLOT_LAST - QEMU_SLOT_DISK + 1)
/* microvm has 24 virtio-mmio transports; the others use five of them. */
#define QEMU_MAX_DISKS_MMIO 16

enum qemu_machine { QEMU_Q35, QEMU_PC, QEMU_MICROVM };

struct qemu_plan {
	const struct vm_params *p;
	enum qemu_machine machine;
	bool kvm;
	bool nvdimm;	     /* the image is pmem */
	uint64_t image_size; /* bytes; when nvdimm */
	uint64_t tsc_khz;    /* of the host; 0: unknown. Used without KVM. */
	bool vhost; /* vsock_fd is /dev/vhost-vsock, else the hypervisor's end of a vhost-user socket */
	uint32_t cid;
	int vsock_fd, qmp_fd, console_fd; /* numbers in the child, the same as here */
};

/* -EINVAL and "machine type "x" is not supported ..."; NULL means q35. */
int qemu_machine_parse(const char *name, enum qemu_machine *ret, struct error *err);
static inline bool qemu_is_pci(enum qemu_machine m)
{
	return m != QEMU_MICROVM;
}
/* Checks what QEMU would only complain about in its own words: counts, sizes, characters that would break an option. */
int qemu_check(const struct qemu_plan *plan, struct error *err);
/* The guest kernel's command line. -ENOMEM. */
int qemu_kernel_params(const struct qemu_plan *plan, struct strbuf *out);
/* argv. -EINVAL or -ENOMEM. */
int qemu_args(const struct qemu_plan *plan, struct strv *out, struct error *err);
/* Ticks of this processor's time stamp counter in a millisecond; 0 where there is none. Takes 2 ms. */
uint64_t qemu_host_tsc_khz(void);

#endif
