/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFCHECK_LINK_H
#define SELFCHECK_LINK_H

#include "base/error.h"

/* Network devices, over rtnetlink and ioctl. */

/* Makes a link of that kind ("dummy", "veth", ...); lower: the device below it, or NULL. */
int link_add(const char *name, const char *kind, const char *lower, struct error *err);
/* Sets the device up; address: IPv4 in text with a /24 mask, or NULL. */
int link_up(const char *name, const char *address, struct error *err);

#endif
