/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "wire/agent.pb-c.h"
#include "wire/events.pb-c.h"
#include "wire/health.pb-c.h"
#include "wire/message.h"
#include "wire/task.pb-c.h"

/*
 * Unpacks the input as each kind of message: the first byte is the service's number and whether it is the request or the
 * response, the second the method's. What unpacks must pack, and unpack again to the same.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *choose(uint8_t a, uint8_t b)
{
	const ProtobufCServiceDescriptor *const services[] = {
		&grpc__agent_service__descriptor,
		&grpc__health__descriptor,
		&containerd__task__v2__task__descriptor,
		&containerd__services__events__ttrpc__v1__events__descriptor,
	};
	const ProtobufCServiceDescriptor *svc = services[(a >> 1) % 4];
	const ProtobufCMethodDescriptor *m = &svc->methods[b % svc->n_methods];

	return a & 1 ? m->output : m->input;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *desc;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg, *again;
	uint8_t *packed, *packed_again;
	size_t len, len_again;
	int r;

	if (size < 2)
		return 0;
	desc = choose(data[0], data[1]);
	r = message_unpack(desc, data + 2, size - 2, &msg, &err);
	if (r < 0) {
		if (err.code != r || err.msg[0] == '\0')
			abort();
		return 0;
	}
	if (message_pack(msg, SIZE_MAX, &packed, &len) < 0)
		abort();
	if (message_unpack(desc, packed, len, &again, &err) < 0)
		abort();
	if (message_pack(again, SIZE_MAX, &packed_again, &len_again) < 0)
		abort();
	if (len != len_again || (len > 0 && memcmp(packed, packed_again, len) != 0))
		abort();
	protobuf_c_message_free_unpacked(msg, NULL);
	protobuf_c_message_free_unpacked(again, NULL);
	free(packed);
	free(packed_again);
	return 0;
}
