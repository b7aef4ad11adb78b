/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "support/cmocka_all.h"
#include "wire/ttrpc.h"
#include "wire/ttrpc_conn.h"

static void test_header(void **state)
{
	static const uint8_t bytes[TTRPC_HEADER_SIZE] = { 0x00, 0x01, 0x02, 0x03, 0xa0,
							  0x00, 0x00, 0x07, 2,	  4 };
	struct ttrpc_frame f = { .length = 0x10203, .stream = 0xa0000007, .type = 2, .flags = 4 };
	uint8_t hdr[TTRPC_HEADER_SIZE];

	ttrpc_header_encode(hdr, &f);
	assert_memory_equal(hdr, bytes, sizeof(bytes));
	ttrpc_header_decode(bytes, &f);
	assert_int_equal(f.length, 0x10203);
	assert_int_equal(f.stream, 0xa0000007);
	assert_int_equal(f.type, 2);
	assert_int_equal(f.flags, 4);
	assert_null(f.payload);
	assert_int_equal(f.error, 0);
}

static void test_codes(void **state)
{
	static const struct {
		int err;
		enum ttrpc_code code;
	} t[] = {
		{ 0, TTRPC_OK },
		{ -ENOENT, TTRPC_NOT_FOUND },
		{ -ESRCH, TTRPC_NOT_FOUND },
		{ -EINVAL, TTRPC_INVALID_ARGUMENT },
		{ -EEXIST, TTRPC_ALREADY_EXISTS },
		{ -ETIMEDOUT, TTRPC_DEADLINE_EXCEEDED },
		{ -ETIME, TTRPC_DEADLINE_EXCEEDED },
		{ -EPERM, TTRPC_PERMISSION_DENIED },
		{ -EACCES, TTRPC_PERMISSION_DENIED },
		{ -ENOSYS, TTRPC_UNIMPLEMENTED },
		{ -EOPNOTSUPP, TTRPC_UNIMPLEMENTED },
		{ -EBUSY, TTRPC_FAILED_PRECONDITION },
		{ -ENOMEM, TTRPC_RESOURCE_EXHAUSTED },
		{ -ENOSPC, TTRPC_RESOURCE_EXHAUSTED },
		{ -EMFILE, TTRPC_RESOURCE_EXHAUSTED },
		{ -ECONNRESET, TTRPC_UNAVAILABLE },
		{ -EPIPE, TTRPC_UNAVAILABLE },
		{ -ENOTCONN, TTRPC_UNAVAILABLE },
		{ -ECANCELED, TTRPC_CANCELLED },
		{ -EIO, TTRPC_INTERNAL },
		{ -4000, TTRPC_INTERNAL },
	};
	size_t i;
	int c;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(ttrpc_code_of(t[i].err), t[i].code);
	assert_int_equal(ttrpc_errno_of(TTRPC_OK), 0);
	assert_int_equal(ttrpc_errno_of(TTRPC_NOT_FOUND), -ENOENT);
	assert_int_equal(ttrpc_errno_of(TTRPC_UNIMPLEMENTED), -EOPNOTSUPP);
	assert_int_equal(ttrpc_errno_of(TTRPC_DEADLINE_EXCEEDED), -ETIMEDOUT);
	assert_int_equal(ttrpc_errno_of(TTRPC_INTERNAL), -EIO);
	assert_int_equal(ttrpc_errno_of(99), -EIO);
	/* Nothing but OK is success. */
	for (c = TTRPC_CANCELLED; c <= TTRPC_UNAUTHENTICATED; c++)
		assert_true(ttrpc_errno_of(c) < 0);
}

static void test_code_names(void **state)
{
	enum ttrpc_code code = TTRPC_OK;

	for (int i = TTRPC_OK; i <= TTRPC_UNAUTHENTICATED; i++) {
		assert_int_equal(ttrpc_code_parse(ttrpc_code_name((enum ttrpc_code)i), &code), 0);
		assert_int_equal(code, i);
	}
	assert_string_equal(ttrpc_code_name((enum ttrpc_code)99), "UNKNOWN");
	assert_int_equal(ttrpc_code_parse("not_found", &code), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_code_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
