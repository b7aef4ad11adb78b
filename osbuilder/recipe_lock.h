/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OSBUILDER_RECIPE_LOCK_H
#define OSBUILDER_RECIPE_LOCK_H

#include "image.h"
#include "recipe/recipe.h"
#include "source/lock.h"

/* The lock file's name for an applied recipe, malloc'd: DIR/lock-ARCH.toml or DIR/lock-ARCH-systemd.toml beside the recipe. */
char *recipe_lock_path(const struct recipe *rc, const char *arch);
/*
 * For image.c: the lock file that p->lock and the recipe's directory give. 1: *ret is filled and fits the recipe; 0: there is none
 * to be used; -ENOENT when one is needed, -ESTALE with what differs when it does not fit.
 */
int recipe_lock_load(const struct image_build_params *p, const struct recipe *rc, struct lock *ret,
		     struct error *err);

#endif
