/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INIT_PID1_H
#define INIT_PID1_H

#include "base/compiler.h"
#include "base/error.h"

/*
 * What only the first process of the guest does. Everything else of the agent also runs as a plain process.
 */

/* Descriptors 0, 1 and 2, the kernel's file systems, the loopback interface, host name, PATH, limits. */
int pid1_setup(struct error *err);
/* Syncs and switches the machine off (falling back to halt). */
_noreturn_ void pid1_power_off(void);
/* Opens what is missing of 0, 1 and 2, so that no other descriptor gets these numbers. For plain processes, too. */
int pid1_standard_fds(const char *path);

#endif
