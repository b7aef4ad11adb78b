/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message_json.h"

#include <math.h>
#include "base/parse.h"
#include "codec/base64.h"
#include "wire/message_field.h"

/* ---- memory ---- */

void *builder_take(struct message_builder *b, size_t size)
{
	if (size > b->left) {
		b->exceeded = true;
		return NULL;
	}
	b->left -= size;
	return arena_alloc(&b->arena, size ? size : 1);
}

int builder_fail(const struct message_builder *b, struct error *err)
{
	if (b->exceeded)
		return error_set(err, -EMSGSIZE, "the message takes more than %u bytes of memory",
				 MESSAGE_MAX_UNPACKED);
	return error_oom(err);
}

char *builder_text(struct message_builder *b, const char *s, size_t len)
{
	char *copy = len < SIZE_MAX ? builder_take(b, len + 1) : NULL;

	if (copy && len > 0)
		memcpy(copy, s, len);
	return copy;
}

ProtobufCMessage *message_new(struct message_builder *b, const ProtobufCMessageDescriptor *desc)
{
	ProtobufCMessage *msg = builder_take(b, desc->sizeof_message);

	if (msg)
		desc->message_init(msg);
	return msg;
}

/* ---- fields ---- */

size_t field_size(const ProtobufCFieldDescriptor *fd)
{
	switch (fd->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	default: /* int32, uint32, float, enum, protobuf_c_boolean */
		return 4;
	}
}

/* "Linux": the name in C, all of it in small letters, is a macro of gnu17. */
const char *message_field_name(const ProtobufCFieldDescriptor *fd)
{
	return strcmp(fd->name, "linux_") == 0 ? "Linux" : fd->name;
}

