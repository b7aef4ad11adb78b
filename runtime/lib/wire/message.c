/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/message.h"

#include <stdbool.h>
#include "base/alloc.h"
#include "base/escape.h"

/* ---- walking over packed bytes ---- */

/* Wire types (protobuf documentation, "Encoding"). */
enum { WT_VARINT = 0, WT_64BIT = 1, WT_BYTES = 2, WT_32BIT = 5 };

struct field {
	uint32_t number;
	unsigned int wire_type;
	const uint8_t *start; /* of the tag */
	const uint8_t *body;  /* of the value; of the contents when length prefixed */
	const uint8_t *end;
};

static const uint8_t *read_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;
	unsigned int shift;

	for (shift = 0; shift < 70 && p < end; shift += 7, p++) {
		if (shift < 64)
			v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p & 0x80)) {
			*ret = v;
			return p + 1;
		}
	}
	return NULL;
}

/* The field at p (p < end). False when the bytes are malformed. */
static bool read_field(const uint8_t *p, const uint8_t *end, struct field *f)
{
	uint64_t tag, n;

	f->start = p;
	p = read_varint(p, end, &tag);
	if (!p || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	f->number = (uint32_t)(tag >> 3);
	f->wire_type = tag & 7;
	f->body = p;
	switch (f->wire_type) {
	case WT_VARINT:
		f->end = read_varint(p, end, &n);
		return f->end != NULL;
	case WT_64BIT:
		n = 8;
		break;
	case WT_32BIT:
		n = 4;
		break;
	case WT_BYTES:
		p = read_varint(p, end, &n);
		if (!p)
			return false;
		f->body = p;
		break;
	default:
		return false;
	}
	if (n > (uint64_t)(end - p))
		return false;
	f->end = p + n;
	return true;
}

static unsigned int natural_wire_type(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WT_BYTES;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WT_64BIT;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WT_32BIT;
	default:
		return WT_VARINT;
	}
}

static bool wire_type_fits(const ProtobufCFieldDescriptor *fd, unsigned int wire_type)
{
	if (wire_type == natural_wire_type(fd->type))
		return true;
	/* Repeated scalars may come packed. */
	return fd->label == PROTOBUF_C_LABEL_REPEATED && wire_type == WT_BYTES;
}

static int check_message(const ProtobufCMessageDescriptor *desc, const uint8_t *p, size_t len,
			 size_t *misfits, struct error *err);

static int check_field(const ProtobufCMessageDescriptor *desc, const struct field *f,
		       size_t *misfits, struct error *err)
{
	const ProtobufCFieldDescriptor *fd =
		protobuf_c_message_descriptor_get_field(desc, f->number);
	size_t len = f->end - f->body;

	if (!fd)
		return 0;
	if (!wire_type_fits(fd, f->wire_type)) {
		if (misfits) {
			(*misfits)++;
			return 0;
		}
		return error_set(err, -EBADMSG, "%s.%s: wrong wire type %u", desc->name, fd->name,
				 f->wire_type);
	}
	if (fd->type == PROTOBUF_C_TYPE_STRING && memchr(f->body, 0, len))
		return error_set(err, -EBADMSG, "%s.%s: NUL byte in a string", desc->name,
				 fd->name);
	if (fd->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_message(fd->descriptor, f->body, len, NULL, err);
	return 0;
}

/* misfits NULL: fields of a wrong wire type are an error; else they are counted. */
static int check_message(const ProtobufCMessageDescriptor *desc, const uint8_t *p, size_t len,
			 size_t *misfits, struct error *err)
{
	const uint8_t *end = p + len;
	struct field f;
	int r;

	while (p < end) {
		if (!read_field(p, end, &f))
			return error_set(err, -EBADMSG, "%s: malformed bytes", desc->name);
		r = check_field(desc, &f, misfits, err);
		if (r < 0)
			return r;
		p = f.end;
	}
	return 0;
}

/* A copy without the top-level fields of a wrong wire type. The bytes have been checked. */
static uint8_t *without_misfits(const ProtobufCMessageDescriptor *desc, const uint8_t *data,
				size_t *len)
{
	const ProtobufCFieldDescriptor *fd;
	const uint8_t *p = data, *end = data + *len;
	uint8_t *copy = malloc(*len);
	struct field f;
	size_t n = 0;

	if (!copy)
		return NULL;
	while (p < end && read_field(p, end, &f)) {
		fd = protobuf_c_message_descriptor_get_field(desc, f.number);
		if (!fd || wire_type_fits(fd, f.wire_type)) {
			memcpy(copy + n, f.start, f.end - f.start);
			n += f.end - f.start;
		}
		p = f.end;
	}
	*len = n;
	return copy;
}

/* ---- unpacking ---- */

struct budget {
	size_t left;
	bool exceeded;
	bool no_memory;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *b = data;
	void *p;

	if (size + sizeof(void *) > b->left) {
		b->exceeded = true;
		return NULL;
	}
	b->left -= size + sizeof(void *);
	p = malloc(size ? size : 1);
	if (!p)
		b->no_memory = true;
	return p;
}

static void budget_free(void *data, void *p)
{
	free(p);
}

int message_unpack(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
		   ProtobufCMessage **ret, struct error *err)
{
	_cleanup_free_ uint8_t *copy = NULL;
	struct budget budget = { .left = MESSAGE_MAX_UNPACKED };
	ProtobufCAllocator allocator = { budget_alloc, budget_free, &budget };
	ProtobufCMessage *msg;
	size_t misfits = 0;
	int r;

	if (len == 0)
		data = ""; /* arithmetic on NULL is undefined */
	r = check_message(desc, data, len, &misfits, err);
	if (r < 0)
		return r;
	if (misfits > 0) {
		copy = without_misfits(desc, data, &len);
		if (!copy)
			return error_oom(err);
		data = copy;
	}
	msg = protobuf_c_message_unpack(desc, &allocator, len, data);
	if (!msg) {
		if (budget.exceeded)
			return error_set(err, -EMSGSIZE, "%s: takes more than %u bytes of memory",
					 desc->name, MESSAGE_MAX_UNPACKED);
		if (budget.no_memory)
			return error_oom(err);
		return error_set(err, -EBADMSG, "%s: malformed bytes", desc->name);
	}
	*ret = msg;
	return 0;
}

/* ---- packing ---- */

int message_pack(const ProtobufCMessage *msg, size_t max, uint8_t **ret, size_t *ret_len)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	uint8_t *buf = NULL;

	if (len > max)
		return -EMSGSIZE;
	if (len > 0) {
		buf = malloc(len);
		if (!buf)
			return -ENOMEM;
		protobuf_c_message_pack(msg, buf);
	}
	*ret = buf;
	*ret_len = len;
	return 0;
}

void message_clean_utf8(char *s)
{
	size_t n;

	while (*s) {
		n = utf8_len((const unsigned char *)s, 4);
		if (n == 0)
			*s = '?';
		s += n ? n : 1;
	}
}
