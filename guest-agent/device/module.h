/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_MODULE_H
#define DEVICE_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/strv.h"

/*
 * Kernel modules: by the guest's modprobe where it has one (which knows aliases and options of the image), else by modules.dep of
 * depmod(8). Both may take long: for a process of its own.
 */
#define MODULE_NAME_MAX	  64
#define MODULE_PARAMS_MAX 64
#define MODULES_MAX	  64	      /* of one sandbox */
#define MODULES_DEP_MAX	  (16u << 20) /* bytes of modules.dep */

/* Letters, digits, "_" and "-"; not "-" in front. */
bool module_name_ok(const char *name);
/* params: "name=value". One that is there already, or built in, is no error. */
int module_load(const char *name, char *const *params, size_t n_params, struct error *err);
/*
 * The files of a module and of all that it needs, in the order of loading, out of modules.dep's text. "-" and "_" are the same.
 * -ENOENT, -ENOMEM.
 */
int module_files(const char *dep, const char *name, struct strv *ret);

#endif
