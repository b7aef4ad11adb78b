/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/pb_convert.h"

#include <string.h>

/* Any map entry. protobuf-c gives each map a type of its own with these members. */
typedef Grpc__Spec__AnnotationsEntry map_entry;
_Static_assert(sizeof(map_entry) == sizeof(Grpc__Linux__SysctlEntry), "map entries differ");
_Static_assert(sizeof(map_entry) == sizeof(Grpc__LinuxResources__UnifiedEntry),
	       "map entries differ");

void *oci_pb_new(struct arena *a, const ProtobufCMessageDescriptor *type)
{
	void *m = arena_alloc(a, type->sizeof_message);

	if (m)
		protobuf_c_message_init(type, m);
	return m;
}

char *oci_pb_text(const char *s)
{
	return s ? (char *)s : (char *)protobuf_c_empty_string;
}

int oci_pb_repeat(struct arena *a, void *ret, size_t *ret_n, const void *src, size_t n, size_t size,
		  oci_pb_make_fn make)
{
	void **v;

	if (n == 0)
		return 0;
	v = arena_new_array(a, void *, n);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i] = make(a, (const char *)src + i * size);
		if (!v[i])
			return -ENOMEM;
	}
	memcpy(ret, &v, sizeof(v));
	*ret_n = n;
	return 0;
}

int oci_pb_map(struct arena *a, const ProtobufCMessageDescriptor *type, void *ret, size_t *ret_n,
	       const struct oci_kv *kv, size_t n)
{
	map_entry **v;

	if (n == 0)
		return 0;
	v = arena_new_array(a, map_entry *, n);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i] = oci_pb_new(a, type);
		if (!v[i])
			return -ENOMEM;
		v[i]->key = kv[i].key;
		v[i]->value = kv[i].value;
	}
	memcpy(ret, &v, sizeof(v));
	*ret_n = n;
	return 0;
}

int oci_pb_read_text(struct oci_pb_reader *rd, const char *s, char **ret)
{
	if (!s || !*s)
		return 0;
	*ret = arena_strdup(rd->arena, s);
	return *ret ? 0 : error_oom(rd->err);
}

static int check_count(struct oci_pb_reader *rd, const char *path, size_t n)
{
	if (n > OCI_SPEC_MAX_ITEMS)
		return error_set(rd->err, -EFBIG, "%s: more than %d elements", path,
				 OCI_SPEC_MAX_ITEMS);
	return 0;
}

int oci_pb_read_texts(struct oci_pb_reader *rd, const char *path, char *const *v, size_t n,
		      struct oci_strings *ret)
{
	int r = check_count(rd, path, n);

	if (r < 0 || n == 0)
		return r;
	ret->v = arena_new_array(rd->arena, char *, n + 1);
	if (!ret->v)
		return error_oom(rd->err);
	for (size_t i = 0; i < n; i++) {
		ret->v[i] = arena_strdup(rd->arena, v[i]);
		if (!ret->v[i])
			return error_oom(rd->err);
	}
	ret->n = n;
	return 0;
}

int oci_pb_read_repeated(struct oci_pb_reader *rd, const char *path, const void *msgs, size_t n,
			 size_t size, oci_pb_read_fn fn, void *ret, size_t *ret_n)
{
	const void *const *msg = msgs;
	int r = check_count(rd, path, n);
	char *p;

	if (r < 0 || n == 0)
		return r;
	p = arena_alloc_array(rd->arena, n, size);
	if (!p)
		return error_oom(rd->err);
	memcpy(ret, &p, sizeof(p));
	*ret_n = n;
	for (size_t i = 0; i < n; i++, p += size) {
		r = fn(rd, msg[i], p);
		if (r < 0)
			return r == -ENOMEM ? r : error_prefix(rd->err, "%s[%zu]", path, i);
	}
	return 0;
}

static int read_entry(struct oci_pb_reader *rd, const void *msg, void *element)
{
	const map_entry *m = msg;
	struct oci_kv *kv = element;

	kv->key = arena_strdup(rd->arena, m->key);
	kv->value = arena_strdup(rd->arena, m->value);
	return kv->key && kv->value ? 0 : error_oom(rd->err);
}

int oci_pb_read_map(struct oci_pb_reader *rd, const char *path, const void *entries, size_t n,
		    struct oci_kv **ret, size_t *ret_n)
{
	return oci_pb_read_repeated(rd, path, entries, n, sizeof(**ret), read_entry, ret, ret_n);
}
