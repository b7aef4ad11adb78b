/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strbuf.h"
#include "source/store.h"
#include "support/tool.h"

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static int setup(void **state)
{
	*state = tool_tmpdir();
	return 0;
}

static int teardown(void **state)
{
	tool_rmdir(*state);
	return 0;
}

static int memfd_of(const char *text)
{
	int fd = -1;

	assert_int_equal(fd_memfd("store", &fd), 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	return fd;
}

static void test_add_and_map(void **state)
{
	_cleanup_store_ struct store s = STORE_INIT;
	_cleanup_fd_ int fd = memfd_of("abc");
	struct store_map m = STORE_MAP_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(store_open(&s, *state, &err), 0);
	assert_false(store_has(&s, SHA_ABC, 3));
	assert_int_equal(store_map(&s, SHA_ABC, 3, &m, &err), -ENOENT);
	assert_int_equal(store_add_fd(&s, fd, SHA_ABC, 3, &err), 0);
	assert_true(store_has(&s, SHA_ABC, 3));
	assert_false(store_has(&s, SHA_ABC, 4));
	assert_int_equal(store_map(&s, SHA_ABC, 3, &m, &err), 0);
	assert_memory_equal(m.data, "abc", 3);
	store_unmap(&m);
	assert_null(m.data);
}

static void test_refuse(void **state)
{
	_cleanup_store_ struct store s = STORE_INIT;
	_cleanup_fd_ int wrong = memfd_of("abd"), longer = memfd_of("abcd"), empty = memfd_of("");
	struct error err = ERROR_INIT;

	assert_int_equal(store_open(&s, *state, &err), 0);
	assert_int_equal(store_add_fd(&s, wrong, SHA_ABC, 3, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "has 3 bytes and SHA-256 a52d159f"));
	assert_int_equal(store_add_fd(&s, longer, SHA_ABC, 3, &err), -EBADMSG);
	assert_string_equal(err.msg, "has more than 3 bytes");
	assert_int_equal(store_add_fd(&s, empty, SHA_ABC, 3, &err), -EBADMSG);
	assert_false(store_has(&s, SHA_ABC, 3));
	free(tool_ok("test -z \"$(find '%s' -type f)\"", (char *)*state));
}

static void test_damaged(void **state)
{
	_cleanup_store_ struct store s = STORE_INIT;
	_cleanup_fd_ int fd = memfd_of("abc");
	struct store_map m = STORE_MAP_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(store_open(&s, *state, &err), 0);
	assert_int_equal(store_add_fd(&s, fd, SHA_ABC, 3, &err), 0);
	free(tool_ok("printf abd > '%s/sha256/ba/" SHA_ABC "'", (char *)*state));
	assert_int_equal(store_map(&s, SHA_ABC, 3, &m, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "the cached file has SHA-256 a52d159f"));
	assert_null(m.data);
	free(tool_ok("printf ab > '%s/sha256/ba/" SHA_ABC "'", (char *)*state));
	assert_int_equal(store_map(&s, SHA_ABC, 3, &m, &err), -EBADMSG);
	assert_string_equal(err.msg, "the cached file has 2 bytes instead of 3");
	/* fetched again, it replaces what was there */
	assert_int_equal(store_add_fd(&s, fd, SHA_ABC, 3, &err), 0);
	assert_int_equal(store_map(&s, SHA_ABC, 3, &m, &err), 0);
	store_unmap(&m);
}

static void test_is_sha256(void **state)
{
	assert_true(store_is_sha256(SHA_ABC));
	assert_false(store_is_sha256(""));
	assert_false(store_is_sha256(SHA_ABC "0"));
	assert_false(store_is_sha256(
		"BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_and_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test(test_is_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
