/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/strbuf.h"
#include "support/cmocka_all.h"
#include "writer/zpool.h"

static int collect(void *data, const void *bytes, size_t len, struct error *err)
{
	return strbuf_add(data, bytes, len);
}

static int refuse(void *data, const void *bytes, size_t len, struct error *err)
{
	return error_set(err, -ENOSPC, "the sink is full");
}

/* Eleven members of different sizes, so that threads end out of order; flushed once in between. */
static void pack(enum z_kind kind, unsigned threads, struct strbuf *out)
{
	struct error err = ERROR_INIT;
	struct zpool *p = NULL;

	assert_int_equal(zpool_open(kind, 6, threads, collect, out, &p, &err), 0);
	for (size_t i = 0; i < 11; i++) {
		size_t n = (11 - i) * (11 - i) * 20000;
		uint8_t *b;

		assert_int_equal(zpool_reserve(p, n, &err), 0);
		b = zpool_buf(p);
		for (size_t k = 0; k < n; k++)
			b[k] = (uint8_t)(k * i >> 5);
		assert_int_equal(zpool_submit(p, n, &err), 0);
		if (i == 5)
			assert_int_equal(zpool_flush(p, &err), 0);
	}
	assert_int_equal(zpool_flush(p, &err), 0);
	zpool_free(p);
}

static void same_with(enum z_kind kind)
{
	struct strbuf one = STRBUF_INIT;

	pack(kind, 1, &one);
	assert_true(one.len > 1000);
	for (unsigned n = 0; n < 6; n++) {
		struct strbuf many = STRBUF_INIT;

		pack(kind, n, &many);
		assert_int_equal(many.len, one.len);
		assert_memory_equal(many.buf, one.buf, one.len);
		strbuf_release(&many);
	}
	strbuf_release(&one);
}

static void threads_do_not_show(void **state)
{
	same_with(Z_GZIP);
	same_with(Z_ZSTD);
	same_with(Z_LZ4_BLOCKS);
}

/* What does not compress, so that a member on its way counts the same before and after. */
static void submit_noise(struct zpool *p, size_t len)
{
	struct error err = ERROR_INIT;
	uint32_t x = 1;
	uint8_t *b;

	assert_int_equal(zpool_reserve(p, len, &err), 0);
	b = zpool_buf(p);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		b[i] = (uint8_t)(x >> 24);
	}
	assert_int_equal(zpool_submit(p, len, &err), 0);
}

static void memory_is_bounded(void **state)
{
	const size_t third = ZPOOL_BYTES / 3 - 4096;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct zpool *p = NULL;

	assert_int_equal(zpool_open(Z_GZIP, 1, 2, collect, &out, &p, &err), 0);
	for (size_t i = 0; i < 3; i++)
		submit_noise(p, third);
	assert_int_equal(out.len, 0);
	assert_int_equal(zpool_reserve(p, third, &err), 0); /* the oldest goes */
	assert_in_range(out.len, third, third + 4096);
	assert_int_equal(zpool_reserve(p, ZPOOL_BYTES, &err), 0); /* all go */
	assert_in_range(out.len, 3 * third, 3 * third + 3 * 4096);
	zpool_free(p);
	strbuf_release(&out);
}

static void submit_abc(struct zpool *p)
{
	struct error err = ERROR_INIT;

	assert_int_equal(zpool_reserve(p, 3, &err), 0);
	memcpy(zpool_buf(p), "abc", 3);
	assert_int_equal(zpool_submit(p, 3, &err), 0);
}

static void sink_errors_come_back(void **state)
{
	struct error err = ERROR_INIT;
	struct zpool *p = NULL;

	assert_int_equal(zpool_open(Z_GZIP, 13, 2, refuse, NULL, &p, &err), -EINVAL);
	assert_int_equal(zpool_open(Z_GZIP, 1, 3, refuse, NULL, &p, &err), 0);
	submit_abc(p);
	assert_int_equal(zpool_flush(p, &err), -ENOSPC);
	assert_string_equal(err.msg, "the sink is full");
	/* Freed with a member under way. */
	submit_abc(p);
	zpool_free(p);
	zpool_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_do_not_show),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(sink_errors_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
