/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_HOTPLUG_H
#define SERVICE_HOTPLUG_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * Waiting for devices that the host is plugging in: something is tried, and tried again whenever the kernel tells of a device, until it
 * works, fails or its time is over. Nothing listens while nobody waits.
 */
struct hotplug;
struct hotplug_wait;

/* -EAGAIN: not there yet. Anything else is the result. */
typedef int (*hotplug_try_fn)(void *data, struct error *err);
/* Once; err is NULL on success, and what the last try said, with -ETIMEDOUT, when the time is over. */
typedef void (*hotplug_done_fn)(const struct error *err, void *data);

int hotplug_new(struct loop *loop, struct hotplug **ret);
/* No wait may be left. NULL accepted; returns NULL. */
struct hotplug *hotplug_free(struct hotplug *h);
/* *slot is the wait while it lasts, else NULL. done may be called from inside. -ENOMEM: it is not called. */
int hotplug_wait(struct hotplug *h, uint64_t usec, hotplug_try_fn try_fn, hotplug_done_fn done,
		 void *data, struct hotplug_wait **slot);
/* Gives up without calling back. NULL accepted. */
void hotplug_cancel(struct hotplug_wait *w);

#endif
