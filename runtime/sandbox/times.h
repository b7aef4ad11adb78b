/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_TIMES_H
#define SANDBOX_TIMES_H

#include <stdint.h>

/*
 * When a sandbox reached what: microseconds of CLOCK_MONOTONIC, 0 for not (yet). One line a moment, so that writing, reading and
 * printing need no second list.
 */
#define TIMES_LIST(X)                                                   \
	X(engine_start)	 /* the engine's main began */                  \
	X(rootfs_ready)	 /* shared or packed */                         \
	X(vm_launch)	 /* the hypervisor is being started */          \
	X(vm_started)	 /* its vCPUs run */                            \
	X(guest_driver)	 /* the guest kernel has its vsock driver up */ \
	X(agent_ready)	 /* the agent answered */                       \
	X(sandbox_ready) /* CreateSandbox answered */                   \
	X(container_created)                                            \
	X(container_started)                                            \
	X(container_exited)                                             \
	X(guest_boot_usec) /* not a moment: the guest kernel's clock when the agent started */

struct times {
#define X(name) uint64_t name;
	TIMES_LIST(X)
#undef X
};

#endif
