/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_OWNER_H
#define SOURCE_OWNER_H

#include "source/layer.h"
#include "source/lock.h"

/*
 * For osbuilder/source/ (and its tests) only. Owners that packages give by name become numbers, by what the packages themselves
 * bring; this machine's users do not matter. A name is looked for, in this order,
 *
 *   in /etc/passwd and /etc/group: those of the last package that has them, else those of the tree;
 *   in sysusers.d(5) files (/usr/lib/sysusers.d, /etc/sysusers.d) of the tree and the packages, taken in the order of their names,
 *   lines "u", "g" and "m" ("m" makes a group only).
 *
 * A user or group without a number in sysusers.d gets one as systemd-sysusers(8) gives it: the highest that is free below
 * 1000. Who is found only in sysusers.d and owns something is then written into /etc/passwd and /etc/group, so that whoever makes the
 * other users later keeps these numbers.
 */
#define OWNER_TEXT_MAX (1u << 20) /* bytes of one such file */
#define OWNERS_MAX     4096	  /* users, and groups */

/*
 * Sets e.uid and e.gid of all entries that have names. `packages` are those of the layers, for messages. A name that nobody
 * defines is refused (-ENOTSUP) with package and entry, or stands for root when `plain` is set.
 */
int owner_resolve(struct layer *const *layers, const struct lock_package *const *packages, size_t n,
		  struct tree *t, bool plain, struct error *err);

#endif
