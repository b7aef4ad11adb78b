/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_REAPER_H
#define CONTAINER_REAPER_H

#include <sys/types.h>
#include "base/loop.h"

/*
 * The one place that collects dead children: those that somebody watches, and the orphans that the kernel gives to PID 1 or to a
 * subreaper, which are dropped.
 */
struct reaper;
typedef void (*reaper_fn)(pid_t pid, int wait_status, void *data);

int reaper_new(struct loop *loop, struct reaper **ret);
struct reaper *reaper_free(struct reaper *r);
/* fn is called once, from the loop. 0 or -ENOMEM. */
int reaper_watch(struct reaper *r, pid_t pid, reaper_fn fn, void *data);
/* The child is still collected, but silently. */
void reaper_forget(struct reaper *r, pid_t pid);

#endif
