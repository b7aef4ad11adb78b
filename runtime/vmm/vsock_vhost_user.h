/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_VSOCK_VHOST_USER_H
#define VMM_VSOCK_VHOST_USER_H

#include "vmm/vhost_user.h"

/* The vsock device (a struct vsock_device as `dev`) as a vhost-user back-end. */
extern const struct vhost_user_device vsock_vhost_user;

#endif
