/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INIT_CLOCK_H
#define INIT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * The guest's time of day kept by the host's: the hypervisor's clock, /dev/ptp0 (Documentation/virt/kvm/ptp_kvm), is compared with the
 * system's every CLOCK_PERIOD_USEC. What is far off is set at once: at the start, and after the machine was stopped for a while; what
 * is near is slewed, so that time never runs backwards for it.
 */
#define CLOCK_DEVICE	  "/dev/ptp0"
#define CLOCK_PERIOD_USEC 10000000
#define CLOCK_STEP_NSEC	  100000000 /* from here on it is set */
#define CLOCK_NEAR_NSEC	  100000    /* below it is left alone */

/* The clocks; tests give others. */
struct clock_ops {
	int (*open)(int *ret_fd); /* -ENOENT: the hypervisor has no such clock */
	int (*host)(int fd, int64_t *ret_nsec);
	int (*own)(int64_t *ret_nsec);
	int (*step)(int64_t offset_nsec); /* adds it to the own clock */
	int (*slew)(int64_t offset_nsec);
};
extern const struct clock_ops clock_system;

struct clock_keeper;
/* Looks once at once. -ENOENT: there is no such clock, and nothing to keep. */
int clock_keeper_new(struct loop *loop, const struct clock_ops *ops, struct clock_keeper **ret,
		     struct error *err);
/* NULL accepted; returns NULL. */
struct clock_keeper *clock_keeper_free(struct clock_keeper *k);
/* Looks now. What was done: 's'et, s'l'ewed, 'n'othing, or -errno. */
int clock_keeper_look(struct clock_keeper *k);

#endif
