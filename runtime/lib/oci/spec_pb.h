/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_SPEC_PB_H
#define OCI_SPEC_PB_H

#include "oci/spec.h"
#include "wire/oci.pb-c.h"

/*
 * struct oci_spec <-> the agent protocol's oci.proto (package grpc). What the protocol cannot carry (unified, umask, time
 * offsets, seccomp listener...) is sent in fields of our own with numbers from 1000 up, which other agents ignore.
 */

/* Builds the message inside the arena; it lives as long as the arena and the spec. NULL: out of memory. */
Grpc__Spec *oci_spec_to_pb(struct arena *a, const struct oci_spec *spec);
Grpc__Process *oci_process_to_pb(struct arena *a, const struct oci_process *p);
/* The reverse, copying everything; limits as in the JSON reader. */
int oci_spec_from_pb(const Grpc__Spec *msg, struct oci_spec **ret, struct error *err);
int oci_process_from_pb(const Grpc__Process *msg, struct oci_process_doc **ret, struct error *err);

#endif
