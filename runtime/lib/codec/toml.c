/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "codec/path_text.h"
#include "codec/toml_internal.h"

int toml_load(int dirfd, const char *path, struct toml_doc **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	r = file_read(dirfd, path, TOML_MAX_BYTES, &sb, err);
	if (r < 0)
		return r;
	return toml_parse(sb.buf, sb.len, path, ret, err);
}

struct toml_doc *toml_free(struct toml_doc *doc)
{
	if (doc) {
		arena_release(&doc->arena);
		free(doc);
	}
	return NULL;
}

struct toml_value *toml_root(struct toml_doc *doc)
{
	return doc->root;
}

const char *toml_name(const struct toml_doc *doc)
{
	return doc->name;
}

static bool has_kids(const struct toml_value *v)
{
	return v && (v->type == TOML_ARRAY || v->type == TOML_TABLE);
}

struct toml_value *toml_first(struct toml_value *v)
{
	return has_kids(v) ? v->kids.first : NULL;
}

size_t toml_count(const struct toml_value *v)
{
	return has_kids(v) ? v->kids.n : 0;
}

struct toml_value *toml_member(struct toml_value *table, const char *key)
{
	struct toml_value *v;

	if (!table || table->type != TOML_TABLE)
		return NULL;
	v = toml_lookup(table, key, strlen(key));
	if (v)
		v->used = true;
	return v;
}

struct toml_value *toml_find(struct toml_value *table, const char *path)
{
	struct toml_value *v = table;

	while (v && v->type == TOML_TABLE) {
		size_t n = strcspn(path, ".");

		v = toml_lookup(v, path, n);
		if (v)
			v->used = true;
		if (path[n] == '\0')
			return v;
		path += n + 1;
	}
	return NULL;
}

const char *toml_type_text(enum toml_type type)
{
	static const char *const text[] = {
		[TOML_STRING] = "a string",
		[TOML_INTEGER] = "an integer",
		[TOML_FLOAT] = "a float",
		[TOML_BOOLEAN] = "a boolean",
		[TOML_OFFSET_DATETIME] = "a date and time",
		[TOML_LOCAL_DATETIME] = "a local date and time",
		[TOML_LOCAL_DATE] = "a date",
		[TOML_LOCAL_TIME] = "a time",
		[TOML_ARRAY] = "an array",
		[TOML_TABLE] = "a table",
	};

	return (size_t)type < ARRAY_SIZE(text) ? text[type] : "an unknown type";
}

static bool is_bare(const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!toml_bare_key_char((unsigned char)key[i]))
			return false;
	}
	return len > 0;
}

char *toml_key_path(const struct toml_value *v, char buf[TOML_KEY_PATH_MAX])
{
	struct path_text t;

	path_text_init(&t, buf, TOML_KEY_PATH_MAX);
	if (!v->parent)
		path_text_prepend(&t, "(top level)", 11);
	for (; v->parent && !t.cut; v = v->parent) {
		if (!v->key) {
			path_text_prepend_index(&t, v->index);
			continue;
		}
		if (is_bare(v->key, v->key_len))
			path_text_prepend(&t, v->key, v->key_len);
		else
			path_text_prepend_quoted(&t, v->key, v->key_len);
		if (v->parent->parent)
			path_text_prepend(&t, ".", 1);
	}
	return path_text_finish(&t, TOML_KEY_PATH_MAX);
}

int toml_fail(const struct toml_value *v, struct error *err, const char *fmt, ...)
{
	char path[TOML_KEY_PATH_MAX], msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return error_set(err, -EINVAL, "%s:%u: %s: %s", v->doc->name, v->line,
			 toml_key_path(v, path), msg);
}

static int wrong_type(const struct toml_value *v, struct error *err, const char *want)
{
	return toml_fail(v, err, "expected %s, got %s", want, toml_type_text(v->type));
}

int toml_as_string(struct toml_value *v, const char **ret, struct error *err)
{
	if (v->type != TOML_STRING)
		return wrong_type(v, err, "a string");
	if (memchr(v->str.s, '\0', v->str.len))
		return toml_fail(v, err, "the string holds a NUL character");
	v->used = true;
	*ret = v->str.s;
	return 0;
}

