/* SPDX-License-Identifier: Apache-2.0 */
/* The [[source]] tables. */
#include "recipe/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

void recipe_source_release(struct source_spec *s)
{
	free(s->type);
	free(s->path);
	free(s->target);
	strv_release(&s->suites);
	strv_release(&s->components);
	strv_release(&s->packages);
	strv_release(&s->omit);
	strv_release(&s->repositories);
	strv_release(&s->keys);
	free(s->mirror);
	free(s->security_mirror);
	free(s->keyring);
	free(s->reference);
	free(s->release);
}

static int check_words(struct toml_value *t, const char *key, const struct strv *sv,
		       struct error *err)
{
	for (size_t i = 0; i < sv->n; i++)
		if (!recipe_word_ok(sv->v[i]))
			return toml_fail(toml_find(t, key), err, "'%s' has unusable characters",
					 sv->v[i]);
	return 0;
}

static int check_url(struct toml_value *t, const char *key, const char *url, struct error *err)
{
	if (url && strpbrk(url, " \t\r\n\"#"))
		return toml_fail(toml_find(t, key), err, "has unusable characters");
	return 0;
}

/* `need`: of a source itself, and not what overrides it. */
static int read_deb(struct toml_value *t, bool need, struct source_spec *s, struct error *err)
{
	static const char *const keys[] = { "suites", "components", "packages", "omit" };
	struct strv *const lists[] = { &s->suites, &s->components, &s->packages, &s->omit };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		r = recipe_get_words(t, keys[i], lists[i], err);
		if (r >= 0)
			r = check_words(t, keys[i], lists[i], err);
		if (r >= 0 && need && !lists[i]->n && i < 3)
			r = toml_fail(t, err, "'%s' is missing", keys[i]);
	}
	if (r >= 0)
		r = recipe_get_str(t, "mirror", &s->mirror, err);
	if (r >= 0)
		r = recipe_get_str(t, "security_mirror", &s->security_mirror, err);
	if (r >= 0)
		r = recipe_get_str(t, "keyring", &s->keyring, err);
	if (r >= 0)
		r = check_url(t, "mirror", s->mirror, err);
	if (r >= 0)
		r = check_url(t, "security_mirror", s->security_mirror, err);
	if (r >= 0)
		r = check_url(t, "keyring", s->keyring, err);
	return r < 0 ? r : 0;
}

static int read_repositories(struct toml_value *t, struct source_spec *s, struct error *err)
{
	static const char *const keys[] = { "repositories", "keys", "packages", "omit" };
	struct strv *const lists[] = { &s->repositories, &s->keys, &s->packages, &s->omit };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		r = recipe_get_words(t, keys[i], lists[i], err);
		for (size_t k = 0; r >= 0 && k < lists[i]->n; k++)
			r = check_url(t, keys[i], lists[i]->v[k], err);
		if (r >= 0 && !lists[i]->n && i < 3)
			r = toml_fail(t, err, "'%s' is missing", keys[i]);
	}
	if (r >= 0 && str_eq(s->type, "rpm"))
		r = recipe_get_str(t, "release", &s->release, err);
	if (r >= 0 && s->release && s->release[strcspn(s->release, " \t\r\n/")])
		r = toml_fail(toml_find(t, "release"), err, "has unusable characters");
	if (r >= 0 && str_eq(s->type, "rpm"))
		r = toml_get_bool(t, "plain_owners", &s->plain_owners, err);
	return r < 0 ? r : 0;
}

static int read_source(struct toml_value *t, struct source_spec *s, struct error *err)
{
	int r = recipe_need_str(t, "type", &s->type, err);

	s->mode = 0644;
	if (r < 0)
		return r;
	if (!source_find(s->type))
		return toml_fail(toml_find(t, "type"), err, "unknown source type '%s'", s->type);
	if (str_eq(s->type, "deb"))
		return read_deb(t, true, s, err);
	if (str_eq(s->type, "apk") || str_eq(s->type, "rpm"))
		return read_repositories(t, s, err);
	r = recipe_need_str(t, "path", &s->path, err);
	if (r >= 0 && str_eq(s->type, "oci"))
		r = recipe_get_str(t, "reference", &s->reference, err);
	if (r >= 0)
		r = str_eq(s->type, "modules") ? 0
					       : recipe_get_path(t, "target", &s->target,
								 str_eq(s->type, "file"), err);
	if (r == 0 && str_eq(s->type, "file"))
		r = recipe_get_mode(t, "mode", &s->mode, err);
	return r < 0 ? r : 0;
}

/* [source.arch.ARCH] of the source with this index. */
static int read_overrides(struct toml_value *t, struct recipe *rc, size_t source, struct error *err)
{
	struct toml_value *archs = NULL, *v, *one;
	int r = 0;

	if (str_eq(rc->sources[source].type, "deb"))
		r = toml_get_table(t, "arch", &archs, err);
	if (r <= 0)
		return r;
	toml_for_each(v, archs)
	{
		struct recipe_override *o;

		if (!source_debian_arch(v->key))
			return toml_fail(v, err, "unknown architecture '%s'", v->key);
		r = toml_as_table(v, &one, err);
		if (r < 0)
			return r;
		if (array_reserve(&rc->overrides, &rc->cap_overrides, rc->n_overrides + 1,
				  sizeof(*rc->overrides)) < 0)
			return error_oom(err);
		o = &rc->overrides[rc->n_overrides++];
		*o = (struct recipe_override){ .source = source, .arch = strdup(v->key) };
		r = o->arch ? read_deb(one, false, &o->spec, err) : error_oom(err);
		if (r < 0)
			return r;
	}
	return 0;
}

int recipe_read_sources(struct toml_value *root, struct recipe *rc, struct error *err)
{
	struct toml_value *array = NULL, *v, *t;
	int r = recipe_get_tables(root, "source", &array, err);

	if (r <= 0)
		return r;
	rc->sources = new0_array(struct source_spec, toml_count(array));
	if (!rc->sources)
		return error_oom(err);
	toml_for_each(v, array)
	{
		r = toml_as_table(v, &t, err);
		if (r == 0)
			r = read_source(t, &rc->sources[rc->n_sources++], err);
		if (r == 0)
			r = read_overrides(t, rc, rc->n_sources - 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}
