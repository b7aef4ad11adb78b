/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include "base/escape.h"
#include "base/strbuf.h"
#include "codec/base64.h"
#include "wire/message_field.h"

/* Long enough for the numbers of every type. */
#define NUMBER_MAX 24

static void fail(struct json_out *o, int code)
{
	if (o->code == 0)
		o->code = code;
}

static void out_text(struct json_out *o, const char *key, const char *s)
{
	_cleanup_strbuf_ struct strbuf clean = STRBUF_INIT;

	if (escape_utf8(&clean, s ? s : "") < 0)
		fail(o, -ENOMEM);
	json_out_string(o, key, clean.buf);
}

static void out_bytes(struct json_out *o, const char *key, const ProtobufCBinaryData *bytes)
{
	_cleanup_strbuf_ struct strbuf coded = STRBUF_INIT;

	if (base64_encode(&coded, bytes->data, bytes->len) < 0)
		fail(o, -ENOMEM);
	json_out_string(o, key, coded.buf);
}

static void out_real(struct json_out *o, const char *key, double d)
{
	struct json_value v = { .kind = JSON_KIND_REAL, .real = d };

	if (isnan(d))
		json_out_string(o, key, "NaN");
	else if (isinf(d))
		json_out_string(o, key, d > 0 ? "Infinity" : "-Infinity");
	else
		json_out_value(o, key, &v);
}

static void out_enum(struct json_out *o, const char *key, const ProtobufCFieldDescriptor *fd,
		     int number)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(fd->descriptor, number);

	if (v)
		json_out_string(o, key, v->name);
	else
		json_out_i64(o, key, number);
}

/* A key of a map, and every number of 64 bits, is a string. */
static const char *number_text(const ProtobufCFieldDescriptor *fd, const void *value,
			       char buf[NUMBER_MAX])
{
	switch (fd->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		(void)snprintf(buf, NUMBER_MAX, "%lld", (long long)*(const int64_t *)value);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		(void)snprintf(buf, NUMBER_MAX, "%llu",
			       (unsigned long long)*(const uint64_t *)value);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		(void)snprintf(buf, NUMBER_MAX, "%u", *(const uint32_t *)value);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		return *(const protobuf_c_boolean *)value ? "true" : "false";
	default:
		(void)snprintf(buf, NUMBER_MAX, "%d", *(const int32_t *)value);
	}
	return buf;
}

static void out_value(struct json_out *o, const char *key, const ProtobufCFieldDescriptor *fd,
		      const void *value)
{
	char number[NUMBER_MAX];

	switch (fd->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		json_out_i64(o, key, *(const int32_t *)value);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		json_out_u64(o, key, *(const uint32_t *)value);
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		out_real(o, key, *(const float *)value);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		out_real(o, key, *(const double *)value);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		json_out_bool(o, key, *(const protobuf_c_boolean *)value);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		out_enum(o, key, fd, *(const int *)value);
		break;
	case PROTOBUF_C_TYPE_STRING:
		out_text(o, key, *(char *const *)value);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		out_bytes(o, key, value);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		message_to_json(*(ProtobufCMessage *const *)value, o, key);
		break;
	default:
		json_out_string(o, key, number_text(fd, value, number));
	}
}

static void out_map(struct json_out *o, const ProtobufCFieldDescriptor *fd,
		    ProtobufCMessage *const *entries, size_t n)
{
	const ProtobufCMessageDescriptor *desc = fd->descriptor;
	const ProtobufCFieldDescriptor *kf = &desc->fields[0], *vf = &desc->fields[1];

	json_out_object(o, message_field_name(fd));
	for (size_t i = 0; i < n; i++) {
		_cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
		const void *k = field_at(entries[i], kf), *v = field_at(entries[i], vf);
		char number[NUMBER_MAX];

		if (escape_utf8(&key, kf->type == PROTOBUF_C_TYPE_STRING
					      ? *(char *const *)k
					      : number_text(kf, k, number)) < 0)
			fail(o, -ENOMEM);
		if (vf->type == PROTOBUF_C_TYPE_MESSAGE && !*(void *const *)v) {
			json_out_object(o, key.buf);
			json_out_end(o);
		} else {
			out_value(o, key.buf, vf, v);
		}
	}
	json_out_end(o);
}

static void out_list(struct json_out *o, const ProtobufCFieldDescriptor *fd, const char *array,
		     size_t n)
{
	json_out_array(o, message_field_name(fd));
	for (size_t i = 0; i < n; i++)
		out_value(o, NULL, fd, array + i * field_size(fd));
	json_out_end(o);
}

static bool is_set(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *fd)
{
	if (field_in_oneof(fd))
		return *field_quantifier(msg, fd) == fd->id;
	if (fd->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void **)field_at(msg, fd) != NULL;
	if (fd->label == PROTOBUF_C_LABEL_OPTIONAL)
		return fd->type == PROTOBUF_C_TYPE_STRING ? *(void **)field_at(msg, fd) != NULL
							  : *field_quantifier(msg, fd) != 0;
	return true;
}

void message_to_json(const ProtobufCMessage *msg, struct json_out *o, const char *key)
{
	json_out_object(o, key);
	for (unsigned int i = 0; i < msg->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *fd = &msg->descriptor->fields[i];

		if (fd->label != PROTOBUF_C_LABEL_REPEATED) {
			if (is_set(msg, fd))
				out_value(o, message_field_name(fd), fd, field_at(msg, fd));
			continue;
		}
		if (field_is_map(fd))
			out_map(o, fd, *(ProtobufCMessage ***)field_at(msg, fd),
				*field_count(msg, fd));
		else
			out_list(o, fd, *(const char **)field_at(msg, fd), *field_count(msg, fd));
	}
	json_out_end(o);
}
