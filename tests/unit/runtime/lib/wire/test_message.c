/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include <stdlib.h>
#include <string.h>
#include "wire/agent.pb-c.h"
#include "wire/message.h"
#include "wire/ttrpc.pb-c.h"

static Grpc__CreateContainerRequest *unpack_create(const char *bytes, size_t len, int want,
						   struct error *err)
{
	ProtobufCMessage *msg = NULL;
	int r = message_unpack(&grpc__create_container_request__descriptor, bytes, len, &msg, err);

	assert_int_equal(r, want);
	return (Grpc__CreateContainerRequest *)msg;
}
#define UNPACK_CREATE(bytes, want, err) unpack_create(bytes, sizeof(bytes) - 1, want, err)

static void expect_refused(const char *bytes, size_t len, int want, const char *text)
{
	struct error err = ERROR_INIT;

	assert_null(unpack_create(bytes, len, want, &err));
	assert_int_equal(err.code, want);
	assert_string_equal(error_text(&err), text);
}
#define EXPECT_REFUSED(bytes, want, text) expect_refused(bytes, sizeof(bytes) - 1, want, text)

static void test_old_bool_field(void **state)
{
	/* What a 1.x runtime sends: field 8 is the bool agent_pidns. */
	struct error err = ERROR_INIT;
	Grpc__CreateContainerRequest *req = UNPACK_CREATE("\x0a\x02id\x40\x01\x38\x01", 0, &err);

	assert_string_equal(req->container_id, "id");
	assert_int_equal(req->n_shared_mounts, 0);
	assert_int_equal(req->sandbox_pidns, 1);
	grpc__create_container_request__free_unpacked(req, NULL);

	/* And today's. */
	req = UNPACK_CREATE("\x42\x03\x0a\x01n", 0, &err);
	assert_int_equal(req->n_shared_mounts, 1);
	assert_string_equal(req->shared_mounts[0]->name, "n");
	grpc__create_container_request__free_unpacked(req, NULL);
}

static void test_unknown_fields(void **state)
{
	/* Fields 100 (varint), 101 (bytes), 102 (64 bit), 103 (32 bit). */
	struct error err = ERROR_INIT;
	Grpc__CreateContainerRequest *req = UNPACK_CREATE("\xa0\x06\x01\xaa\x06\x01x\xb1\x06"
							  "12345678\xbd\x06"
							  "1234\x0a\x01i",
							  0, &err);

	assert_string_equal(req->container_id, "i");
	grpc__create_container_request__free_unpacked(req, NULL);
}

static void test_empty(void **state)
{
	struct error err = ERROR_INIT;
	Grpc__CreateContainerRequest *req = UNPACK_CREATE("", 0, &err);
	uint8_t *buf = (uint8_t *)1;
	size_t len = 1;

	assert_string_equal(req->container_id, "");
	assert_null(req->oci);
	assert_int_equal(message_pack(&req->base, 0, &buf, &len), 0);
	assert_null(buf);
	assert_int_equal(len, 0);
	grpc__create_container_request__free_unpacked(req, NULL);
}

static void test_refused(void **state)
{
	EXPECT_REFUSED("\x0a\x02"
		       "a\0",
		       -EBADMSG, "grpc.CreateContainerRequest.container_id: NUL byte in a string");
	/* Deeper: storages[0].source. */
	EXPECT_REFUSED("\x2a\x03\x1a\x01\0", -EBADMSG, "grpc.Storage.source: NUL byte in a string");
	/* A wrong wire type inside a submessage. */
	EXPECT_REFUSED("\x2a\x02\x08\x01", -EBADMSG, "grpc.Storage.driver: wrong wire type 0");
	/* Cut short, endless varint, group, field number 0, length beyond the end. */
	EXPECT_REFUSED("\x0a\x05"
		       "ab",
		       -EBADMSG, "grpc.CreateContainerRequest: malformed bytes");
	EXPECT_REFUSED("\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", -EBADMSG,
		       "grpc.CreateContainerRequest: malformed bytes");
	EXPECT_REFUSED("\x0b", -EBADMSG, "grpc.CreateContainerRequest: malformed bytes");
	EXPECT_REFUSED("\x02\x00", -EBADMSG, "grpc.CreateContainerRequest: malformed bytes");
	EXPECT_REFUSED("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", -EBADMSG,
		       "grpc.CreateContainerRequest: malformed bytes");
}

static void test_memory_limit(void **state)
{
	/* Two bytes on the wire make one Storage of more than a hundred. */
	size_t i, len = 4u << 20;
	char *bytes = malloc(len);

	assert_non_null(bytes);
	for (i = 0; i < len; i += 2) {
		bytes[i] = 0x2a;
		bytes[i + 1] = 0;
	}
	expect_refused(bytes, len, -EMSGSIZE,
		       "grpc.CreateContainerRequest: takes more than 33554432 bytes of memory");
	free(bytes);
}

static void test_largest_payload(void **state)
{
	/* A payload at the limit of a frame passes the memory limit. */
	Grpc__WriteStreamRequest wr = GRPC__WRITE_STREAM_REQUEST__INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg;
	uint8_t *bytes;
	size_t len;

	wr.data.len = (4u << 20) - 5;
	wr.data.data = calloc(1, wr.data.len);
	assert_non_null(wr.data.data);
	assert_int_equal(message_pack(&wr.base, (4u << 20) - 1, &bytes, &len), -EMSGSIZE);
	assert_int_equal(message_pack(&wr.base, 4u << 20, &bytes, &len), 0);
	assert_int_equal(len, 4u << 20);
	assert_int_equal(
		message_unpack(&grpc__write_stream_request__descriptor, bytes, len, &msg, &err), 0);
	assert_int_equal(((Grpc__WriteStreamRequest *)msg)->data.len, wr.data.len);
	protobuf_c_message_free_unpacked(msg, NULL);
	free(bytes);
	free(wr.data.data);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "plain", "plain" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		  "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "a\xff"
		  "b",
		  "a?b" },
		{ "\xc3", "?" },		/* cut */
		{ "\xe2\x82", "??" },		/* cut */
		{ "\xc0\x80", "??" },		/* overlong */
		{ "\xed\xa0\x80", "???" },	/* surrogate */
		{ "\xf4\x90\x80\x80", "????" }, /* above U+10FFFF */
		{ "\xe0\x9f\x80\xf0\x8f\x80\x80", "???????" },
	};
	char buf[32];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memcpy(buf, t[i].in, strlen(t[i].in) + 1);
		message_clean_utf8(buf);
		assert_string_equal(buf, t[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_old_bool_field), cmocka_unit_test(test_unknown_fields),
		cmocka_unit_test(test_empty),	       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_memory_limit),   cmocka_unit_test(test_largest_payload),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
