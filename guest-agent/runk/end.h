/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_END_H
#define RUNK_END_H

#include "runk/runk.h"
#include "runk/state.h"

/* SIGKILL to all of the container, and waits until its first process is gone. */
int kill_container(const struct state *s, struct error *err);
/* Removes what a stopped container left: cgroup, state. Runs the poststop hooks. */
int remove_container(const struct runk *rk, const struct state *s, struct error *err);

#endif
