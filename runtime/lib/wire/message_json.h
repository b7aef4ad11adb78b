/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_MESSAGE_JSON_H
#define WIRE_MESSAGE_JSON_H

#include <stdbool.h>
#include <protobuf-c/protobuf-c.h>
#include "base/arena.h"
#include "base/error.h"
#include "codec/json.h"
#include "wire/message.h"

/*
 * Any protobuf message from and to JSON, by its descriptor alone (protobuf documentation, "ProtoJSON Format"):
 *
 *  - names are those of the .proto file; when reading, their lowerCamelCase form is accepted too;
 *  - 64-bit numbers are written as strings; numbers are read as numbers, or as strings of decimal digits;
 *  - enums are written by name and read by name or number; bytes are base64; null leaves a field as it is;
 *  - map<K, V>, which protobuf-c has as a repeated message "...Entry" {key 1, value 2}, is an object;
 *  - fields without presence are written even when they hold their default, so that a status of 0 is seen.
 *
 * Unlike the format, the messages of google.protobuf that have a form of their own there (Timestamp, Any) are written as the messages
 * that they are. Unknown names are refused.
 */

/* Messages that are built here live in an arena, within a budget. Never protobuf_c_message_free_unpacked() them. */
struct message_builder {
	struct arena arena;
	size_t left; /* bytes that may still be taken */
	bool exceeded;
};
#define MESSAGE_BUILDER_INIT                            \
	{                                               \
		ARENA_INIT, MESSAGE_MAX_UNPACKED, false \
	}
static inline void message_builder_release(struct message_builder *b)
{
	arena_release(&b->arena);
}
#define _cleanup_message_builder_ _cleanup_(message_builder_release)

/* An empty message; NULL: out of memory or over the budget. */
ProtobufCMessage *message_new(struct message_builder *b, const ProtobufCMessageDescriptor *desc);
/*
 * Sets the fields that the object names. Fields that held something are replaced, but for messages, which are merged. -EINVAL with the
 * JSON path ("storages[0].fstype: expected a string, got a number"); -EMSGSIZE over the budget; -ENOMEM.
 */
int message_merge_json(struct message_builder *b, ProtobufCMessage *msg,
		       const struct json_value *obj, struct error *err);
/*
 * One field by its dotted path ("string_user.uid") from text: numbers in decimal, 0x or leading-zero octal; bytes as they are, or with
 * "hex:" or "base64:" in front; messages, and lists and maps in one piece, as JSON. A list without that gets one element: the
 * first one replaces what is there unless `append`; a map is set by "path.KEY". Errors begin with the path.
 */
int message_set_text(struct message_builder *b, ProtobufCMessage *msg, const char *path,
		     const char *text, size_t len, bool append, struct error *err);
/* The field that such a path ends in, or NULL. */
const ProtobufCFieldDescriptor *message_find_path(const ProtobufCMessageDescriptor *desc,
						  const char *path);

/* A field's name as upstream's .proto files have it, which is fd->name but for what cannot be a name in C. */
const char *message_field_name(const ProtobufCFieldDescriptor *fd);

/* Writes the message as an object. Errors stick in `o`; bytes that are not UTF-8 in strings are shown as \xHH. */
void message_to_json(const ProtobufCMessage *msg, struct json_out *o, const char *key);

#endif
