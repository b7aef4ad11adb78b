/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

static void grows_and_stays_a_string(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	assert_string_equal(sb.buf, "");
	assert_int_equal(strbuf_addf(&sb, "%d-%s", 42, "x"), 0);
	assert_int_equal(strbuf_addch(&sb, '!'), 0);
	assert_string_equal(sb.buf, "42-x!");
	for (int i = 0; i < 10000; i++)
		assert_int_equal(strbuf_addstr(&sb, "0123456789"), 0);
	assert_int_equal(sb.len, 5 + 100000);
	assert_int_equal(sb.buf[sb.len], 0);
	strbuf_consume(&sb, 5);
	assert_memory_equal(sb.buf, "0123456789", 10);
	strbuf_consume(&sb, 1u << 30);
	assert_int_equal(sb.len, 0);
	strbuf_reset(&sb);
	assert_string_equal(sb.buf, "");
}

static void refuses_an_impossible_size(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	assert_int_equal(strbuf_addstr(&sb, "keep"), 0);
	assert_int_equal(strbuf_grow(&sb, SIZE_MAX - 2), -ENOMEM);
	assert_string_equal(sb.buf, "keep");
}

static void detach_hands_over(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	_cleanup_free_ char *empty = strbuf_detach(&sb, NULL), *full = NULL;
	size_t len;

	assert_string_equal(empty, "");
	assert_int_equal(strbuf_add(&sb, "a\0b", 3), 0);
	full = strbuf_detach(&sb, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(full, "a\0b", 4);
	assert_int_equal(sb.len, 0);
}

static void escapes_json(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	assert_int_equal(strbuf_add_json(&sb, "a\"\\\n\t\x01\x7f\xc3\xa4"), 0);
	assert_string_equal(sb.buf, "a\\\"\\\\\\n\\t\\u0001\\u007f\xc3\xa4");
}

static void reads_up_to_a_limit(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_fd_ int rd = -1;
	int p[2];

	assert_int_equal(fd_pipe(p, 0), 0);
	rd = p[0];
	assert_int_equal(fd_write_full(p[1], "0123456789", 10), 0);
	close(p[1]);
	assert_int_equal(strbuf_read_fd(&sb, rd, 9), -EFBIG);
	assert_int_equal(fd_pipe(p, 0), 0);
	assert_int_equal(fd_write_full(p[1], "0123456789 \n", 12), 0);
	close(p[1]);
	assert_int_equal(strbuf_read_fd(&sb, p[0], 12), 0);
	close(p[0]);
	strbuf_trim_end(&sb);
	assert_string_equal(sb.buf, "0123456789");
}

static void small_string_helpers(void **state)
{
	_cleanup_free_ char *s = str_printf("%s/%d", "a", 1);

	assert_string_equal(s, "a/1");
	assert_string_equal(str_after("unix:///x", "unix://"), "/x");
	assert_null(str_after("vsock://", "unix://"));
	assert_true(str_ends("a.toml", ".toml"));
	assert_false(str_ends("l", ".toml"));
	assert_true(str_eq("a", "a"));
	assert_false(str_eq(NULL, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_stays_a_string),
		cmocka_unit_test(refuses_an_impossible_size),
		cmocka_unit_test(detach_hands_over),
		cmocka_unit_test(escapes_json),
		cmocka_unit_test(reads_up_to_a_limit),
		cmocka_unit_test(small_string_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
