/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "codec/json_internal.h"
#include "codec/path_text.h"

int json_doc_parse(const char *text, size_t len, size_t max, struct json_doc **ret,
		   struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	int r;

	if (len > max)
		return error_set(err, -EFBIG, "larger than %zu bytes", max);
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		return error_oom(err);
	r = json_parse_text(doc, text, len, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(doc);
	return 0;
}

int json_doc_load(int dirfd, const char *path, size_t max, struct json_doc **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	r = file_read(dirfd, path, max, &sb, err);
	if (r < 0)
		return r;
	r = json_doc_parse(sb.buf, sb.len, max, ret, err);
	return r < 0 ? error_wrap(err, r, "%s", path) : 0;
}

struct json_doc *json_doc_free(struct json_doc *doc)
{
	if (doc) {
		arena_release(&doc->arena);
		free(doc);
	}
	return NULL;
}

const struct json_value *json_doc_root(const struct json_doc *doc)
{
	return doc->root;
}

static bool has_kids(const struct json_value *v)
{
	return v && (v->kind == JSON_KIND_ARRAY || v->kind == JSON_KIND_OBJECT);
}

const struct json_value *json_first(const struct json_value *v)
{
	return has_kids(v) ? v->kids.first : NULL;
}

size_t json_count(const struct json_value *v)
{
	return has_kids(v) ? v->kids.n : 0;
}

const struct json_value *json_find(const struct json_value *obj, const char *key)
{
	const struct json_value *v;

	if (!obj || obj->kind != JSON_KIND_OBJECT)
		return NULL;
	json_for_each(v, obj)
	{
		if (strcmp(v->key, key) == 0)
			return v->kind == JSON_KIND_NULL ? NULL : v;
	}
	return NULL;
}

const char *json_kind_text(const struct json_value *v)
{
	static const char *const text[] = {
		[JSON_KIND_NULL] = "null",	[JSON_KIND_BOOL] = "a boolean",
		[JSON_KIND_INT] = "a number",	[JSON_KIND_UINT] = "a number",
		[JSON_KIND_REAL] = "a number",	[JSON_KIND_STRING] = "a string",
		[JSON_KIND_ARRAY] = "an array", [JSON_KIND_OBJECT] = "an object",
	};

	return v ? text[v->kind] : "nothing";
}

static bool is_word(const char *key)
{
	for (const char *c = key; *c; c++) {
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || *c == '_' || *c == '-'))
			return false;
	}
	return *key != '\0';
}

static void prepend_key(struct path_text *t, const char *key, bool first)
{
	if (is_word(key)) {
		path_text_prepend(t, key, strlen(key));
		if (!first)
			path_text_prepend(t, ".", 1);
	} else {
		path_text_prepend(t, "]", 1);
		path_text_prepend_quoted(t, key, strlen(key));
		path_text_prepend(t, "[", 1);
	}
}

/* With `key` not NULL: the path of v's member of that name, whether it exists or not. */
static char *path_of(const struct json_value *v, const char *key, char buf[JSON_PATH_MAX])
{
	struct path_text t;

	path_text_init(&t, buf, JSON_PATH_MAX);
	if (key)
		prepend_key(&t, key, !v->parent);
	else if (!v->parent)
		path_text_prepend(&t, "(root)", 6);
	for (; v->parent && !t.cut; v = v->parent) {
		if (v->key)
			prepend_key(&t, v->key, !v->parent->parent);
		else
			path_text_prepend_index(&t, v->index);
	}
	return path_text_finish(&t, JSON_PATH_MAX);
}

char *json_path(const struct json_value *v, char buf[JSON_PATH_MAX])
{
	return path_of(v, NULL, buf);
}

int json_fail(const struct json_value *v, struct error *err, const char *fmt, ...)
{
	char path[JSON_PATH_MAX], msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return error_set(err, -EINVAL, "%s: %s", json_path(v, path), msg);
}

static int wrong_kind(const struct json_value *v, struct error *err, const char *want)
{
	return json_fail(v, err, "expected %s, got %s", want, json_kind_text(v));
}

int json_as_string(const struct json_value *v, const char **ret, struct error *err)
{
	if (v->kind != JSON_KIND_STRING)
		return wrong_kind(v, err, "a string");
	*ret = v->str.s;
	return 0;
}

int json_as_bool(const struct json_value *v, bool *ret, struct error *err)
{
	if (v->kind != JSON_KIND_BOOL)
		return wrong_kind(v, err, "a boolean");
	*ret = v->b;
	return 0;
}

