/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ttrpc.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include "base/compiler.h"
#include "wire/ttrpc_conn.h"

/* The first line with a given number in a column decides for that direction. */
static const struct {
	int err;
	enum ttrpc_code code;
} code_map[] = {
	{ -ENOENT, TTRPC_NOT_FOUND },		{ -ESRCH, TTRPC_NOT_FOUND },
	{ -EINVAL, TTRPC_INVALID_ARGUMENT },	{ -EBADMSG, TTRPC_INVALID_ARGUMENT },
	{ -EEXIST, TTRPC_ALREADY_EXISTS },	{ -ETIMEDOUT, TTRPC_DEADLINE_EXCEEDED },
	{ -ETIME, TTRPC_DEADLINE_EXCEEDED },	{ -EPERM, TTRPC_PERMISSION_DENIED },
	{ -EACCES, TTRPC_PERMISSION_DENIED },	{ -EOPNOTSUPP, TTRPC_UNIMPLEMENTED },
	{ -ENOSYS, TTRPC_UNIMPLEMENTED },	{ -EBUSY, TTRPC_FAILED_PRECONDITION },
	{ -ENOSPC, TTRPC_RESOURCE_EXHAUSTED },	{ -ENOMEM, TTRPC_RESOURCE_EXHAUSTED },
	{ -EMFILE, TTRPC_RESOURCE_EXHAUSTED },	{ -EMSGSIZE, TTRPC_RESOURCE_EXHAUSTED },
	{ -ENOBUFS, TTRPC_RESOURCE_EXHAUSTED }, { -ECONNRESET, TTRPC_UNAVAILABLE },
	{ -EPIPE, TTRPC_UNAVAILABLE },		{ -ENOTCONN, TTRPC_UNAVAILABLE },
	{ -ECANCELED, TTRPC_CANCELLED },	{ -EAGAIN, TTRPC_ABORTED },
	{ -ERANGE, TTRPC_OUT_OF_RANGE },	{ -EKEYREJECTED, TTRPC_UNAUTHENTICATED },
};

enum ttrpc_code ttrpc_code_of(int neg_errno)
{
	size_t i;

	if (neg_errno >= 0)
		return TTRPC_OK;
	for (i = 0; i < ARRAY_SIZE(code_map); i++)
		if (code_map[i].err == neg_errno)
			return code_map[i].code;
	return TTRPC_INTERNAL;
}

int ttrpc_errno_of(enum ttrpc_code code)
{
	size_t i;

	if (code == TTRPC_OK)
		return 0;
	for (i = 0; i < ARRAY_SIZE(code_map); i++)
		if (code_map[i].code == code)
			return code_map[i].err;
	return -EIO;
}

static const char *const code_names[] = {
	[TTRPC_OK] = "OK",
	[TTRPC_CANCELLED] = "CANCELLED",
	[TTRPC_UNKNOWN] = "UNKNOWN",
	[TTRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[TTRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[TTRPC_NOT_FOUND] = "NOT_FOUND",
	[TTRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[TTRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[TTRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[TTRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[TTRPC_ABORTED] = "ABORTED",
	[TTRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[TTRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[TTRPC_INTERNAL] = "INTERNAL",
	[TTRPC_UNAVAILABLE] = "UNAVAILABLE",
	[TTRPC_DATA_LOSS] = "DATA_LOSS",
	[TTRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *ttrpc_code_name(enum ttrpc_code code)
{
	return code_names[(unsigned int)code < ARRAY_SIZE(code_names) ? code : TTRPC_UNKNOWN];
}

int ttrpc_code_parse(const char *name, enum ttrpc_code *ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(code_names); i++) {
		if (strcmp(code_names[i], name) != 0)
			continue;
		*ret = (enum ttrpc_code)i;
		return 0;
	}
	return -EINVAL;
}

void ttrpc_header_encode(uint8_t hdr[TTRPC_HEADER_SIZE], const struct ttrpc_frame *f)
{
	uint32_t len = htobe32(f->length), stream = htobe32(f->stream);

	memcpy(hdr, &len, 4);
	memcpy(hdr + 4, &stream, 4);
	hdr[8] = f->type;
	hdr[9] = f->flags;
}

void ttrpc_header_decode(const uint8_t hdr[TTRPC_HEADER_SIZE], struct ttrpc_frame *f)
{
	uint32_t len, stream;

	memcpy(&len, hdr, 4);
	memcpy(&stream, hdr + 4, 4);
	*f = (struct ttrpc_frame){
		.length = be32toh(len),
		.stream = be32toh(stream),
		.type = hdr[8],
		.flags = hdr[9],
	};
}
