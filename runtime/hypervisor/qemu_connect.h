/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HYPERVISOR_QEMU_CONNECT_H
#define HYPERVISOR_QEMU_CONNECT_H

#include "base/list.h"
#include "base/loop.h"
#include "hypervisor/hypervisor.h"

/*
 * The transport to a guest under a hypervisor with vhost devices: the kernel's vhost-vsock, or our own vsock device behind
 * vhost-user. One object is one guest.
 */
struct vm_link;

/* Makes the link. *ret_child_fd: the descriptor for the hypervisor (owned by the link until vm_link_started()). */
int vm_link_new(struct loop *loop, enum vm_transport transport, struct vm_link **ret,
		int *ret_child_fd, struct error *err);
struct vm_link *
vm_link_free(struct vm_link *l); /* open connects fail with -ENODEV; NULL accepted */
/* The hypervisor runs: closes what is its own. */
void vm_link_started(struct vm_link *l);
bool vm_link_is_vhost(const struct vm_link *l);
uint32_t vm_link_cid(const struct vm_link *l);
void vm_link_on_driver(struct vm_link *l, void (*fn)(void *data), void *data);
int vm_link_connect(struct vm_link *l, uint32_t port, uint64_t timeout_ms, vm_connect_fn fn,
		    void *data);

#endif
