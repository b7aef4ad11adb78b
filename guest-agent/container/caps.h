/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CAPS_H
#define CONTAINER_CAPS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "oci/spec.h"

/* Capability sets as bit masks by the numbers of linux/capability.h. */
struct cap_sets {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* "CAP_CHOWN" in any case, to its number; -EINVAL for an unknown name. */
int cap_parse(const char *name);
/* "CHOWN" of a number; NULL behind the last. */
const char *cap_name(int number);
/* Unknown names are errors that name them. */
int cap_sets_parse(const struct oci_capabilities *caps, struct cap_sets *ret, struct error *err);

/*
 * Two halves around the change of user: the first drops from the bounding set and asks to keep the permitted set, the second sets
 * the five sets. Capabilities that this process does not have itself (a nested test host) are left out without complaint.
 */
int cap_apply_before_setuid(const struct cap_sets *sets, struct error *err);
int cap_apply_after_setuid(const struct cap_sets *sets, struct error *err);

#endif
