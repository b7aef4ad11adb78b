/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"
#include "codec/sha.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/parse.h"

/* FIPS 180-4 examples */
#define SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA512_ABC                                                         \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
/* One million times "a" */
#define SHA256_MILLION "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void test_one_shot(void **state)
{
	char hex[SHA_HEX_MAX];

	assert_int_equal(sha_hex_of(SHA_KIND_256, "", 0, hex), 0);
	assert_string_equal(hex, SHA256_EMPTY);
	assert_int_equal(sha_hex_of(SHA_KIND_256, "abc", 3, hex), 0);
	assert_string_equal(hex, SHA256_ABC);
	assert_int_equal(sha_hex_of(SHA_KIND_512, "abc", 3, hex), 0);
	assert_string_equal(hex, SHA512_ABC);
	assert_int_equal(sha_hex_of(SHA_KIND_1, "abc", 3, hex), 0);
	assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_int_equal(sha_size(SHA_KIND_1), 20);
	assert_int_equal(sha_size(SHA_KIND_256), 32);
	assert_int_equal(sha_size(SHA_KIND_512), 64);
}

static void test_streaming(void **state)
{
	_cleanup_sha_ struct sha s = SHA_INIT;
	uint8_t out[SHA_SIZE_MAX];
	char chunk[1000], hex[SHA_HEX_MAX];

	memset(chunk, 'a', sizeof(chunk));
	assert_int_equal(sha_begin(&s, SHA_KIND_256), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sha_update(&s, chunk, sizeof(chunk)), 0);
	assert_int_equal(sha_finish(&s, out), 0);
	hex_encode(hex, out, SHA_SIZE_256);
	assert_string_equal(hex, SHA256_MILLION);
	/* The same struct again, with another algorithm. */
	assert_int_equal(sha_begin(&s, SHA_KIND_512), 0);
	assert_int_equal(sha_update(&s, "ab", 2), 0);
	assert_int_equal(sha_update(&s, "c", 1), 0);
	assert_int_equal(sha_finish(&s, out), 0);
	hex_encode(hex, out, SHA_SIZE_512);
	assert_string_equal(hex, SHA512_ABC);
}

static void test_fd_range(void **state)
{
	_cleanup_fd_ int fd = -1;
	_cleanup_fd_ int pipe_end = -1;
	struct error err = ERROR_INIT;
	char hex[SHA_HEX_MAX], want[SHA_HEX_MAX];
	int ends[2];

	assert_int_equal(fd_memfd("sha", &fd), 0);
	assert_int_equal(fd_write_full(fd, "xxabcyy", 7), 0);
	assert_int_equal(sha_hex_of_fd(SHA_KIND_256, fd, 2, 3, hex, &err), 0);
	assert_string_equal(hex, SHA256_ABC);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 7);
	assert_int_equal(sha_hex_of(SHA_KIND_256, "abcyy", 5, want), 0);
	assert_int_equal(sha_hex_of_fd(SHA_KIND_256, fd, 2, UINT64_MAX, hex, &err), 0);
	assert_string_equal(hex, want);
	assert_int_equal(sha_hex_of_fd(SHA_KIND_256, fd, 7, UINT64_MAX, hex, &err), 0);
	assert_string_equal(hex, SHA256_EMPTY);
	assert_int_equal(sha_hex_of_fd(SHA_KIND_256, fd, 2, 6, hex, &err), -ENODATA);
	assert_string_equal(err.msg, "file ends at offset 7, 1 bytes early");
	assert_int_equal(fd_pipe(ends, 0), 0);
	pipe_end = ends[1];
	assert_int_equal(sha_hex_of_fd(SHA_KIND_256, ends[0], 0, 1, hex, &err), -ESPIPE);
	assert_string_equal(err.msg, "read at offset 0: Illegal seek");
	close(ends[0]);
}

/* More than one read's worth. */
static void test_fd_large(void **state)
{
	_cleanup_fd_ int fd = -1;
	struct error err = ERROR_INIT;
	char chunk[1000], hex[SHA_HEX_MAX];

	memset(chunk, 'a', sizeof(chunk));
	assert_int_equal(fd_memfd("sha", &fd), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(fd_write_full(fd, chunk, sizeof(chunk)), 0);
	assert_int_equal(sha_hex_of_fd(SHA_KIND_256, fd, 0, 1000000, hex, &err), 0);
	assert_string_equal(hex, SHA256_MILLION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_shot),
		cmocka_unit_test(test_streaming),
		cmocka_unit_test(test_fd_range),
		cmocka_unit_test(test_fd_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
