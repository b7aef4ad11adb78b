/* SPDX-License-Identifier: Apache-2.0 */
#include "selfcheck/selfcheck.h"

/* Features that no program in an emulated guest can use, or that the boot itself has used. */

#define NEEDS_KVM      "the emulator offers no paravirtual interface of KVM"
#define NEEDS_HARDWARE "needs a processor of that kind; the emulator has none"

const struct selfcheck untested_checks[] = {
	{ .feature = "kvm-guest", .untested = NEEDS_KVM },
	{ .feature = "sev", .untested = NEEDS_HARDWARE },
	{ .feature = "tdx", .untested = NEEDS_HARDWARE },
	{ .feature = "secure-execution", .untested = NEEDS_HARDWARE },
	{ .feature = "secure-guest", .untested = NEEDS_HARDWARE },
	{ .feature = "mlx5", .untested = "needs a network card of that kind" },
	{ .feature = "virtio-fs-dax",
	  .untested = "QEMU 7.2 has no virtio-fs device with a DAX window" },
	{ .feature = "kaslr",
	  .untested = "one boot cannot tell a random address from a fixed one" },
	{ .feature = "pvh", .untested = "used by the start of vmlinux itself" },
	{ .feature = "mptable",
	  .untested = "used by the start without ACPI (boot_kernel.py, microvm,acpi=off)" },
	{ .feature = "acpi-hotplug",
	  .untested = "used by cpu-hotplug, memory-hotplug and pci-hotplug" },
	{ .feature = "pcie-hotplug",
	  .untested = "used by pci-hotplug on machines with root ports" },
	{ .feature = "debug-info", .untested = "read by gdb from the ELF file, not in a guest" },
	{ .feature = NULL },
};
