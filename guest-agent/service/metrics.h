/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_METRICS_H
#define SERVICE_METRICS_H

#include <stdint.h>
#include "base/strbuf.h"

/*
 * Upstream's metric families of the agent (kata_agent_*) and the guest (kata_guest_*), from /proc, in Prometheus' text format
 * (prometheus.io/docs/instrumenting/exposition_formats). What the kernel does not tell is left out.
 */
/* root: where proc/ is ("/"; tests give a copy). scrapes: how often it was asked for, this time included. 0 or -ENOMEM. */
int metrics_write(struct strbuf *out, const char *root, uint64_t scrapes);

#endif
