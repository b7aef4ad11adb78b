/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json_read.h"

#include <string.h>

int oci_read_string(struct oci_reader *rd, const struct json_value *obj, const char *key,
		    char **ret)
{
	const char *s = NULL;
	int r = json_get_string(obj, key, &s, rd->err);

	if (r <= 0)
		return r;
	*ret = arena_strdup(rd->arena, s);
	return *ret ? 1 : error_oom(rd->err);
}

/* The member's array, with the limit on its length checked. */
static int get_array(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     const struct json_value **ret)
{
	int r = json_get_array(obj, key, ret, rd->err);

	if (r > 0 && json_count(*ret) > OCI_SPEC_MAX_ITEMS)
		return json_fail(*ret, rd->err, "more than %d elements", OCI_SPEC_MAX_ITEMS);
	return r;
}

int oci_read_strings(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     struct oci_strings *ret)
{
	const struct json_value *array = NULL, *v;
	int r = get_array(rd, obj, key, &array);

	if (r <= 0 || json_count(array) == 0)
		return r;
	ret->v = arena_new_array(rd->arena, char *, json_count(array) + 1);
	if (!ret->v)
		return error_oom(rd->err);
	json_for_each(v, array)
	{
		const char *s = NULL;

		r = json_as_string(v, &s, rd->err);
		if (r < 0)
			return r;
		ret->v[ret->n] = arena_strdup(rd->arena, s);
		if (!ret->v[ret->n])
			return error_oom(rd->err);
		ret->n++;
	}
	return 1;
}

int oci_read_map(struct oci_reader *rd, const struct json_value *obj, const char *key,
		 struct oci_kv **ret, size_t *ret_n)
{
	const struct json_value *map = NULL, *v;
	struct oci_kv *kv;
	int r = json_get_object(obj, key, &map, rd->err);

	if (r <= 0 || json_count(map) == 0)
		return r;
	if (json_count(map) > OCI_SPEC_MAX_ITEMS)
		return json_fail(map, rd->err, "more than %d members", OCI_SPEC_MAX_ITEMS);
	kv = arena_new_array(rd->arena, struct oci_kv, json_count(map));
	if (!kv)
		return error_oom(rd->err);
	*ret = kv;
	*ret_n = json_count(map);
	json_for_each(v, map)
	{
		const char *s = NULL;

		r = json_as_string(v, &s, rd->err);
		if (r < 0)
			return r;
		kv->key = arena_strdup(rd->arena, v->key);
		kv->value = arena_strdup(rd->arena, s);
		if (!kv->key || !kv->value)
			return error_oom(rd->err);
		kv++;
	}
	return 1;
}

int oci_read_objects(struct oci_reader *rd, const struct json_value *obj, const char *key,
		     size_t size, oci_read_element_fn fn, void *ret, size_t *ret_n)
{
	const struct json_value *array = NULL, *v, *element = NULL;
	char *p;
	int r = get_array(rd, obj, key, &array);

	if (r <= 0 || json_count(array) == 0)
		return r;
	p = arena_alloc_array(rd->arena, json_count(array), size);
	if (!p)
		return error_oom(rd->err);
	memcpy(ret, &p, sizeof(p));
	*ret_n = json_count(array);
	json_for_each(v, array)
	{
		r = json_as_object(v, &element, rd->err);
		if (r == 0)
			r = fn(rd, element, p);
		if (r < 0)
			return r;
		p += size;
	}
	return 1;
}

int oci_read_u32s(struct oci_reader *rd, const struct json_value *obj, const char *key,
		  uint32_t **ret, size_t *ret_n)
{
	const struct json_value *array = NULL, *v;
	int r = get_array(rd, obj, key, &array);

	if (r <= 0 || json_count(array) == 0)
		return r;
	*ret = arena_new_array(rd->arena, uint32_t, json_count(array));
	if (!*ret)
		return error_oom(rd->err);
	json_for_each(v, array)
	{
		r = json_as_u32(v, *ret + v->index, rd->err);
		if (r < 0)
			return r;
	}
	*ret_n = json_count(array);
	return 1;
}

int oci_read_type(struct oci_reader *rd, const struct json_value *obj, const char *key,
		  const char *allowed, char *ret)
{
	const char *s = NULL;
	int r = json_get_string(obj, key, &s, rd->err);

	if (r <= 0)
		return r;
	if (strlen(s) != 1 || !strchr(allowed, s[0]))
		return json_fail(json_find(obj, key), rd->err,
				 "unknown type \"%s\", expected one of \"%s\"", s, allowed);
	*ret = s[0];
	return 1;
}

#define DEFINE_OPT(name, type)                                                       \
	int oci_read_opt_##name(struct oci_reader *rd, const struct json_value *obj, \
				const char *key, bool *has, type *ret)               \
	{                                                                            \
		int r = json_get_##name(obj, key, ret, rd->err);                     \
                                                                                     \
		if (r > 0)                                                           \
			*has = true;                                                 \
		return r < 0 ? r : 0;                                                \
	}
DEFINE_OPT(u16, uint16_t)
DEFINE_OPT(u32, uint32_t)
DEFINE_OPT(u64, uint64_t)
DEFINE_OPT(i64, int64_t)
