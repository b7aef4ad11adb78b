/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RESOURCES_H
#define CLI_RESOURCES_H

#include "base/error.h"
#include "base/options.h"
#include "base/strbuf.h"

/* The options of `update`, and the OCI resources that they make. */
#define RESOURCE_LIMITS	 13 /* options that set a limit */
#define RESOURCE_OPTIONS (RESOURCE_LIMITS + 2)

struct resource_options {
	const char *file;		     /* --resources */
	const char *l3_cache;		     /* refused: no such thing in a guest */
	const char *limits[RESOURCE_LIMITS]; /* as typed; NULL: not given */
};
void resource_options(struct resource_options *o, struct option_def defs[RESOURCE_OPTIONS]);
/* As JSON. -EINVAL names the option that is no number, or says that there is none. */
int resource_json(const struct resource_options *o, struct strbuf *out, struct error *err);

#endif
