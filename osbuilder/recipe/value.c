/* SPDX-License-Identifier: Apache-2.0 */
/* Values as recipes have them: strings of their own, words, paths inside the image, modes. */
#include "recipe/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/strbuf.h"
#include "tree/tree.h"

int recipe_get_str(struct toml_value *t, const char *key, char **ret, struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r <= 0)
		return r;
	free(*ret);
	*ret = strdup(s);
	if (*ret)
		return 1;
	error_oom(err);
	return -ENOMEM;
}

int recipe_need_str(struct toml_value *t, const char *key, char **ret, struct error *err)
{
	int r = recipe_get_str(t, key, ret, err);

	if (r < 0)
		return r;
	if (r == 0 || !*ret)
		return toml_fail(t, err, "'%s' is missing", key);
	return **ret ? 0 : toml_fail(toml_find(t, key), err, "must not be empty");
}

int recipe_get_path(struct toml_value *t, const char *key, char **ret, bool need, struct error *err)
{
	int r = need ? recipe_need_str(t, key, ret, err) : recipe_get_str(t, key, ret, err);
	const char *p = *ret;

	if (r < 0 || !p)
		return r < 0 ? r : 0;
	if (*p != '/')
		return toml_fail(toml_find(t, key), err, "must be an absolute path");
	if (strlen(p) > TREE_PATH_MAX)
		return toml_fail(toml_find(t, key), err, "is longer than %d bytes", TREE_PATH_MAX);
	for (p = strstr(p, ".."); p; p = strstr(p + 1, ".."))
		if (p[-1] == '/' && (p[2] == '/' || !p[2]))
			return toml_fail(toml_find(t, key), err, "must not contain '..'");
	return 0;
}

/* Words that end up in apt's files or command line must not be able to say anything else there. */
bool recipe_word_ok(const char *word)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "+-.:=~_/";

	return *word && *word != '-' && strspn(word, chars) == strlen(word);
}

int recipe_get_words(struct toml_value *t, const char *key, struct strv *ret, struct error *err)
{
	struct toml_value *array = NULL, *v;
	int r = toml_get_strings(t, key, &array, err);

	if (r <= 0)
		return r;
	toml_for_each(v, array)
	{
		const char *s;

		if (toml_as_string(v, &s, err) < 0)
			return err ? err->code : -EINVAL;
		if (!*s || *s == '-')
			return toml_fail(v, err, "'%s' is not a usable word here", s);
		if (strv_add(ret, s) < 0)
			return error_oom(err);
	}
	return 1;
}

int recipe_get_patterns(struct toml_value *t, const char *key, struct strv *ret, struct error *err)
{
	int r = recipe_get_words(t, key, ret, err);

	for (size_t i = 0; r >= 0 && i < ret->n; i++)
		if (ret->v[i][0] != '/')
			return toml_fail(toml_find(t, key), err, "'%s' does not start with '/'",
					 ret->v[i]);
	return r;
}

int recipe_get_mode(struct toml_value *t, const char *key, uint32_t *ret, struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r <= 0)
		return r;
	if (parse_u32(s, 8, ret) < 0 || *ret > 07777)
		return toml_fail(toml_find(t, key), err, "'%s' is not an octal mode", s);
	return 1;
}

int recipe_get_tables(struct toml_value *root, const char *key, struct toml_value **ret,
		      struct error *err)
{
	int r = toml_get_array(root, key, ret, err);

	if (r == 1 && toml_count(*ret) > RECIPE_ITEMS_MAX)
		return toml_fail(*ret, err, "has more than %d elements", RECIPE_ITEMS_MAX);
	return r;
}
