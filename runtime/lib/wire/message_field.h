/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_MESSAGE_FIELD_H
#define WIRE_MESSAGE_FIELD_H

/* For runtime/lib/wire/message_json*.c and message_text.c alone: where protobuf-c keeps what (protobuf-c.h, "ProtobufCFieldDescriptor"). */

#include <string.h>
#include "wire/message_json.h"

static inline void *field_at(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *fd)
{
	return (char *)msg + fd->offset;
}

static inline size_t *field_count(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *fd)
{
	return (size_t *)(void *)((char *)msg + fd->quantifier_offset);
}

/* Of a oneof: the number of the field that is set; of an optional one: whether it is. */
static inline uint32_t *field_quantifier(const ProtobufCMessage *msg,
					 const ProtobufCFieldDescriptor *fd)
{
	return (uint32_t *)(void *)((char *)msg + fd->quantifier_offset);
}

static inline bool field_in_oneof(const ProtobufCFieldDescriptor *fd)
{
	return fd->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

/* map<K, V> is a repeated message of key and value whose name the compiler has made. */
static inline bool field_is_map(const ProtobufCFieldDescriptor *fd)
{
	const ProtobufCMessageDescriptor *d = fd->descriptor;
	size_t n;

	if (fd->type != PROTOBUF_C_TYPE_MESSAGE || fd->label != PROTOBUF_C_LABEL_REPEATED ||
	    d->n_fields != 2)
		return false;
	n = strlen(d->short_name);
	return n > 5 && strcmp(d->short_name + n - 5, "Entry") == 0 && d->fields[0].id == 1 &&
	       d->fields[1].id == 2 && strcmp(d->fields[0].name, "key") == 0 &&
	       strcmp(d->fields[1].name, "value") == 0;
}

size_t field_size(const ProtobufCFieldDescriptor *fd); /* of one value */
/* By the name of the .proto file or its lowerCamelCase form; NULL: there is none. */
const ProtobufCFieldDescriptor *field_by_name(const ProtobufCMessageDescriptor *desc,
					      const char *name, size_t len);

/* Zeroed memory of the builder, or NULL; then builder_fail() says why. */
void *builder_take(struct message_builder *b, size_t size);
int builder_fail(const struct message_builder *b, struct error *err);
char *builder_text(struct message_builder *b, const char *s, size_t len);
/* Room for one more value at the end of a repeated field, zeroed; NULL as above. */
void *builder_append(struct message_builder *b, ProtobufCMessage *msg,
		     const ProtobufCFieldDescriptor *fd);
/* Says that the field is the one of its oneof, or that it is present. */
void field_mark(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *fd);

/* Replaces the field by a JSON value. */
int field_set_json(struct message_builder *b, ProtobufCMessage *msg,
		   const ProtobufCFieldDescriptor *fd, const struct json_value *v,
		   struct error *err);
/* A number, bool or string from text, into the memory of one value. -EINVAL without the name of the field. */
int field_parse_text(struct message_builder *b, const ProtobufCFieldDescriptor *fd,
		     const char *text, size_t len, void *dest, struct error *err);

#endif
