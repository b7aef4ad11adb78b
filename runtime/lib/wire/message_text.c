/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of messages from the text of a command line. */
#include "base/parse.h"
#include "base/strbuf.h"
#include "codec/base64.h"
#include "wire/message_field.h"

#define JSON_PREFIX   "json://"
#define HEX_PREFIX    "hex:"
#define BASE64_PREFIX "base64:"

/* 0x... is hexadecimal, 0... octal (file modes), else decimal. */
static int number_base(const char *s)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return 16;
	return s[0] == '0' && s[1] ? 8 : 10;
}

static int parse_unsigned(const char *s, uint64_t *ret)
{
	return parse_u64(s, number_base(s), ret);
}

static int parse_signed(const char *s, int64_t *ret)
{
	uint64_t u = 0;
	bool minus = *s == '-';
	int r = parse_unsigned(s + minus, &u);

	if (r < 0)
		return r;
	if (u > (uint64_t)INT64_MAX + minus)
		return -ERANGE;
	*ret = minus ? (int64_t)(0 - u) : (int64_t)u;
	return 0;
}

static int parse_number(const ProtobufCFieldDescriptor *fd, const char *text, void *dest)
{
	uint64_t u = 0;
	int64_t i = 0;
	int r;

	switch (fd->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		r = parse_unsigned(text, &u);
		if (r == 0 && u > UINT32_MAX)
			return -ERANGE;
		*(uint32_t *)dest = (uint32_t)u;
		return r;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return parse_unsigned(text, dest);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return parse_signed(text, dest);
	default:
		r = parse_signed(text, &i);
		if (r == 0 && (i < INT32_MIN || i > INT32_MAX))
			return -ERANGE;
		*(int32_t *)dest = (int32_t)i;
		return r;
	}
}

static int parse_bytes(struct message_builder *b, const char *text, size_t len,
		       ProtobufCBinaryData *ret, struct error *err)
{
	const char *coded = str_after(text, HEX_PREFIX);
	ProtobufCBinaryData bytes = { len, NULL };

	bytes.data = builder_take(b, len + 3);
	if (!bytes.data)
		return builder_fail(b, err);
	if (coded) {
		bytes.len = strlen(coded) / 2;
		if (hex_decode(bytes.data, (uint32_t)bytes.len, coded) < 0)
			return error_set(err, -EINVAL, "not hexadecimal");
	} else if ((coded = str_after(text, BASE64_PREFIX))) {
		if (base64_decode(bytes.data, &bytes.len, coded, strlen(coded)) < 0)
			return error_set(err, -EINVAL, "not base64");
	} else if (len > 0) {
		memcpy(bytes.data, text, len);
	}
	*ret = bytes;
	return 0;
}

static int parse_enum(const ProtobufCFieldDescriptor *fd, const char *text, void *dest,
		      struct error *err)
{
	const ProtobufCEnumDescriptor *desc = fd->descriptor;
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value_by_name(desc, text);

	if (v)
		*(int *)dest = v->value;
	else if (parse_number(fd, text, dest) < 0)
		return error_set(err, -EINVAL, "%s has no value \"%.64s\"", desc->name, text);
	return 0;
}

int field_parse_text(struct message_builder *b, const ProtobufCFieldDescriptor *fd,
		     const char *text, size_t len, void *dest, struct error *err)
{
	bool flag = false;
	char *copy;
	int r;

	if (fd->type != PROTOBUF_C_TYPE_BYTES && memchr(text, '\0', len))
		return error_set(err, -EINVAL, "holds a NUL byte");
	switch (fd->type) {
	case PROTOBUF_C_TYPE_STRING:
		copy = builder_text(b, text, len);
		if (!copy)
			return builder_fail(b, err);
		message_clean_utf8(copy);
		*(char **)dest = copy;
		return 0;
	case PROTOBUF_C_TYPE_BYTES:
		return parse_bytes(b, text, len, dest, err);
	case PROTOBUF_C_TYPE_BOOL:
		if (parse_bool(text, &flag) < 0)
			return error_set(err, -EINVAL, "\"%.64s\" is neither true nor false", text);
		*(protobuf_c_boolean *)dest = flag;
		return 0;
	case PROTOBUF_C_TYPE_ENUM:
		return parse_enum(fd, text, dest, err);
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		return error_set(err, -EINVAL, "can only be given as JSON");
	default:
		r = parse_number(fd, text, dest);
		if (r == -ERANGE)
			return error_set(err, -EINVAL, "\"%.64s\" does not fit", text);
		return r < 0 ? error_set(err, -EINVAL, "\"%.64s\" is not a number", text) : 0;
	}
}

static int set_from_json(struct message_builder *b, ProtobufCMessage *msg,
			 const ProtobufCFieldDescriptor *fd, const char *text, size_t len,
			 bool append, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	const struct json_value *root;
	int r = json_doc_parse(text, len, JSON_MAX_BYTES, &doc, err);

	if (r < 0)
		return r;
	root = json_doc_root(doc);
	/* One more element of a list of messages. */
	if (fd->label == PROTOBUF_C_LABEL_REPEATED && root->kind == JSON_KIND_OBJECT &&
	    !field_is_map(fd) && fd->type == PROTOBUF_C_TYPE_MESSAGE) {
		ProtobufCMessage *element = message_new(b, fd->descriptor), **slot;

		if (!append)
			*field_count(msg, fd) = 0;
		slot = element ? builder_append(b, msg, fd) : NULL;
		if (!slot)
			return builder_fail(b, err);
		*slot = element;
		return message_merge_json(b, element, root, err);
	}
	return field_set_json(b, msg, fd, root, err);
}

