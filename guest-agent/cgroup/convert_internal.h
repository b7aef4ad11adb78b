/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CONVERT_INTERNAL_H
#define CGROUP_CONVERT_INTERNAL_H

#include "base/compiler.h"
#include "cgroup/convert.h"

/* What both versions' conversions use. All return 0 or -ENOMEM, and or together: -1 is as good. */

int setting_add(struct cgroup_settings *s, const char *file, const char *value);
int setting_addf(struct cgroup_settings *s, const char *file, const char *fmt, ...) _printf_(3, 4);
int setting_u64(struct cgroup_settings *s, const char *file, uint64_t v);
/* Marks the last one. */
void setting_optional(struct cgroup_settings *s);
void setting_either(struct cgroup_settings *s);
/* "MAJOR:MINOR KEYRATE" for each, KEY as in "rbps=" or "". */
int setting_throttle(struct cgroup_settings *s, const char *file, const char *key,
		     const struct oci_throttle_list *l);
/* -EINVAL for a size that is not a plain word. */
int setting_check_huge(const struct oci_resources *r, struct error *err);
int setting_unified(struct cgroup_settings *s, const struct oci_resources *r, struct error *err);
int setting_rdma(struct cgroup_settings *s, const struct oci_resources *r);

#endif
