/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_AGENT_CTL_REQUEST_AUTO_H
#define TOOLS_AGENT_CTL_REQUEST_AUTO_H

#include "tools/agent-ctl/request.h"

/* What a request gets that nobody has typed; for request.c alone. */

/*
 * For CreateContainer and ExecProcess: the spec, or its process, of the file that spec= names (with or without file://; may be NULL) or
 * of the bundle's config.json. Nothing for other requests, and when there is neither.
 */
int ctl_auto_spec(const struct ctl_values *v, const char *file, struct ctl_request *q,
		  struct error *err);
/* Ids and defaults that are missing. */
int ctl_auto_values(const struct ctl_values *v, struct ctl_request *q, struct error *err);
/* Keeps the request's ids for the next one. */
int ctl_values_remember(struct ctl_values *v, const struct ctl_request *q, struct error *err);

#endif
