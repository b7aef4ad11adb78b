/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "tools/agent-ctl/duration.h"
#include "tools/agent-ctl/request.h"
#include "wire/ttrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines of commands, one after another with the values of those before; no file is read. */
static void run_line(struct ctl_values *v, const char *text)
{
	_cleanup_ctl_request_ struct ctl_request req = CTL_REQUEST_INIT;
	_cleanup_ctl_line_ struct ctl_line line = CTL_LINE_INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	ProtobufCMessage *msg = NULL;
	struct error err = ERROR_INIT;
	uint64_t nsec;
	size_t len;
	int r;

	ctl_duration_parse(text, &nsec, &err);
	if (ctl_line_parse(text, &line, &err) < 0 || !line.name)
		return;
	r = ctl_request_build(v, line.name, &line, &req, &err);
	if (r < 0) {
		if (err.code != r || !err.msg[0])
			abort();
		return;
	}
	/* What is sent is what the agent accepts as such a message. */
	if (message_pack(req.msg, TTRPC_MAX_PAYLOAD, &packed, &len) < 0)
		return;
	if (message_unpack(req.method->input, packed, len, &msg, &err) < 0)
		abort();
	protobuf_c_message_free_unpacked(msg, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = mem_dup0(data, size);
	struct ctl_values v = { .no_files = true };
	char *save = NULL;

	if (!text)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		run_line(&v, line);
	ctl_values_release(&v);
	return 0;
}
