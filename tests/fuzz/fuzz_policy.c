/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of the agent, and requests checked by them. The input is a policy, a NUL byte, and a CreateContainerRequest. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/compiler.h"
#include "service/policy.h"
#include "wire/agent.pb-c.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ttrpc_method methods[] = {
		{ "CreateContainer", &grpc__create_container_request__descriptor, NULL },
		{ "StatsContainer", &grpc__stats_container_request__descriptor, NULL },
		{ "MemAgentMemcgSet", &grpc__mem_agent_memcg_config__descriptor, NULL },
	};
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;
	ProtobufCMessage *msg = NULL;
	struct error err = ERROR_INIT;
	struct policy *p = NULL;

	if (policy_parse((const char *)data, len, "p", methods, ARRAY_SIZE(methods), &p, &err) < 0)
		return 0;
	if (nul && message_unpack(methods[0].request, nul + 1, size - len - 1, &msg, NULL) == 0) {
		policy_check(p, &methods[0], msg, &err);
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	policy_free(p);
	return 0;
}
