/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_LABEL_H
#define CONTAINER_LABEL_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * Labels of the Linux security modules for the coming execve, by /proc/self/attr. Called while /proc is the maker's: what a container
 * calls /proc can be anything (CVE-2019-16884, CVE-2025-52881). A label that the kernel has no module for is refused.
 */
int label_set_exec(const struct oci_process *p, struct error *err);

#endif