static int as_ranged(const struct json_value *v, int64_t min, int64_t max, int64_t *ret,
		     struct error *err)
{
	if (v->kind == JSON_KIND_REAL)
		return json_fail(v, err, "expected an integer, got a number with a fraction");
	if (v->kind != JSON_KIND_INT && v->kind != JSON_KIND_UINT)
		return wrong_kind(v, err, "an integer");
	if (v->kind == JSON_KIND_UINT)
		return json_fail(v, err, "%llu is not between %lld and %lld",
				 (unsigned long long)v->u, (long long)min, (long long)max);
	if (v->i < min || v->i > max)
		return json_fail(v, err, "%lld is not between %lld and %lld", (long long)v->i,
				 (long long)min, (long long)max);
	*ret = v->i;
	return 0;
}

int json_as_i64(const struct json_value *v, int64_t *ret, struct error *err)
{
	return as_ranged(v, INT64_MIN, INT64_MAX, ret, err);
}

int json_as_u64(const struct json_value *v, uint64_t *ret, struct error *err)
{
	int64_t i = 0;
	int r;

	if (v->kind == JSON_KIND_UINT) {
		*ret = v->u;
		return 0;
	}
	if (v->kind == JSON_KIND_INT && v->i < 0)
		return json_fail(v, err, "%lld is negative", (long long)v->i);
	r = as_ranged(v, 0, INT64_MAX, &i, err);
	if (r == 0)
		*ret = (uint64_t)i;
	return r;
}

/* The narrower integers, by their limits. */
#define DEFINE_AS_INT(name, type, min, max)                                          \
	int json_as_##name(const struct json_value *v, type *ret, struct error *err) \
	{                                                                            \
		int64_t i = 0;                                                       \
		int r = as_ranged(v, min, max, &i, err);                             \
                                                                                     \
		if (r == 0)                                                          \
			*ret = (type)i;                                              \
		return r;                                                            \
	}
DEFINE_AS_INT(i32, int32_t, INT32_MIN, INT32_MAX)
DEFINE_AS_INT(u32, uint32_t, 0, UINT32_MAX)
DEFINE_AS_INT(u16, uint16_t, 0, UINT16_MAX)

int json_as_real(const struct json_value *v, double *ret, struct error *err)
{
	switch (v->kind) {
	case JSON_KIND_INT:
		*ret = (double)v->i;
		return 0;
	case JSON_KIND_UINT:
		*ret = (double)v->u;
		return 0;
	case JSON_KIND_REAL:
		*ret = v->real;
		return 0;
	default:
		return wrong_kind(v, err, "a number");
	}
}

int json_as_array(const struct json_value *v, const struct json_value **ret, struct error *err)
{
	if (v->kind != JSON_KIND_ARRAY)
		return wrong_kind(v, err, "an array");
	*ret = v;
	return 0;
}

int json_as_object(const struct json_value *v, const struct json_value **ret, struct error *err)
{
	if (v->kind != JSON_KIND_OBJECT)
		return wrong_kind(v, err, "an object");
	*ret = v;
	return 0;
}

/* Member getters: the same two functions for each C type. */
#define DEFINE_GET(name, type)                                                                  \
	int json_get_##name(const struct json_value *obj, const char *key, type *ret,           \
			    struct error *err)                                                  \
	{                                                                                       \
		const struct json_value *v;                                                     \
		int r;                                                                          \
                                                                                                \
		if (obj->kind != JSON_KIND_OBJECT)                                              \
			return wrong_kind(obj, err, "an object");                               \
		v = json_find(obj, key);                                                        \
		if (!v)                                                                         \
			return 0;                                                               \
		r = json_as_##name(v, ret, err);                                                \
		return r < 0 ? r : 1;                                                           \
	}                                                                                       \
	int json_need_##name(const struct json_value *obj, const char *key, type *ret,          \
			     struct error *err)                                                 \
	{                                                                                       \
		char path[JSON_PATH_MAX];                                                       \
		int r = json_get_##name(obj, key, ret, err);                                    \
                                                                                                \
		if (r == 0)                                                                     \
			return error_set(err, -EINVAL, "%s: missing", path_of(obj, key, path)); \
		return r < 0 ? r : 0;                                                           \
	}
DEFINE_GET(string, const char *)
DEFINE_GET(bool, bool)
DEFINE_GET(i64, int64_t)
DEFINE_GET(u64, uint64_t)
DEFINE_GET(i32, int32_t)
DEFINE_GET(u32, uint32_t)
DEFINE_GET(u16, uint16_t)
DEFINE_GET(real, double)
DEFINE_GET(array, const struct json_value *)
DEFINE_GET(object, const struct json_value *)