int toml_as_table(struct toml_value *v, struct toml_value **ret, struct error *err)
{
	if (v->type != TOML_TABLE)
		return wrong_type(v, err, "a table");
	v->used = true;
	*ret = v;
	return 0;
}

int toml_get_string(struct toml_value *table, const char *path, const char **ret, struct error *err)
{
	struct toml_value *v = toml_find(table, path);
	int r;

	if (!v)
		return 0;
	r = toml_as_string(v, ret, err);
	return r < 0 ? r : 1;
}

int toml_get_bool(struct toml_value *table, const char *path, bool *ret, struct error *err)
{
	struct toml_value *v = toml_find(table, path);

	if (!v)
		return 0;
	if (v->type != TOML_BOOLEAN)
		return wrong_type(v, err, "a boolean");
	*ret = v->b;
	return 1;
}

int toml_get_int(struct toml_value *table, const char *path, int64_t min, int64_t max, int64_t *ret,
		 struct error *err)
{
	struct toml_value *v = toml_find(table, path);

	if (!v)
		return 0;
	if (v->type != TOML_INTEGER)
		return wrong_type(v, err, "an integer");
	if (v->i < min || v->i > max)
		return toml_fail(v, err, "%lld is not between %lld and %lld", (long long)v->i,
				 (long long)min, (long long)max);
	*ret = v->i;
	return 1;
}

int toml_get_u32(struct toml_value *table, const char *path, uint32_t *ret, struct error *err)
{
	int64_t i = 0;
	int r = toml_get_int(table, path, 0, UINT32_MAX, &i, err);

	if (r > 0)
		*ret = (uint32_t)i;
	return r;
}

int toml_get_float(struct toml_value *table, const char *path, double *ret, struct error *err)
{
	struct toml_value *v = toml_find(table, path);

	if (!v)
		return 0;
	if (v->type != TOML_FLOAT && v->type != TOML_INTEGER)
		return wrong_type(v, err, "a number");
	*ret = v->type == TOML_FLOAT ? v->f : (double)v->i;
	return 1;
}

int toml_get_datetime(struct toml_value *table, const char *path, struct toml_datetime *ret,
		      struct error *err)
{
	struct toml_value *v = toml_find(table, path);

	if (!v)
		return 0;
	if (v->type < TOML_OFFSET_DATETIME || v->type > TOML_LOCAL_TIME)
		return wrong_type(v, err, "a date or time");
	*ret = v->dt;
	return 1;
}

int toml_get_table(struct toml_value *table, const char *path, struct toml_value **ret,
		   struct error *err)
{
	struct toml_value *v = toml_find(table, path);
	int r;

	if (!v)
		return 0;
	r = toml_as_table(v, ret, err);
	return r < 0 ? r : 1;
}

int toml_get_array(struct toml_value *table, const char *path, struct toml_value **ret,
		   struct error *err)
{
	struct toml_value *v = toml_find(table, path);

	if (!v)
		return 0;
	if (v->type != TOML_ARRAY)
		return wrong_type(v, err, "an array");
	*ret = v;
	return 1;
}

int toml_get_strings(struct toml_value *table, const char *path, struct toml_value **ret,
		     struct error *err)
{
	struct toml_value *array = NULL, *v;
	const char *s;
	int r;

	r = toml_get_array(table, path, &array, err);
	if (r <= 0)
		return r;
	toml_for_each(v, array)
	{
		r = toml_as_string(v, &s, err);
		if (r < 0)
			return r;
	}
	*ret = array;
	return 1;
}

void toml_use_all(struct toml_value *v)
{
	struct toml_value *kid;

	v->used = true;
	toml_for_each(kid, v) toml_use_all(kid);
}

static int unused_below(struct toml_value *v, int (*fn)(const struct toml_value *v, void *arg),
			void *arg)
{
	struct toml_value *kid;
	int r = 0;

	toml_for_each(kid, v)
	{
		if (v->type == TOML_TABLE && !kid->used)
			r = fn(kid, arg);
		else
			r = unused_below(kid, fn, arg);
		if (r != 0)
			return r;
	}
	return 0;
}

int toml_for_each_unused(struct toml_doc *doc, int (*fn)(const struct toml_value *v, void *arg),
			 void *arg)
{
	return unused_below(doc->root, fn, arg);
}
