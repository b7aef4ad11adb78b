/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECIPE_PARTS_H
#define RECIPE_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"
#include "codec/toml.h"
#include "recipe/recipe.h"

/* For osbuilder/recipe/ only: the parts of a recipe, and the values that they have in common. Errors are toml_fail()'s. */

/* A copied string that replaces *ret; 1 present, 0 absent (*ret untouched). */
int recipe_get_str(struct toml_value *t, const char *key, char **ret, struct error *err);
/* As recipe_get_str(), but a value is needed and must not be empty. */
int recipe_need_str(struct toml_value *t, const char *key, char **ret, struct error *err);
/* A path inside the image: absolute, without "..". 0 also when it is absent and not needed. */
int recipe_get_path(struct toml_value *t, const char *key, char **ret, bool need,
		    struct error *err);
/* Appends; words that are empty or look like an option are refused. 1 present, 0 absent. */
int recipe_get_words(struct toml_value *t, const char *key, struct strv *ret, struct error *err);
/* As recipe_get_words(), of absolute paths that may be patterns. */
int recipe_get_patterns(struct toml_value *t, const char *key, struct strv *ret, struct error *err);
/* An octal mode in a string; 1 present, 0 absent. */
int recipe_get_mode(struct toml_value *t, const char *key, uint32_t *ret, struct error *err);
/* An array of at most RECIPE_ITEMS_MAX tables; 1 present, 0 absent. */
int recipe_get_tables(struct toml_value *root, const char *key, struct toml_value **ret,
		      struct error *err);

/* Can the word stand in a list of packages, and in the files and command lines of package managers? */
bool recipe_word_ok(const char *word);

/* [agent], [systemd], [guest]. */
int recipe_read_guest(struct toml_value *root, struct recipe *rc, struct error *err);
void recipe_guest_release(struct recipe *rc);
/* [[user]], [[group]], [[owner]]. */
int recipe_read_accounts(struct toml_value *root, struct recipe *rc, struct error *err);
void recipe_accounts_release(struct recipe *rc);
/* [[source]]. */
int recipe_read_sources(struct toml_value *root, struct recipe *rc, struct error *err);
void recipe_source_release(struct source_spec *s);

#endif
