/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/base64.h"

#include <errno.h>
#include <string.h>
#include "support/cmocka_all.h"

/* RFC 4648, section 10. */
static const struct {
	const char *plain, *coded;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
		const char *coded = vectors[i].coded;
		uint8_t out[16];
		size_t n = 99, bare = strcspn(coded, "=");

		assert_int_equal(base64_encode(&sb, vectors[i].plain, strlen(vectors[i].plain)), 0);
		assert_string_equal(sb.buf, coded);
		assert_int_equal(base64_decode(out, &n, coded, strlen(coded)), 0);
		assert_int_equal(n, strlen(vectors[i].plain));
		assert_memory_equal(out, vectors[i].plain, n);
		n = 99;
		assert_int_equal(base64_decode(out, &n, coded, bare), 0);
		assert_int_equal(n, strlen(vectors[i].plain));
	}
}

static void test_every_byte(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	uint8_t in[256], out[BASE64_DECODED_MAX(344)];
	size_t n;

	for (int i = 0; i < 256; i++)
		in[i] = (uint8_t)i;
	assert_int_equal(base64_encode(&sb, in, sizeof(in)), 0);
	assert_int_equal(sb.len, 344);
	assert_int_equal(base64_decode(out, &n, sb.buf, sb.len), 0);
	assert_int_equal(n, sizeof(in));
	assert_memory_equal(out, in, n);
	/* The alphabet of URLs. */
	for (size_t i = 0; i < sb.len; i++)
		sb.buf[i] = sb.buf[i] == '+' ? '-' : sb.buf[i] == '/' ? '_' : sb.buf[i];
	assert_int_equal(base64_decode(out, &n, sb.buf, sb.len), 0);
	assert_memory_equal(out, in, n);
}

static void test_reject(void **state)
{
	static const char *const bad[] = { "Z",	    "Zg=",  "Zg===", "Zh==",	  "Zm9=",
					   "Zm9v=", "====", "=",     "Zg==Zg==",  "Zm9v\n",
					   " Zm9v", "Zm.v", "Zm9vY", "Zm\xc3\xa4" };
	uint8_t out[16];
	size_t n = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(base64_decode(out, &n, bad[i], strlen(bad[i])), -EINVAL);
	assert_int_equal(base64_decode(out, &n, "Zm\0v", 4), -EINVAL);
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_reject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
