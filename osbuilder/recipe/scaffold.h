/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECIPE_SCAFFOLD_H
#define RECIPE_SCAFFOLD_H

#include "base/error.h"

/*
 * A new recipe: DIR/NAME with a commented recipe.toml and what it names. It builds as it is, once there is what no program can
 * bring along: `deb`, `rpm` and `apk` want the distribution's public keys, `oci` an image; the comments say where.
 *
 * `from` is a type of source: "deb", "rpm", "apk", "oci", or "dir" for a directory of files without any distribution.
 */
#define SCAFFOLD_NAME_MAX 64

struct scaffold_params {
	const char *name; /* [a-z0-9][a-z0-9._-]*, at most SCAFFOLD_NAME_MAX bytes */
	const char *from; /* NULL: "deb" */
	const char *recipes_dir;
};
/*
 * *ret_file is the path of the new recipe.toml, malloc'd. -EINVAL: name or type; -EEXIST: there is something of this name; -ENOENT: no
 * recipes_dir. The directory appears when all of it is written.
 */
int scaffold_recipe(const struct scaffold_params *p, char **ret_file, struct error *err);

#endif
