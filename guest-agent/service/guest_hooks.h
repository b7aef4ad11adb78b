/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_GUEST_HOOKS_H
#define SERVICE_GUEST_HOOKS_H

#include "base/error.h"
#include "oci/spec.h"

/*
 * Hooks of the guest image: programs in DIR/prestart, DIR/poststart and DIR/poststop, run for every container after those that its
 * document names, in the order of their names.
 */
#define GUEST_HOOKS_MAX 64 /* programs of one kind */

/* dir: absolute. A directory that is missing has none; a file that cannot be executed is passed over. */
int guest_hooks_add(const char *dir, struct oci_spec *spec, struct error *err);

#endif
