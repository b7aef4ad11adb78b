/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>
#include "base/error.h"

/*
 * Protobuf messages from and to bytes, with the checks that protobuf-c leaves out. Messages nest no deeper than their
 * descriptors (none of ours is recursive), so depth needs no limit of its own.
 */

/* Bytes of memory that unpacking one message may take; a 4 MiB payload of two-byte submessages would want hundreds of MiB. */
#define MESSAGE_MAX_UNPACKED (32u << 20)

/*
 * Unpacks; free with protobuf_c_message_free_unpacked(msg, NULL). Beyond protobuf-c:
 *  - a string with a NUL byte inside is refused (C would see a shorter one than other readers of the same bytes);
 *  - a top-level field that comes with another wire type than its own is dropped, as the protobuf specification wants
 *    for a field whose type has changed (CreateContainerRequest's field 8 was a bool in upstream's 1.x);
 *  - the memory is limited by MESSAGE_MAX_UNPACKED.
 * -EBADMSG for bytes that are no such message, -EMSGSIZE over the limit, -ENOMEM.
 */
int message_unpack(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
		   ProtobufCMessage **ret, struct error *err);

/* Packs into memory that the caller frees; *ret is NULL for an empty message. -EMSGSIZE if longer than max, -ENOMEM. */
int message_pack(const ProtobufCMessage *msg, size_t max, uint8_t **ret, size_t *ret_len);

/* Replaces every byte that is not part of valid UTF-8 by '?': protobuf strings must be UTF-8, and Go peers insist. */
void message_clean_utf8(char *s);

#endif
