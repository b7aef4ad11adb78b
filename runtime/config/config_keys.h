/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_CONFIG_KEYS_H
#define CONFIG_CONFIG_KEYS_H

#include "codec/toml.h"
#include "config/config.h"

/*
 * Only for runtime/config: the keys of upstream's templates that this version reads no meaning from.
 */

/*
 * Marks the known keys below `section` (named `name`, "hypervisor.qemu") as used; warns of, or refuses, those with a value
 * that would matter.
 */
int config_keys_check(struct toml_value *section, const char *name, config_warn_fn warn, void *data,
		      struct error *err);

#endif
