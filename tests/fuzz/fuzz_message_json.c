/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "wire/agent.pb-c.h"
#include "wire/message_json.h"
#include "wire/ttrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_json(struct message_builder *b, const ProtobufCMessageDescriptor *desc,
		     const char *text, size_t len, ProtobufCMessage **ret)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	struct error err = ERROR_INIT;
	int r = json_doc_parse(text, len, JSON_MAX_BYTES, &doc, &err);

	if (r < 0)
		return r;
	*ret = message_new(b, desc);
	if (!*ret)
		return -ENOMEM;
	r = message_merge_json(b, *ret, json_doc_root(doc), &err);
	if (r < 0 && (err.code != r || !err.msg[0]))
		abort();
	return r;
}

static void write_json(const ProtobufCMessage *msg, struct strbuf *out)
{
	struct json_out o;

	json_out_init(&o, out, NULL);
	message_to_json(msg, &o, NULL);
	if (json_out_finish(&o) < 0)
		abort();
}

/* "path=text" into a message of its own. */
static void set_text(const ProtobufCMessageDescriptor *desc, const char *text, size_t len)
{
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	_cleanup_free_ char *copy = mem_dup0(text, len);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	ProtobufCMessage *msg = message_new(&b, desc);
	struct error err = ERROR_INIT;
	char *eq;

	if (!copy || !msg)
		return;
	for (char *line = copy; line; line = eq) {
		char *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		eq = strchr(line, '=');
		if (eq) {
			*eq++ = '\0';
			message_find_path(desc, line);
			message_set_text(&b, msg, line, eq, strlen(eq), true, &err);
		}
		eq = end;
	}
	write_json(msg, &out);
}

/*
 * The first byte chooses a message of the agent's service, the rest is JSON or lines "path=text". What was read survives being sent,
 * received, printed and read again.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCServiceDescriptor *service = &grpc__agent_service__descriptor;
	_cleanup_message_builder_ struct message_builder b = MESSAGE_BUILDER_INIT;
	_cleanup_free_ uint8_t *first = NULL, *second = NULL;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	ProtobufCMessage *msg = NULL, *again = NULL;
	const ProtobufCMethodDescriptor *method;
	const ProtobufCMessageDescriptor *desc;
	struct error err = ERROR_INIT;
	size_t n_first, n_second;

	if (size == 0)
		return 0;
	method = &service->methods[data[0] / 2 % service->n_methods];
	desc = data[0] % 2 ? method->output : method->input;
	set_text(desc, (const char *)data + 1, size - 1);
	if (read_json(&b, desc, (const char *)data + 1, size - 1, &msg) < 0 ||
	    message_pack(msg, TTRPC_MAX_PAYLOAD, &first, &n_first) < 0)
		return 0;
	if (message_unpack(desc, first, n_first, &again, &err) < 0)
		abort();
	write_json(again, &text);
	protobuf_c_message_free_unpacked(again, NULL);
	if (read_json(&b, desc, text.buf, text.len, &again) < 0 ||
	    message_pack(again, TTRPC_MAX_PAYLOAD, &second, &n_second) < 0)
		abort();
	if (n_first != n_second || (n_first > 0 && memcmp(first, second, n_first) != 0))
		abort();
	return 0;
}
