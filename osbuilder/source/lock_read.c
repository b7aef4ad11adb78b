/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "codec/toml.h"
#include "source/lock.h"

/* What goes into URIs, messages and the file itself again. */
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.:=~_/^"
#define PATH_CHARS WORD_CHARS "%@,"
/* Addresses and paths that a recipe names, with variables such as $basearch; package names with "<" and ">" (apk). */
#define TEXT_CHARS PATH_CHARS "$?&()<>!*; "

static int need_string(struct toml_value *t, const char *key, const char *chars, size_t max,
		       char **ret, struct error *err)
{
	const char *s = NULL;
	int r = toml_get_string(t, key, &s, err);

	if (r < 0)
		return r;
	if (r == 0 || !s)
		return toml_fail(t, err, "'%s' is missing", key);
	if (!*s || strlen(s) > max || strspn(s, chars) != strlen(s))
		return toml_fail(toml_find(t, key), err, "'%.100s' is unusable", s);
	*ret = strdup(s);
	return *ret ? 0 : error_oom(err);
}

static int need_words(struct toml_value *t, const char *key, const char *chars, struct strv *ret,
		      struct error *err)
{
	struct toml_value *array = NULL, *v;
	int r = toml_get_strings(t, key, &array, err);

	if (r < 0)
		return r;
	if (r == 0 || !toml_count(array))
		return toml_fail(t, err, "'%s' is missing", key);
	toml_for_each(v, array)
	{
		const char *s = NULL;

		r = toml_as_string(v, &s, err);
		if (r < 0)
			return r;
		if (!*s || strlen(s) > LOCK_TEXT_MAX || strspn(s, chars) != strlen(s))
			return toml_fail(v, err, "'%.100s' is unusable", s);
		if (strv_add(ret, s) < 0)
			return error_oom(err);
	}
	return 0;
}

/* Relative, and no component that is "" or "." or "..". */
static bool path_is_clean(const char *p)
{
	for (;; p++) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.'))))
			return false;
		p += len;
		if (!*p)
			return true;
	}
}

static int read_package(struct toml_value *t, struct lock_package *p, struct error *err)
{
	_cleanup_free_ char *sha = NULL;
	int64_t size = 0;
	int r = need_string(t, "name", WORD_CHARS, LOCK_WORD_MAX, &p->name, err);

	if (r == 0)
		r = need_string(t, "version", WORD_CHARS, LOCK_WORD_MAX, &p->version, err);
	if (r == 0)
		r = need_string(t, "architecture", WORD_CHARS, LOCK_WORD_MAX, &p->arch, err);
	if (r == 0)
		r = need_string(t, "sha256", WORD_CHARS, LOCK_WORD_MAX, &sha, err);
	if (r == 0 && !store_is_sha256(sha))
		r = toml_fail(toml_find(t, "sha256"), err, "is not a SHA-256 of 64 hex digits");
	if (r == 0)
		r = need_string(t, "path", PATH_CHARS, LOCK_PATH_MAX, &p->path, err);
	if (r == 0 && !path_is_clean(p->path))
		r = toml_fail(toml_find(t, "path"), err, "'%.100s' leaves the archive", p->path);
	if (r != 0 || !sha)
		return r;
	memcpy(p->sha256, sha, sizeof(p->sha256));
	r = toml_get_int(t, "size", 1, (int64_t)STORE_FILE_MAX, &size, err);
	p->size = (uint64_t)size;
	if (r == 0)
		return toml_fail(t, err, "'size' is missing");
	return r < 0 ? r : 0;
}

static int read_resolved(struct toml_value *t, struct lock_packages *ret, struct error *err)
{
	struct toml_value *array = NULL, *v, *pt;
	int r = toml_get_array(t, "resolved", &array, err);

	if (r < 0)
		return r;
	if (r == 0 || !toml_count(array))
		return toml_fail(t, err, "'resolved' is missing");
	if (toml_count(array) > SOURCE_PACKAGES_MAX)
		return toml_fail(array, err, "has more than %d packages", SOURCE_PACKAGES_MAX);
	toml_for_each(v, array)
	{
		struct lock_package *p = lock_packages_add(ret), *before;

		if (!p)
			return error_oom(err);
		r = toml_as_table(v, &pt, err);
		if (r == 0)
			r = read_package(pt, p, err);
		if (r < 0)
			return r;
		before = ret->n > 1 ? p - 1 : NULL;
		if (before &&
		    (strcmp(before->name, p->name) > 0 ||
		     (str_eq(before->name, p->name) && strcmp(before->arch, p->arch) >= 0)))
			return toml_fail(v, err, "'%s' is out of order or there twice", p->name);
	}
	return 0;
}

