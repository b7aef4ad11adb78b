/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_OCI_DUMP_H
#define TESTS_SUPPORT_OCI_DUMP_H

#include "base/strbuf.h"
#include "oci/spec.h"

/*
 * Writes every field of a spec as JSON, in a fixed order, leaving out what is unset: two specs are equal when their dumps are.
 * 0 or -errno.
 */
int oci_dump(const struct oci_spec *spec, struct strbuf *out);

#endif