/* The entry of a map that has this key, or a new one. */
static int map_entry(struct message_builder *b, ProtobufCMessage *msg,
		     const ProtobufCFieldDescriptor *fd, const char *key, ProtobufCMessage **ret,
		     struct error *err)
{
	const ProtobufCMessageDescriptor *desc = fd->descriptor;
	ProtobufCMessage **entries = *(ProtobufCMessage ***)field_at(msg, fd), **slot, *entry;
	int r;

	for (size_t i = 0; i < *field_count(msg, fd); i++) {
		if (desc->fields[0].type == PROTOBUF_C_TYPE_STRING &&
		    strcmp(*(char **)field_at(entries[i], &desc->fields[0]), key) == 0) {
			*ret = entries[i];
			return 0;
		}
	}
	entry = message_new(b, desc);
	if (!entry)
		return builder_fail(b, err);
	r = field_parse_text(b, &desc->fields[0], key, strlen(key),
			     field_at(entry, &desc->fields[0]), err);
	if (r < 0)
		return r;
	slot = builder_append(b, msg, fd);
	if (!slot)
		return builder_fail(b, err);
	*slot = *ret = entry;
	return 0;
}

static int set_field(struct message_builder *b, ProtobufCMessage *msg,
		     const ProtobufCFieldDescriptor *fd, const char *text, size_t len, bool append,
		     struct error *err)
{
	const char *json = str_after(text, JSON_PREFIX);
	void *dest = field_at(msg, fd);
	int r;

	if (json)
		return set_from_json(b, msg, fd, json, len - strlen(JSON_PREFIX), append, err);
	if (fd->type == PROTOBUF_C_TYPE_MESSAGE)
		return set_from_json(b, msg, fd, text, len, append, err);
	if (fd->label == PROTOBUF_C_LABEL_REPEATED) {
		if (!append)
			*field_count(msg, fd) = 0;
		dest = builder_append(b, msg, fd);
		if (!dest)
			return builder_fail(b, err);
	}
	r = field_parse_text(b, fd, text, len, dest, err);
	if (r == 0 && fd->label != PROTOBUF_C_LABEL_REPEATED)
		field_mark(msg, fd);
	return r;
}

/* The path may go through this field: a message, not a list of them. */
static bool is_way(const ProtobufCFieldDescriptor *fd)
{
	return fd->type == PROTOBUF_C_TYPE_MESSAGE && fd->label != PROTOBUF_C_LABEL_REPEATED;
}

static int set_path(struct message_builder *b, ProtobufCMessage *msg, const char *path,
		    const char *text, size_t len, bool append, struct error *err)
{
	for (;;) {
		size_t n = strcspn(path, ".");
		const ProtobufCFieldDescriptor *fd = field_by_name(msg->descriptor, path, n);
		ProtobufCMessage **slot, *entry = NULL;
		int r;

		if (!fd)
			return error_set(err, -EINVAL, "%s has no field \"%.*s\"",
					 msg->descriptor->name, (int)MIN(n, (size_t)64), path);
		if (!path[n])
			return set_field(b, msg, fd, text, len, append, err);
		path += n + 1;
		if (field_is_map(fd)) {
			r = map_entry(b, msg, fd, path, &entry, err);
			if (r < 0 || !entry)
				return r;
			return set_field(b, entry, &entry->descriptor->fields[1], text, len, false,
					 err);
		}
		if (!is_way(fd))
			return error_set(err, -EINVAL, "%s.%s has no fields of its own",
					 msg->descriptor->name, message_field_name(fd));
		slot = field_at(msg, fd);
		if (!*slot)
			*slot = message_new(b, fd->descriptor);
		if (!*slot)
			return builder_fail(b, err);
		field_mark(msg, fd);
		msg = *slot;
	}
}

int message_set_text(struct message_builder *b, ProtobufCMessage *msg, const char *path,
		     const char *text, size_t len, bool append, struct error *err)
{
	struct error why = ERROR_INIT;
	int r = set_path(b, msg, path, text, len, append, &why);

	return r < 0 ? error_set(err, r, "%.128s: %s", path, error_text(&why)) : 0;
}

const ProtobufCFieldDescriptor *message_find_path(const ProtobufCMessageDescriptor *desc,
						  const char *path)
{
	for (;;) {
		size_t n = strcspn(path, ".");
		const ProtobufCFieldDescriptor *fd = field_by_name(desc, path, n);

		if (!fd || !path[n])
			return fd;
		if (field_is_map(fd))
			return &((const ProtobufCMessageDescriptor *)fd->descriptor)->fields[1];
		if (!is_way(fd))
			return NULL;
		desc = fd->descriptor;
		path += n + 1;
	}
}