/* 0 also when it is absent. */
static int get_text(struct toml_value *t, const char *key, char **ret, struct error *err)
{
	return toml_find(t, key) ? need_string(t, key, TEXT_CHARS, LOCK_TEXT_MAX, ret, err) : 0;
}

/* "sha256:" or "sha512:" and hex digits; what it must be exactly is the layout's matter. */
static int read_oci(struct toml_value *t, struct lock_source *s, struct error *err)
{
	int r = need_string(t, "path", TEXT_CHARS, LOCK_TEXT_MAX, &s->path, err);

	if (r == 0)
		r = get_text(t, "reference", &s->reference, err);
	if (r == 0)
		r = need_string(t, "digest", "abcdef0123456789sh:", LOCK_WORD_MAX + 16, &s->digest,
				err);
	return r;
}

static int read_wishes(struct toml_value *t, struct lock_source *s, struct error *err)
{
	const bool deb = str_eq(s->type, "deb");
	int r;

	if (deb) {
		r = need_words(t, "suites", WORD_CHARS, &s->suites, err);
		if (r == 0)
			r = need_words(t, "components", WORD_CHARS, &s->components, err);
	} else {
		r = need_words(t, "repositories", TEXT_CHARS, &s->repositories, err);
	}
	if (r == 0 && str_eq(s->type, "rpm"))
		r = get_text(t, "release", &s->release, err);
	if (r == 0)
		r = need_words(t, "packages", deb ? WORD_CHARS : TEXT_CHARS, &s->packages, err);
	return r;
}

static int read_source(struct toml_value *t, struct lock_source *s, struct error *err)
{
	int r = 0;

	if (toml_find(t, "type"))
		r = need_string(t, "type", WORD_CHARS, LOCK_WORD_MAX, &s->type, err);
	else if (!(s->type = strdup("deb")))
		r = error_oom(err);
	if (r < 0)
		return r;
	if (str_eq(s->type, "oci"))
		return read_oci(t, s, err);
	if (!str_eq(s->type, "deb") && !str_eq(s->type, "apk") && !str_eq(s->type, "rpm"))
		return toml_fail(toml_find(t, "type"), err, "'%.32s' cannot be locked", s->type);
	r = read_wishes(t, s, err);
	return r < 0 ? r : read_resolved(t, &s->resolved, err);
}

static int read_sources(struct toml_value *root, struct lock *l, struct error *err)
{
	struct toml_value *array = NULL, *v, *t;
	int r = toml_get_array(root, "source", &array, err);

	if (r < 0)
		return r;
	toml_for_each(v, array)
	{
		struct lock_source *s = lock_add_source(l, NULL);

		if (!s)
			return error_oom(err);
		r = toml_as_table(v, &t, err);
		if (r == 0)
			r = read_source(t, s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int unknown_key(const struct toml_value *v, void *arg)
{
	return toml_fail(v, arg, "unknown key");
}

int lock_parse(const char *text, size_t len, const char *name, struct lock *ret, struct error *err)
{
	_cleanup_toml_ struct toml_doc *doc = NULL;
	_cleanup_lock_ struct lock l = { 0 };
	struct toml_value *root;
	int64_t format = 0;
	int r = toml_parse(text, len, name, &doc, err);

	if (r < 0)
		return r;
	root = toml_root(doc);
	r = toml_get_int(root, "format", LOCK_FORMAT, LOCK_FORMAT, &format, err);
	if (r == 0)
		return toml_fail(root, err, "'format' is missing (this program knows format %d)",
				 LOCK_FORMAT);
	if (r > 0)
		r = need_string(root, "recipe", WORD_CHARS, LOCK_WORD_MAX, &l.recipe, err);
	if (r == 0)
		r = need_string(root, "architecture", WORD_CHARS, LOCK_WORD_MAX, &l.arch, err);
	if (r == 0)
		r = read_sources(root, &l, err);
	if (r == 0)
		r = toml_for_each_unused(doc, unknown_key, err);
	if (r < 0)
		return r;
	l.file = strdup(name);
	if (!l.file)
		return error_oom(err);
	*ret = l;
	l = (struct lock){ 0 };
	return 0;
}
