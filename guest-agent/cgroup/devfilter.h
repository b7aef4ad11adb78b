/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_DEVFILTER_H
#define CGROUP_DEVFILTER_H

#include <linux/bpf.h>
#include <stddef.h>
#include "base/error.h"
#include "oci/spec.h"

/*
 * linux.resources.devices under cgroup v2: a BPF program of type CGROUP_DEVICE that the kernel asks before every mknod and open of a
 * device (Documentation/admin-guide/cgroup-v2.rst, "Device controller").
 *
 * The last rule that matches decides, and nothing matching means no. Making nodes, and using the devices that every container has,
 * is always allowed, as other runtimes do.
 */
#define DEVFILTER_MAX_RULES 1024

/* Malloc'd *ret with *ret_n instructions. -EINVAL names the rule by its index. */
int devfilter_program(const struct oci_device_rule *rules, size_t n, struct bpf_insn **ret,
		      size_t *ret_n, struct error *err);
/* Loads the rules' program and attaches it to the cgroup's directory. */
int devfilter_attach(int cgroup_fd, const struct oci_device_rule *rules, size_t n,
		     struct error *err);

#endif