/* container_id → containerId: an underscore goes, and the letter after it is a capital. */
static bool camel_equal(const char *name, const char *given, size_t len)
{
	size_t i = 0;
	bool up = false;

	for (; *name; name++) {
		char c = *name;

		if (c == '_') {
			up = true;
			continue;
		}
		if (up && c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		up = false;
		if (i == len || given[i++] != c)
			return false;
	}
	return i == len;
}

const ProtobufCFieldDescriptor *field_by_name(const ProtobufCMessageDescriptor *desc,
					      const char *name, size_t len)
{
	for (unsigned int i = 0; i < desc->n_fields; i++) {
		const char *own = message_field_name(&desc->fields[i]);

		if (strlen(own) == len && memcmp(own, name, len) == 0)
			return &desc->fields[i];
	}
	for (unsigned int i = 0; i < desc->n_fields; i++)
		if (camel_equal(message_field_name(&desc->fields[i]), name, len))
			return &desc->fields[i];
	return NULL;
}

void field_mark(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *fd)
{
	if (field_in_oneof(fd))
		*field_quantifier(msg, fd) = fd->id;
	else if (fd->label == PROTOBUF_C_LABEL_OPTIONAL && fd->type != PROTOBUF_C_TYPE_STRING &&
		 fd->type != PROTOBUF_C_TYPE_MESSAGE)
		*field_quantifier(msg, fd) = 1;
}

/* A repeated field for n values, which are zeroed, in place of what it had. */
static char *new_array(struct message_builder *b, ProtobufCMessage *msg,
		       const ProtobufCFieldDescriptor *fd, size_t n)
{
	char *array = n < SIZE_MAX / 64 ? builder_take(b, n * field_size(fd)) : NULL;

	if (array) {
		*(char **)field_at(msg, fd) = array;
		*field_count(msg, fd) = 0;
	}
	return array;
}

/* Copies what is there, whose memory may be another's: for the few values of a command line. */
void *builder_append(struct message_builder *b, ProtobufCMessage *msg,
		     const ProtobufCFieldDescriptor *fd)
{
	size_t n = *field_count(msg, fd), size = field_size(fd);
	const char *old = *(char **)field_at(msg, fd);
	char *array = new_array(b, msg, fd, n + 1);

	if (!array)
		return NULL;
	if (n > 0)
		memcpy(array, old, n * size);
	*field_count(msg, fd) = n + 1;
	return array + n * size;
}

/* ---- numbers ---- */

/* A real that is a whole number, as 1.0 or 1e3 may be written; beyond 2^53 a double does not know. */
static bool whole(const struct json_value *v, int64_t *ret)
{
	if (v->kind != JSON_KIND_REAL || trunc(v->real) != v->real || fabs(v->real) > 0x1p53)
		return false;
	*ret = (int64_t)v->real;
	return true;
}

static int read_i64(const struct json_value *v, int64_t *ret, struct error *err)
{
	if (whole(v, ret))
		return 0;
	if (v->kind != JSON_KIND_STRING)
		return json_as_i64(v, ret, err);
	return parse_i64(v->str.s, 10, ret) < 0 ? json_fail(v, err, "not a number of 64 bits") : 0;
}

static int read_u64(const struct json_value *v, uint64_t *ret, struct error *err)
{
	int64_t i;

	if (whole(v, &i) && i >= 0) {
		*ret = (uint64_t)i;
		return 0;
	}
	if (v->kind != JSON_KIND_STRING)
		return json_as_u64(v, ret, err);
	return parse_u64(v->str.s, 10, ret) < 0
		       ? json_fail(v, err, "not a number of 64 bits without a sign")
		       : 0;
}

static int read_i32(const struct json_value *v, int32_t *ret, struct error *err)
{
	int64_t i = 0;
	int r = read_i64(v, &i, err);

	if (r == 0 && (i < INT32_MIN || i > INT32_MAX))
		r = json_fail(v, err, "%lld does not fit 32 bits", (long long)i);
	if (r == 0)
		*ret = (int32_t)i;
	return r;
}

static int read_u32(const struct json_value *v, uint32_t *ret, struct error *err)
{
	uint64_t u = 0;
	int r = read_u64(v, &u, err);

	if (r == 0 && u > UINT32_MAX)
		r = json_fail(v, err, "%llu does not fit 32 bits", (unsigned long long)u);
	if (r == 0)
		*ret = (uint32_t)u;
	return r;
}

static int read_real(const struct json_value *v, double *ret, struct error *err)
{
	static const struct {
		const char *name;
		double value;
	} names[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };

	for (size_t i = 0; v->kind == JSON_KIND_STRING && i < ARRAY_SIZE(names); i++) {
		if (strcmp(v->str.s, names[i].name) == 0) {
			*ret = names[i].value;
			return 0;
		}
	}
	return json_as_real(v, ret, err);
}

static int read_enum(const ProtobufCFieldDescriptor *fd, const struct json_value *v, int *ret,
		     struct error *err)
{
	const ProtobufCEnumDescriptor *desc = fd->descriptor;
	const ProtobufCEnumValue *known;
	int32_t number = 0;
	int r;

	if (v->kind == JSON_KIND_STRING) {
		known = protobuf_c_enum_descriptor_get_value_by_name(desc, v->str.s);
		if (!known)
			return json_fail(v, err, "%s has no value \"%.64s\"", desc->name, v->str.s);
		*ret = known->value;
		return 0;
	}
	r = read_i32(v, &number, err);
	if (r == 0)
		*ret = number;
	return r;
}

/* ---- values ---- */

static int read_bytes(struct message_builder *b, const struct json_value *v,
		      ProtobufCBinaryData *ret, struct error *err)
{
	ProtobufCBinaryData bytes = { 0, NULL };
	const char *s = NULL;
	int r = json_as_string(v, &s, err);

	if (r < 0 || !s)
		return r;
	bytes.data = builder_take(b, BASE64_DECODED_MAX(v->str.len));
	if (!bytes.data)
		return builder_fail(b, err);
	if (base64_decode(bytes.data, &bytes.len, s, v->str.len) < 0)
		return json_fail(v, err, "not base64");
	*ret = bytes;
	return 0;
}

static int read_string(struct message_builder *b, const struct json_value *v, char **ret,
		       struct error *err)
{
	const char *s = NULL;
	char *copy;
	int r = json_as_string(v, &s, err);

	if (r < 0 || !s)
		return r;
	copy = builder_text(b, s, v->str.len);
	if (!copy)
		return builder_fail(b, err);
	*ret = copy;
	return 0;
}

static int read_message(struct message_builder *b, const ProtobufCFieldDescriptor *fd,
			const struct json_value *v, ProtobufCMessage **slot, struct error *err)
{
	ProtobufCMessage *msg = *slot ? *slot : message_new(b, fd->descriptor);
	int r;

	if (!msg)
		return builder_fail(b, err);
	r = message_merge_json(b, msg, v, err);
	if (r == 0)
		*slot = msg;
	return r;
}

/* One value into its memory, which is zeroed or holds what is replaced. */
static int read_value(struct message_builder *b, const ProtobufCFieldDescriptor *fd,
		      const struct json_value *v, void *dest, struct error *err)
{
	double real = 0;
	bool flag = false;
	int r = 0;

	switch (fd->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return read_i32(v, dest, err);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return read_u32(v, dest, err);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return read_i64(v, dest, err);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return read_u64(v, dest, err);
	case PROTOBUF_C_TYPE_FLOAT:
		r = read_real(v, &real, err);
		*(float *)dest = (float)real;
		return r;
	case PROTOBUF_C_TYPE_DOUBLE:
		return read_real(v, dest, err);
	case PROTOBUF_C_TYPE_BOOL:
		r = json_as_bool(v, &flag, err);
		*(protobuf_c_boolean *)dest = flag;
		return r;
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(fd, v, dest, err);
	case PROTOBUF_C_TYPE_STRING:
		return read_string(b, v, dest, err);
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(b, v, dest, err);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(b, fd, v, dest, err);
	}
	return json_fail(v, err, "a field of a type that is not known");
}

static int read_map(struct message_builder *b, ProtobufCMessage *msg,
		    const ProtobufCFieldDescriptor *fd, const struct json_value *v,
		    struct error *err)
{
	const ProtobufCMessageDescriptor *desc = fd->descriptor;
	const struct json_value *obj = NULL, *kid;
	ProtobufCMessage *entry, **array;
	int r = json_as_object(v, &obj, err);

	if (r < 0)
		return r;
	array = (ProtobufCMessage **)(void *)new_array(b, msg, fd, json_count(obj));
	if (!array)
		return builder_fail(b, err);
	json_for_each(kid, obj)
	{
		struct error why = ERROR_INIT;

		entry = message_new(b, desc);
		if (!entry)
			return builder_fail(b, err);
		array[(*field_count(msg, fd))++] = entry;
		r = field_parse_text(b, &desc->fields[0], kid->key, strlen(kid->key),
				     field_at(entry, &desc->fields[0]), &why);
		if (r == -EINVAL)
			return json_fail(kid, err, "key: %s", error_text(&why));
		if (r < 0)
			return builder_fail(b, err);
		r = read_value(b, &desc->fields[1], kid, field_at(entry, &desc->fields[1]), err);
		if (r < 0)
			return r;
	}
	return r;
}

static int read_list(struct message_builder *b, ProtobufCMessage *msg,
		     const ProtobufCFieldDescriptor *fd, const struct json_value *v,
		     struct error *err)
{
	const struct json_value *list = NULL, *kid;
	char *array;
	int r = json_as_array(v, &list, err);

	if (r < 0)
		return r;
	array = new_array(b, msg, fd, json_count(list));
	if (!array)
		return builder_fail(b, err);
	json_for_each(kid, list)
	{
		r = read_value(b, fd, kid, array + *field_count(msg, fd) * field_size(fd), err);
		if (r < 0)
			return r;
		(*field_count(msg, fd))++;
	}
	return 0;
}

int field_set_json(struct message_builder *b, ProtobufCMessage *msg,
		   const ProtobufCFieldDescriptor *fd, const struct json_value *v,
		   struct error *err)
{
	int r;

	if (v->kind == JSON_KIND_NULL)
		return 0;
	if (fd->label == PROTOBUF_C_LABEL_REPEATED)
		return field_is_map(fd) ? read_map(b, msg, fd, v, err)
					: read_list(b, msg, fd, v, err);
	/* Another member of the oneof is in this memory. */
	if (field_in_oneof(fd) && *field_quantifier(msg, fd) != fd->id)
		memset(field_at(msg, fd), 0, field_size(fd));
	r = read_value(b, fd, v, field_at(msg, fd), err);
	if (r == 0)
		field_mark(msg, fd);
	return r;
}

/* The same field under its other name, before this member of the object. */
static bool named_before(const ProtobufCMessageDescriptor *desc, const struct json_value *obj,
			 const struct json_value *member, const ProtobufCFieldDescriptor *fd)
{
	const struct json_value *kid;

	json_for_each(kid, obj)
	{
		if (kid == member)
			return false;
		if (field_by_name(desc, kid->key, strlen(kid->key)) == fd)
			return true;
	}
	return false;
}

int message_merge_json(struct message_builder *b, ProtobufCMessage *msg, const struct json_value *v,
		       struct error *err)
{
	const struct json_value *obj = NULL, *kid;
	int r = json_as_object(v, &obj, err);

	json_for_each(kid, obj)
	{
		const ProtobufCFieldDescriptor *fd =
			field_by_name(msg->descriptor, kid->key, strlen(kid->key));

		if (!fd)
			return json_fail(kid, err, "%s has no such field", msg->descriptor->name);
		if (named_before(msg->descriptor, obj, kid, fd))
			return json_fail(kid, err, "given twice, under both of its names");
		r = field_set_json(b, msg, fd, kid, err);
		if (r < 0)
			return r;
	}
	return r;
}
