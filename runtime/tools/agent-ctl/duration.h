/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_AGENT_CTL_DURATION_H
#define TOOLS_AGENT_CTL_DURATION_H

#include <stdint.h>
#include "base/error.h"

/*
 * A length of time as people write it: numbers with a unit (ns us ms s m h d), one or more ("1m30s"); a number alone is nanoseconds.
 * Whole numbers only. -EINVAL names the text, -ERANGE beyond 2^63 nanoseconds.
 */
int ctl_duration_parse(const char *text, uint64_t *ret_nsec, struct error *err);

#endif
